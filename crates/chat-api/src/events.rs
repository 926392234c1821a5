//! The events that chat publishes.

use bus::{EventData, EventSchema};
use chrono::{DateTime, Utc};
use ids::{AgentId, ChannelId, UserId, VisitorId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{EntryKind, OwnerState, SenderKind};

/// A channel was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelOpened {
    /// The channel.
    pub channel_id: ChannelId,
    /// The agent that answers in it.
    pub agent_id: AgentId,
    /// The visitor whose channel it is.
    pub visitor_id: VisitorId,
    /// When.
    pub opened_at: DateTime<Utc>,
}

impl EventData for ChannelOpened {
    const TYPE: &'static str = "chat.channel.opened.v1";

    fn subject(&self) -> String {
        self.channel_id.to_string()
    }

    fn subject_version(&self) -> Option<i64> {
        Some(1)
    }
}

/// A message was written into the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MessageCreated {
    /// The channel.
    pub channel_id: ChannelId,
    /// The message's place in the log.
    pub seq: i64,
    /// What kind of participant sent it.
    pub sender_kind: SenderKind,
    /// The agent of the channel.
    pub agent_id: AgentId,
    /// The visitor whose channel it is.
    pub visitor_id: VisitorId,
    /// Who answered in the channel when it was written.
    pub owner: OwnerState,
    /// The last change of owner.
    pub owner_version: i64,
    /// When it was written.
    pub created_at: DateTime<Utc>,
}

impl EventData for MessageCreated {
    const TYPE: &'static str = "chat.message.created.v1";

    fn subject(&self) -> String {
        self.channel_id.to_string()
    }

    fn subject_version(&self) -> Option<i64> {
        Some(self.seq)
    }
}

/// Somebody else answers in the channel now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwnerChanged {
    /// The channel.
    pub channel_id: ChannelId,
    /// The place of the change in the log, which is the new owner version.
    pub seq: i64,
    /// The new owner.
    pub owner: OwnerState,
    /// The agent of the channel.
    pub agent_id: AgentId,
    /// Who changed it.
    pub changed_by: SenderKind,
    /// Why, as a code.
    pub reason: Option<String>,
    /// When.
    pub changed_at: DateTime<Utc>,
}

impl EventData for OwnerChanged {
    const TYPE: &'static str = "chat.channel.owner_changed.v1";

    fn subject(&self) -> String {
        self.channel_id.to_string()
    }

    fn subject_version(&self) -> Option<i64> {
        Some(self.seq)
    }
}

/// The conversation ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelClosed {
    /// The channel.
    pub channel_id: ChannelId,
    /// The place of the end in the log.
    pub seq: i64,
    /// The agent of the channel.
    pub agent_id: AgentId,
    /// The visitor whose channel it was.
    pub visitor_id: VisitorId,
    /// Who ended it; the system, when it was idle.
    pub closed_by: SenderKind,
    /// Whether a person was asked for or took over.
    pub escalated: bool,
    /// Messages of the visitor.
    pub visitor_messages: i64,
    /// Messages of the AI.
    pub agent_messages: i64,
    /// Messages of people of the company.
    pub user_messages: i64,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// When it ended.
    pub closed_at: DateTime<Utc>,
}

impl EventData for ChannelClosed {
    const TYPE: &'static str = "chat.channel.closed.v1";

    fn subject(&self) -> String {
        self.channel_id.to_string()
    }

    fn subject_version(&self) -> Option<i64> {
        Some(self.seq)
    }
}

/// A closed conversation was opened again. The AI knows nothing of what was said before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelReopened {
    /// The channel.
    pub channel_id: ChannelId,
    /// The place of the reopening in the log, which is the new owner version.
    pub seq: i64,
    /// How many times it was opened, from 2.
    pub episode: i64,
    /// The agent of the channel.
    pub agent_id: AgentId,
    /// The visitor whose channel it is.
    pub visitor_id: VisitorId,
    /// Who answers now.
    pub owner: OwnerState,
    /// Who opened it.
    pub reopened_by: SenderKind,
    /// When.
    pub reopened_at: DateTime<Utc>,
}

impl EventData for ChannelReopened {
    const TYPE: &'static str = "chat.channel.reopened.v1";

    fn subject(&self) -> String {
        self.channel_id.to_string()
    }

    fn subject_version(&self) -> Option<i64> {
        Some(self.seq)
    }
}

/// Something else was written into the log: a note, an edit, a deletion, a reaction, an assignment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelUpdated {
    /// The channel.
    pub channel_id: ChannelId,
    /// Its place in the log.
    pub seq: i64,
    /// What kind of entry it is.
    pub kind: EntryKind,
    /// What changed, of an entry of the kind `change`: `assigned`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// The message that it is about, of an edit, a deletion or a reaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_seq: Option<i64>,
    /// The agent of the channel.
    pub agent_id: AgentId,
    /// The visitor whose channel it is.
    pub visitor_id: VisitorId,
    /// Who did it.
    pub changed_by: SenderKind,
    /// When.
    pub changed_at: DateTime<Utc>,
}

impl EventData for ChannelUpdated {
    const TYPE: &'static str = "chat.channel.updated.v1";

    fn subject(&self) -> String {
        self.channel_id.to_string()
    }

    fn subject_version(&self) -> Option<i64> {
        Some(self.seq)
    }
}

/// The visitor said how it was, or whether an answer helped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelRated {
    /// The channel.
    pub channel_id: ChannelId,
    /// Its place in the log: of two ratings, the later one counts.
    pub seq: i64,
    /// How many times the conversation was opened up to here.
    pub episode: i64,
    /// The agent of the channel.
    pub agent_id: AgentId,
    /// The visitor whose channel it is.
    pub visitor_id: VisitorId,
    /// The person who answered last, if a person did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// The conversation as a whole, from 1 to 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<u8>,
    /// The answer that the visitor speaks of; absent of the conversation as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_seq: Option<i64>,
    /// Whether that answer helped; absent when the word was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub helpful: Option<bool>,
    /// When.
    pub rated_at: DateTime<Utc>,
}

impl EventData for ChannelRated {
    const TYPE: &'static str = "chat.channel.rated.v1";

    fn subject(&self) -> String {
        self.channel_id.to_string()
    }

    fn subject_version(&self) -> Option<i64> {
        Some(self.seq)
    }
}

/// A visitor said who they are: in the form before the chat, or in the one that is shown while nobody
/// is there. Whoever may see it fetches it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VisitorIntroduced {
    /// The visitor.
    pub visitor_id: VisitorId,
    /// The version of what they said: of two, the higher is right.
    pub version: i64,
    /// When.
    pub introduced_at: DateTime<Utc>,
}

impl EventData for VisitorIntroduced {
    const TYPE: &'static str = "chat.visitor.introduced.v1";

    fn subject(&self) -> String {
        self.visitor_id.to_string()
    }

    fn subject_version(&self) -> Option<i64> {
        Some(self.version)
    }
}

/// The shapes of all of them.
#[must_use]
pub fn catalog() -> Vec<EventSchema> {
    vec![
        EventSchema::of::<ChannelOpened>(),
        EventSchema::of::<MessageCreated>(),
        EventSchema::of::<OwnerChanged>(),
        EventSchema::of::<ChannelClosed>(),
        EventSchema::of::<ChannelReopened>(),
        EventSchema::of::<ChannelUpdated>(),
        EventSchema::of::<ChannelRated>(),
        EventSchema::of::<VisitorIntroduced>(),
    ]
}

#[cfg(test)]
mod tests {
    #[test]
    fn published_events_keep_their_shape() {
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../openapi/events/chat.json"
        );
        bus::schema::assert_snapshot(file.as_ref(), &super::catalog());
    }
}
