//! What a log is made of: entries to be appended, who appends them, and what follows from each.

use chat_api::{
    Attachment, Body, Change, Entry, EntryKind, OwnerState, Sender, SenderKind, Written,
    events::{
        ChannelClosed, ChannelOpened, ChannelRated, ChannelReopened, ChannelUpdated,
        MessageCreated, OwnerChanged,
    },
};
use chrono::{DateTime, Utc};
use ids::{AgentId, ChannelId, TurnId, UserId, VisitorId, WorkspaceId};

use super::Head;

/// A channel of a workspace: what every query and every map is keyed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// The tenant.
    pub workspace: WorkspaceId,
    /// The channel.
    pub channel: ChannelId,
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

/// What somebody says. The body is complete: its blocks and attachments are in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The sender's own name for it: repeated, it is the same message.
    pub client_id: String,
    /// Whether it is a message or a note.
    pub kind: Written,
    /// What it says.
    pub body: Body,
}

/// A message or note that somebody wants to do something with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Of {
    /// Its place.
    pub seq: i64,
    /// Whether it is a message or a note.
    pub kind: EntryKind,
    /// Whether only people of the company see it.
    pub private: bool,
    /// Who wrote it.
    pub sender: Sender,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Whether it was taken back.
    pub deleted: bool,
    /// Its files, which an edit keeps.
    pub attachments: Vec<Attachment>,
    /// The people whom it calls, which an edit keeps.
    pub mentions: Vec<UserId>,
}

impl Of {
    /// What `entry` is, when it is a message or a note.
    #[must_use]
    pub fn entry(entry: Entry) -> Option<Self> {
        if !matches!(entry.kind, EntryKind::Message | EntryKind::Note) {
            return None;
        }
        let (attachments, mentions) = entry
            .body
            .map(|body| (body.attachments, body.mentions))
            .unwrap_or_default();
        Some(Self {
            seq: entry.seq,
            kind: entry.kind,
            private: entry.private,
            sender: entry.sender,
            created_at: entry.created_at,
            deleted: entry.deleted_at.is_some(),
            attachments,
            mentions,
        })
    }
}

/// An entry that is to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Draft {
    /// Something said by somebody who is not the AI.
    Said {
        /// Who says it.
        actor: Actor,
        /// What.
        said: Said,
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
    State(Turn),
    /// Anything else.
    Other(Deed),
}

/// Somebody else answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Turn {
    /// Who changes it.
    pub actor: Actor,
    /// Who answers now.
    pub owner: OwnerState,
    /// The person, when a person does.
    pub person: Option<UserId>,
    /// Why, as a code.
    pub reason: Option<String>,
    /// Whether it opens the channel again.
    pub opens: bool,
    /// The actor's own name for the change: repeated, it is the same change.
    pub once: Option<String>,
}

/// An entry that is neither said nor a change of owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Deed {
    /// Who does it.
    pub actor: Actor,
    /// What kind of entry it is.
    pub kind: EntryKind,
    /// Whether only people of the company see it.
    pub private: bool,
    /// The message or note that it is about.
    pub of_seq: Option<i64>,
    /// The sign of a reaction, and whether it is set.
    pub sign: Option<(String, bool)>,
    /// What a change changes.
    pub change: Option<Change>,
    /// The new text of an edit, or the words of a rating.
    pub body: Option<Body>,
    /// The actor's own name for it: repeated, it is the same.
    pub once: Option<String>,
}

impl Deed {
    /// A change.
    pub(super) fn change(actor: Actor, change: Change, once: Option<&str>) -> Self {
        Self {
            private: change.is_private(),
            change: Some(change),
            ..Self::about(actor, EntryKind::Change, None, once)
        }
    }

    /// Something about a message or note, or about none.
    pub(super) fn about(
        actor: Actor,
        kind: EntryKind,
        of: Option<&Of>,
        once: Option<&str>,
    ) -> Self {
        Self {
            actor,
            kind,
            private: of.is_some_and(|of| of.private),
            of_seq: of.map(|of| of.seq),
            sign: None,
            change: None,
            body: None,
            once: once.map(str::to_owned),
        }
    }
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

    /// The key of anything else.
    #[must_use]
    pub fn act(actor: Actor, once: &str) -> Self {
        Self {
            sender: format!("act/{}", actor.key()),
            client_id: once.to_owned(),
        }
    }
}

impl Draft {
    /// What makes a second one of these the same entry, where something does. `head` is what it follows.
    #[must_use]
    pub(super) fn key(&self, head: &Head) -> Option<ClientKey> {
        match self {
            Self::Said { actor, said } => Some(ClientKey::message(*actor, &said.client_id)),
            Self::Answer { turn, .. } => Some(ClientKey::answer(head.agent_id, *turn)),
            Self::State(turn) => Some(ClientKey::change(turn.actor, turn.once.as_deref()?)),
            Self::Other(deed) => Some(ClientKey::act(deed.actor, deed.once.as_deref()?)),
        }
    }
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
    /// It opens the channel again. This is a change of owner too, and tells more than that.
    Reopened(ChannelReopened),
    /// The visitor says how it was.
    Rated(ChannelRated),
    /// It is anything else.
    Updated(ChannelUpdated),
}

/// An entry with its place, what stands after it, and what others are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
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

    /// The person, if it is one.
    #[must_use]
    pub const fn person(self) -> Option<UserId> {
        match self {
            Self::Person(id) => Some(id),
            Self::Visitor(_) | Self::Agent(_) | Self::System => None,
        }
    }

    /// Whether `sender` is this one, whatever name is shown.
    #[must_use]
    pub fn is(self, sender: &Sender) -> bool {
        let own = self.sender();
        (own.kind, &own.id) == (sender.kind, &sender.id)
    }

    /// The sender as the unique key of messages has it.
    #[must_use]
    pub fn key(self) -> String {
        let Sender { kind, id, .. } = self.sender();
        format!("{}:{}", kind.as_str(), id.unwrap_or_default())
    }
}
