//! Starting a conversation with an agent.

use chat_api::OwnerState;
use chrono::{DateTime, Utc};
use ids::{AgentId, ChannelId};
use rest::{Check, Validate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Starts a conversation, or finds the open one. There is nothing to say yet.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartConversation {}

impl Validate for StartConversation {
    fn validate(&self, _: &mut Check) {}
}

/// A conversation that a customer can take part in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Conversation {
    /// The conversation; its channel has the same id.
    pub conversation_id: ChannelId,
    /// The channel to subscribe to.
    pub channel_id: ChannelId,
    /// The agent.
    pub agent_id: AgentId,
    /// The name that customers see.
    pub agent_name: String,
    /// Who answers.
    pub owner: OwnerState,
    /// The last entry of the channel's log.
    pub head_seq: i64,
    /// When it was started.
    pub created_at: DateTime<Utc>,
}
