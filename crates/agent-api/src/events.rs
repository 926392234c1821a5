//! The events that the agent service publishes.

use bus::{EventData, EventSchema};
use chrono::{DateTime, Utc};
use ids::{AgentId, ChannelId, TurnId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TurnOutcome {
    /// The agent answered from its documents.
    Answered,
    /// The agent said that it does not know, and offered a person.
    NotKnown,
    /// The agent answered without needing its documents, such as a greeting.
    SmallTalk,
    /// The customer asked for a person, and the agent called one.
    HandedOff,
    /// The model failed, and the agent said so and offered a person.
    Failed,
}

impl TurnOutcome {
    /// The outcome as JSON and metrics spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::NotKnown => "not_known",
            Self::SmallTalk => "small_talk",
            Self::HandedOff => "handed_off",
            Self::Failed => "failed",
        }
    }
}

/// An agent answered a customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TurnCompleted {
    /// The turn.
    pub turn_id: TurnId,
    /// The conversation.
    pub channel_id: ChannelId,
    /// The agent.
    pub agent_id: AgentId,
    /// How it ended.
    pub outcome: TurnOutcome,
    /// The last message that it answers.
    pub answers_to_seq: i64,
    /// The answer's place in the log.
    pub seq: i64,
    /// The model that wrote it; none when none was asked.
    pub model: Option<String>,
    /// Tokens of the prompt, as the model counted them.
    pub prompt_tokens: i64,
    /// Tokens of the answer, as the model counted them.
    pub completion_tokens: i64,
    /// Milliseconds from the customer's message to the first streamed word; none when the process that
    /// measured it died.
    pub first_delta_ms: Option<i64>,
    /// Milliseconds from the customer's message to the finished answer.
    pub total_ms: i64,
    /// When it ended.
    pub completed_at: DateTime<Utc>,
}

impl EventData for TurnCompleted {
    const TYPE: &'static str = "agent.turn.completed.v1";

    fn subject(&self) -> String {
        self.turn_id.to_string()
    }
}

/// An agent was created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgentCreated {
    /// The agent.
    pub agent_id: AgentId,
    /// When.
    pub created_at: DateTime<Utc>,
}

impl EventData for AgentCreated {
    const TYPE: &'static str = "agent.agent.created.v1";

    fn subject(&self) -> String {
        self.agent_id.to_string()
    }

    fn subject_version(&self) -> Option<i64> {
        Some(1)
    }
}

/// An agent was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgentUpdated {
    /// The agent.
    pub agent_id: AgentId,
    /// Its version after the change.
    pub version: i64,
    /// When.
    pub updated_at: DateTime<Utc>,
}

impl EventData for AgentUpdated {
    const TYPE: &'static str = "agent.agent.updated.v1";

    fn subject(&self) -> String {
        self.agent_id.to_string()
    }

    fn subject_version(&self) -> Option<i64> {
        Some(self.version)
    }
}

/// The shapes of all of them.
#[must_use]
pub fn catalog() -> Vec<EventSchema> {
    vec![
        EventSchema::of::<TurnCompleted>(),
        EventSchema::of::<AgentCreated>(),
        EventSchema::of::<AgentUpdated>(),
    ]
}

#[cfg(test)]
mod tests {
    #[test]
    fn published_events_keep_their_shape() {
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../openapi/events/agent.json"
        );
        bus::schema::assert_snapshot(file.as_ref(), &super::catalog());
    }
}
