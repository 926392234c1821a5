//! The rules of a channel's log, without any store: who may append what, and what follows from it.
//!
//! Each entry is stored with the [`Head`] that stands after it, so the last entry alone tells the state
//! of the channel: who answers, since when, and what was counted. A new entry is derived from the head
//! it follows, and it only gets its place when nothing else took it. Whatever was true of the head is
//! therefore true at the place of the entry.

use chat_api::{
    Body, Entry, EntryKind, NewMessage, OwnerState, ReplyHeader, Sender, SenderKind, SetOwner,
    events::{ChannelClosed, ChannelOpened, MessageCreated, OwnerChanged},
};
use chrono::{DateTime, SubsecRound, Utc};
use common::{ErrorCode, Problem, telemetry::Personal};
use ids::{AgentId, ChannelId, TurnId, UserId, VisitorId, WorkspaceId};
use serde::{Deserialize, Serialize};

/// A channel of a workspace: what every query and every map is keyed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// The tenant.
    pub workspace: WorkspaceId,
    /// The channel.
    pub channel: ChannelId,
}

/// The state of a channel after one entry of its log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The entry.
    pub seq: i64,
    /// The agent of the channel.
    pub agent_id: AgentId,
    /// The visitor whose channel it is.
    pub visitor_id: VisitorId,
    /// Who answers.
    pub owner: OwnerState,
    /// The last change of owner.
    pub owner_version: i64,
    /// The person who answers, while a person does.
    #[serde(default)]
    pub person: Option<UserId>,
    /// When the channel was opened.
    pub opened_at: DateTime<Utc>,
    /// When the entry was written.
    pub last_at: DateTime<Utc>,
    /// When the channel was closed.
    #[serde(default)]
    pub closed_at: Option<DateTime<Utc>>,
    /// Messages of the visitor.
    pub visitor_messages: i64,
    /// Messages of the AI.
    pub agent_messages: i64,
    /// Messages of people of the company.
    pub user_messages: i64,
    /// Whether a person was asked for or took over.
    pub escalated: bool,
    /// The last entry that the AI has answered; 0 for none.
    pub answered_seq: i64,
}

/// Who acts on a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// The customer, or the person who plays one in a conversation of their own.
    Visitor(VisitorId),
    /// A person of the company.
    Person(UserId),
    /// The AI agent.
    Agent(AgentId),
    /// The product itself.
    System,
}

/// An entry that is to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Draft {
    /// Something said by a person.
    Message {
        /// Who says it.
        actor: Actor,
        /// What.
        message: NewMessage,
    },
    /// The AI's answer.
    Answer {
        /// The agent's name, to show.
        name: String,
        /// The turn that it ends.
        turn: TurnId,
        /// The last entry that it answers.
        answers_to: i64,
        /// What it says.
        body: Body,
    },
    /// Somebody else answers from here.
    State {
        /// Who changes it.
        actor: Actor,
        /// Who answers now.
        owner: OwnerState,
        /// Why, as a code.
        reason: Option<String>,
        /// The actor's own name for the change: repeated, it is the same change.
        once: Option<String>,
    },
}

/// What makes a repeated append the same entry: the sender, and the sender's own name for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientKey {
    /// Whose names these are.
    pub sender: String,
    /// The name.
    pub client_id: String,
}

impl ClientKey {
    /// The key of a message.
    #[must_use]
    pub fn message(actor: Actor, client_id: &str) -> Self {
        Self {
            sender: actor.key(),
            client_id: client_id.to_owned(),
        }
    }

    /// The key of an answer.
    #[must_use]
    pub fn answer(agent: AgentId, turn: TurnId) -> Self {
        Self::message(Actor::Agent(agent), &turn.to_string())
    }

    /// The key of a change of owner.
    #[must_use]
    pub fn change(actor: Actor, once: &str) -> Self {
        Self {
            sender: format!("state/{}", actor.key()),
            client_id: once.to_owned(),
        }
    }
}

impl Draft {
    /// What makes a second one of these the same entry, where something does. `head` is what it follows.
    #[must_use]
    pub(super) fn key(&self, head: &Head) -> Option<ClientKey> {
        match self {
            Self::Message { actor, message } => {
                Some(ClientKey::message(*actor, &message.client_id))
            }
            Self::Answer { turn, .. } => Some(ClientKey::answer(head.agent_id, *turn)),
            Self::State { actor, once, .. } => Some(ClientKey::change(*actor, once.as_deref()?)),
        }
    }
}

/// Why something may not be appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The channel is closed for good.
    Closed,
    /// Somebody else answers now.
    OwnerChanged,
    /// The AI has answered this, or something later, already.
    AlreadyAnswered,
    /// Another agent answers in this channel.
    WrongAgent,
    /// This actor may not set that owner.
    NotAllowed,
}

/// What another service is told about an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fact {
    /// It opened the channel.
    Opened(ChannelOpened),
    /// It says something.
    Said(MessageCreated),
    /// It changes the owner.
    OwnerChanged(OwnerChanged),
    /// It ends the conversation. This is a change of owner too, and tells more than that.
    Closed(ChannelClosed),
}

/// An entry with its place, what stands after it, and what others are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    /// The entry.
    pub entry: Entry,
    /// The state after it.
    pub head: Head,
    /// The event that it makes.
    pub fact: Fact,
}

impl Actor {
    /// The kind as entries have it.
    #[must_use]
    pub const fn kind(self) -> SenderKind {
        match self {
            Self::Visitor(_) => SenderKind::Visitor,
            Self::Person(_) => SenderKind::User,
            Self::Agent(_) => SenderKind::Agent,
            Self::System => SenderKind::System,
        }
    }

    /// The sender as entries have it.
    #[must_use]
    pub fn sender(self) -> Sender {
        let id = match self {
            Self::Visitor(id) => Some(id.to_string()),
            Self::Person(id) => Some(id.to_string()),
            Self::Agent(id) => Some(id.to_string()),
            Self::System => None,
        };
        Sender {
            kind: self.kind(),
            id,
            name: None,
        }
    }

    /// The sender as the unique key of messages has it.
    #[must_use]
    pub fn key(self) -> String {
        let Sender { kind, id, .. } = self.sender();
        format!("{}:{}", kind.as_str(), id.unwrap_or_default())
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Closed => {
                Self::new(ErrorCode::ChannelClosed).detail("start a new conversation; this one has ended")
            }
            Refusal::OwnerChanged => Self::new(ErrorCode::OwnerChanged)
                .detail("read the channel again and decide anew; nothing was written"),
            Refusal::AlreadyAnswered => Self::new(ErrorCode::AlreadyAnswered)
                .detail("an answer to this message, or to a later one, is in the log"),
            Refusal::WrongAgent => {
                Self::new(ErrorCode::Conflict).detail("another agent answers in this channel")
            }
            Refusal::NotAllowed => Self::new(ErrorCode::Forbidden).detail(
                "a visitor and the agent may ask for a person (`queued`) or end the conversation (`closed`)",
            ),
        }
    }
}

/// The entry that opens a channel: the AI answers, and the product itself says so.
#[must_use]
pub(super) fn open(
    place: Place,
    agent_id: AgentId,
    visitor_id: VisitorId,
    now: DateTime<Utc>,
) -> Written {
    let at = now.trunc_subsecs(3);
    let head = Head {
        seq: 1,
        agent_id,
        visitor_id,
        owner: OwnerState::Ai,
        owner_version: 1,
        person: None,
        opened_at: at,
        last_at: at,
        closed_at: None,
        visitor_messages: 0,
        agent_messages: 0,
        user_messages: 0,
        escalated: false,
        answered_seq: 0,
    };
    let entry = Entry {
        channel_id: place.channel,
        seq: 1,
        kind: EntryKind::State,
        sender: Actor::System.sender(),
        client_id: None,
        body: None,
        owner: Some(OwnerState::Ai),
        reason: None,
        owner_version: 1,
        turn_id: None,
        created_at: at,
    };
    let fact = Fact::Opened(ChannelOpened {
        channel_id: place.channel,
        agent_id,
        visitor_id,
        opened_at: at,
    });
    Written { entry, head, fact }
}

/// What has to be appended so that `message` is said: it alone, or a takeover before it, because
/// whoever writes answers from then on.
///
/// # Errors
/// When the channel is closed.
pub(super) fn say(head: &Head, actor: Actor, message: &NewMessage) -> Result<Draft, Refusal> {
    if head.owner == OwnerState::Closed {
        return Err(Refusal::Closed);
    }
    let nobody_yet = matches!(head.owner, OwnerState::Ai | OwnerState::Queued);
    if matches!(actor, Actor::Person(_)) && nobody_yet {
        let reason = Some("person_wrote".to_owned());
        return Ok(Draft::State {
            actor,
            owner: OwnerState::Human,
            reason,
            once: None,
        });
    }
    Ok(Draft::Message {
        actor,
        message: message.clone(),
    })
}

/// Whether the AI may answer what `header` says, and so whether its answer may stand after `head`.
///
/// # Errors
/// When the owner has moved, or the answer is there already.
pub fn may_answer(head: &Head, header: &ReplyHeader) -> Result<(), Refusal> {
    if head.agent_id != header.agent_id {
        return Err(Refusal::WrongAgent);
    }
    if head.owner == OwnerState::Closed {
        return Err(Refusal::Closed);
    }
    // While a person is wanted and none is there, the AI may go on; under a person it may not, even
    // when it knows of the person.
    if head.owner_version != header.owner_version || head.owner == OwnerState::Human {
        return Err(Refusal::OwnerChanged);
    }
    if head.answered_seq >= header.answers_to_seq {
        return Err(Refusal::AlreadyAnswered);
    }
    Ok(())
}

/// The change of owner to append, or none when there is nothing to change.
///
/// # Errors
/// When the actor may not, or the owner has moved.
pub(super) fn change_owner(
    head: &Head,
    actor: Actor,
    (change, once): (&SetOwner, Option<&str>),
) -> Result<Option<Draft>, Refusal> {
    use OwnerState::{Ai, Closed, Human, Queued};
    if change
        .if_owner_version
        .is_some_and(|version| version != head.owner_version)
    {
        return Err(Refusal::OwnerChanged);
    }
    let wanted = change.owner;
    if head.owner == Closed {
        return if wanted == Closed {
            Ok(None)
        } else {
            Err(Refusal::Closed)
        };
    }
    let changes = match (actor, wanted) {
        (Actor::Visitor(_) | Actor::Agent(_), Ai | Human) => return Err(Refusal::NotAllowed),
        // Asking for a person while one is wanted, or there, changes nothing.
        (Actor::Visitor(_), Queued) => head.owner == Ai,
        (Actor::Agent(_), Queued) if head.owner == Queued => false,
        // The AI decides only while it is the one who answers.
        (Actor::Agent(_), _) if head.owner != Ai => return Err(Refusal::OwnerChanged),
        // A colleague takes over from a colleague.
        (Actor::Person(person), Human) => head.owner != Human || head.person != Some(person),
        (_, wanted) => head.owner != wanted,
    };
    let (reason, once) = (change.reason.clone(), once.map(str::to_owned));
    Ok(changes.then_some(Draft::State {
        actor,
        owner: wanted,
        reason,
        once,
    }))
}

/// The end of a channel that nobody has written in since `before`; none when somebody has.
#[must_use]
pub(super) fn close_idle(head: &Head, before: DateTime<Utc>) -> Option<Draft> {
    let idle = head.owner != OwnerState::Closed && head.last_at < before;
    let (actor, owner, reason) = (Actor::System, OwnerState::Closed, Some("idle".to_owned()));
    idle.then_some(Draft::State {
        actor,
        owner,
        reason,
        once: None,
    })
}

/// Puts a draft behind `head`.
#[must_use]
pub(super) fn write(place: Place, head: &Head, draft: Draft, now: DateTime<Utc>) -> Written {
    // Whole milliseconds, which is what MongoDB keeps; and never before the entry in front, whatever
    // the clocks of two instances say.
    let at = now.trunc_subsecs(3).max(head.last_at);
    let seq = head.seq + 1;
    let mut next = Head {
        seq,
        last_at: at,
        ..head.clone()
    };
    let mut entry = Entry {
        channel_id: place.channel,
        seq,
        kind: EntryKind::Message,
        sender: Actor::System.sender(),
        client_id: None,
        body: None,
        owner: None,
        reason: None,
        owner_version: head.owner_version,
        turn_id: None,
        created_at: at,
    };
    match draft {
        Draft::Message { actor, message } => {
            match actor {
                Actor::Visitor(_) => next.visitor_messages += 1,
                Actor::Person(_) => next.user_messages += 1,
                Actor::Agent(_) => next.agent_messages += 1,
                Actor::System => {}
            }
            entry.sender = actor.sender();
            entry.client_id = Some(message.client_id);
            entry.body = Some(message.body);
        }
        Draft::Answer {
            name,
            turn,
            answers_to,
            body,
        } => {
            next.agent_messages += 1;
            next.answered_seq = next.answered_seq.max(answers_to);
            entry.sender = Sender {
                name: Some(Personal::new(name)),
                ..Actor::Agent(head.agent_id).sender()
            };
            entry.client_id = Some(turn.to_string());
            entry.turn_id = Some(turn);
            entry.body = Some(body);
        }
        Draft::State {
            actor,
            owner,
            reason,
            ..
        } => {
            next.owner = owner;
            next.owner_version = seq;
            next.escalated |= matches!(owner, OwnerState::Queued | OwnerState::Human);
            next.person = match (owner, actor) {
                (OwnerState::Human, Actor::Person(person)) => Some(person),
                _ => None,
            };
            next.closed_at = (owner == OwnerState::Closed).then_some(at);
            entry.kind = EntryKind::State;
            entry.sender = actor.sender();
            entry.owner = Some(owner);
            entry.reason = reason;
            entry.owner_version = seq;
        }
    }
    let fact = fact(place, &entry, &next);
    Written {
        entry,
        head: next,
        fact,
    }
}

fn fact(place: Place, entry: &Entry, head: &Head) -> Fact {
    let (channel_id, agent_id, visitor_id) = (place.channel, head.agent_id, head.visitor_id);
    match entry.owner {
        None => Fact::Said(MessageCreated {
            channel_id,
            seq: entry.seq,
            sender_kind: entry.sender.kind,
            agent_id,
            visitor_id,
            owner: head.owner,
            owner_version: head.owner_version,
            created_at: entry.created_at,
        }),
        Some(OwnerState::Closed) => Fact::Closed(ChannelClosed {
            channel_id,
            seq: entry.seq,
            agent_id,
            visitor_id,
            closed_by: entry.sender.kind,
            escalated: head.escalated,
            visitor_messages: head.visitor_messages,
            agent_messages: head.agent_messages,
            user_messages: head.user_messages,
            opened_at: head.opened_at,
            closed_at: entry.created_at,
        }),
        Some(owner) => Fact::OwnerChanged(OwnerChanged {
            channel_id,
            seq: entry.seq,
            owner,
            agent_id,
            changed_by: entry.sender.kind,
            reason: entry.reason.clone(),
            changed_at: entry.created_at,
        }),
    }
}
