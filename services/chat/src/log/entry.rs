//! What a log is made of: entries to be appended, the state after each, and what follows from it.

use chat_api::{
    Body, Entry, NewMessage, OwnerState, Sender, SenderKind,
    events::{ChannelClosed, ChannelOpened, MessageCreated, OwnerChanged},
};
use chrono::{DateTime, Utc};
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
    /// The last message of the visitor; 0 for none.
    #[serde(default)]
    pub asked_seq: i64,
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
