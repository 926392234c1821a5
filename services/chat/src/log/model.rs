//! The rules of a channel's log, without any store: who may append what, and what follows from it.
//!
//! Each entry is stored with the [`Head`] that stands after it, so the last entry alone tells the state
//! of the channel: who answers, since when, and what was counted. A new entry is derived from the head
//! it follows, and it only gets its place when nothing else took it. Whatever was true of the head is
//! therefore true at the place of the entry.

use chat_api::{
    Entry, EntryKind, NewMessage, OwnerState, ReplyHeader, Sender, SetOwner,
    events::{ChannelClosed, ChannelOpened, MessageCreated, OwnerChanged},
};
use chrono::{DateTime, SubsecRound, Utc};
use common::{ErrorCode, Problem, telemetry::Personal};
use ids::{AgentId, VisitorId};

use super::entry::{Actor, Draft, Fact, Head, Place, Written};

/// Why something may not be appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The channel is closed for good.
    Closed,
    /// Somebody else answers now.
    OwnerChanged,
    /// The AI has answered this, or something later, already.
    AlreadyAnswered,
    /// The turn does not know of an answer or of a message that is in the log.
    Behind,
    /// Another agent answers in this channel.
    WrongAgent,
    /// This actor may not set that owner.
    NotAllowed,
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
            Refusal::Behind => Self::new(ErrorCode::PreconditionFailed)
                .detail("read the log again: it has an answer or a message that the turn does not know of"),
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
        asked_seq: 0,
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
pub(super) fn may_answer(head: &Head, header: &ReplyHeader) -> Result<(), Refusal> {
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
    if header
        .answered_seq
        .is_some_and(|known| known != head.answered_seq)
    {
        return Err(Refusal::Behind);
    }
    Ok(())
}

/// Whether the first word of an answer may be said. Later than that, a further message gets its own.
///
/// # Errors
/// As [`may_answer`], and when a message came that the answer does not answer.
pub fn may_begin(head: &Head, header: &ReplyHeader) -> Result<(), Refusal> {
    may_answer(head, header)?;
    if header.answered_seq.is_some() && head.asked_seq > header.answers_to_seq {
        return Err(Refusal::Behind);
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
                Actor::Visitor(_) => {
                    next.visitor_messages += 1;
                    next.asked_seq = seq;
                }
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
