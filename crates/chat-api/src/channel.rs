//! A channel: what people see of a conversation, and who answers in it.

use chrono::{DateTime, Utc};
use ids::{AgentId, ChannelId, VisitorId, WorkspaceId};
use rest::{Check, Validate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who answers in a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OwnerState {
    /// The AI agent.
    Ai,
    /// Nobody yet: a person is wanted.
    Queued,
    /// A person of the company.
    Human,
    /// Nobody any more.
    Closed,
}

impl OwnerState {
    /// The state as JSON spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ai => "ai",
            Self::Queued => "queued",
            Self::Human => "human",
            Self::Closed => "closed",
        }
    }
}

/// A channel as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Channel {
    /// The channel; the conversation has the same id.
    pub id: ChannelId,
    /// The agent that answers in it.
    pub agent_id: AgentId,
    /// The visitor whose channel it is.
    pub visitor_id: VisitorId,
    /// Who answers.
    pub owner: OwnerState,
    /// The `seq` of the last change of owner.
    pub owner_version: i64,
    /// The `seq` of the last entry.
    pub head_seq: i64,
    /// The `seq` of the last message that the AI has answered; 0 for none.
    pub answered_seq: i64,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When the last entry was written.
    pub last_activity_at: DateTime<Utc>,
    /// When it was closed.
    pub closed_at: Option<DateTime<Utc>>,
}

/// A change of who answers.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetOwner {
    /// The new owner. A visitor may ask for a person (`queued`) or end it (`closed`).
    pub owner: OwnerState,
    /// Why, as a short code such as `visitor_asked`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 64, pattern = "^[a-z0-9_]+$")]
    pub reason: Option<String>,
    /// Change only while this is the last change of owner; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_owner_version: Option<i64>,
}

impl Validate for SetOwner {
    fn validate(&self, check: &mut Check) {
        if let Some(reason) = &self.reason {
            check.line("/reason", reason, 1..=64);
            // It travels in events, which carry no words of anybody.
            let in_code = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
            if !reason.bytes().all(in_code) {
                check.fault("/reason", "a code such as `visitor_asked`");
            }
        }
    }
}

/// What the agent service asks for when a conversation starts. Repeating it changes nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenChannel {
    /// The tenant.
    pub workspace_id: WorkspaceId,
    /// The agent that will answer.
    pub agent_id: AgentId,
    /// The visitor whose channel it is.
    pub visitor_id: VisitorId,
}

impl Validate for OpenChannel {
    fn validate(&self, _: &mut Check) {}
}

/// The answer to [`OpenChannel`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Opened {
    /// The channel as it stands.
    pub channel: Channel,
    /// Whether it was made by this request.
    pub created: bool,
}

/// A change of owner that another service asks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetOwnerInternal {
    /// The tenant.
    pub workspace_id: WorkspaceId,
    /// The change.
    pub change: SetOwner,
}

impl Validate for SetOwnerInternal {
    fn validate(&self, check: &mut Check) {
        self.change.validate(check);
    }
}
