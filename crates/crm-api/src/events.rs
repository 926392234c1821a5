//! The events that the CRM publishes.

use bus::{EventData, EventSchema};
use chrono::{DateTime, Utc};
use ids::{AgentId, ChannelId, ContactId, InteractionId, VisitorId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::InteractionType;

/// A contact came into being.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContactCreated {
    /// The contact.
    pub contact_id: ContactId,
    /// The visitor who it is, where known.
    pub visitor_id: Option<VisitorId>,
    /// When.
    pub created_at: DateTime<Utc>,
}

impl EventData for ContactCreated {
    const TYPE: &'static str = "crm.contact.created.v1";

    fn subject(&self) -> String {
        self.contact_id.to_string()
    }

    fn subject_version(&self) -> Option<i64> {
        Some(1)
    }
}

/// A contact was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContactUpdated {
    /// The contact.
    pub contact_id: ContactId,
    /// Its version after the change.
    pub version: i64,
    /// When.
    pub updated_at: DateTime<Utc>,
}

impl EventData for ContactUpdated {
    const TYPE: &'static str = "crm.contact.updated.v1";

    fn subject(&self) -> String {
        self.contact_id.to_string()
    }

    fn subject_version(&self) -> Option<i64> {
        Some(self.version)
    }
}

/// A call, chat or video with a contact has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InteractionCreated {
    /// The interaction.
    pub interaction_id: InteractionId,
    /// With whom.
    pub contact_id: ContactId,
    /// Which agent.
    pub agent_id: AgentId,
    /// The conversation.
    pub channel_id: ChannelId,
    /// How they talked.
    pub interaction_type: InteractionType,
    /// How long, in seconds.
    pub duration_seconds: i64,
    /// Whether a person was asked for or took over.
    pub escalated: bool,
    /// Messages of the visitor.
    pub visitor_messages: i64,
    /// Messages of the AI.
    pub agent_messages: i64,
    /// Messages of people of the company.
    pub user_messages: i64,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: DateTime<Utc>,
}

impl EventData for InteractionCreated {
    const TYPE: &'static str = "crm.interaction.created.v1";

    fn subject(&self) -> String {
        self.interaction_id.to_string()
    }
}

/// The shapes of all of them.
#[must_use]
pub fn catalog() -> Vec<EventSchema> {
    vec![
        EventSchema::of::<ContactCreated>(),
        EventSchema::of::<ContactUpdated>(),
        EventSchema::of::<InteractionCreated>(),
    ]
}

#[cfg(test)]
mod tests {
    #[test]
    fn published_events_keep_their_shape() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi/events/crm.json");
        bus::schema::assert_snapshot(file.as_ref(), &super::catalog());
    }
}
