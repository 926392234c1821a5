//! A channel: what people see of a conversation, and who answers in it.

use chrono::{DateTime, Utc};
use common::telemetry::Personal;
use ids::{AgentId, ChannelId, TeamId, UserId, VisitorId, WorkspaceId};
use rest::{Check, Field, Timestamp, Validate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The name of a label, as the documents describe it.
#[derive(ToSchema)]
#[schema(value_type = String, min_length = 1, max_length = 50, pattern = "^[^\\x00-\\x1f\\x7f]*[^\\s\\x00-\\x1f\\x7f][^\\x00-\\x1f\\x7f]*$")]
pub struct LabelName(#[expect(dead_code, reason = "names the schema of what is a string")] String);

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
    /// How many times it was opened: 1, and one more for each reopening.
    pub episode: i64,
    /// The person who takes care of it.
    pub assignee_id: Option<UserId>,
    /// The team that takes care of it.
    pub team_id: Option<TeamId>,
    /// Its labels, sorted. Visitors see none.
    pub labels: Vec<String>,
    /// How much it presses. Visitors see `normal`.
    pub priority: Priority,
    /// It sleeps until then. Visitors see nothing of it.
    pub snoozed_until: Option<DateTime<Utc>>,
    /// People of the company who take part beside the assignee. Visitors see none.
    pub participants: Vec<UserId>,
    /// It goes on in that channel.
    pub merged_into: Option<ChannelId>,
    /// How the visitor rated it, from 1 to 5.
    pub rating: Option<u8>,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When the last entry was written.
    pub last_activity_at: DateTime<Utc>,
    /// When it was closed.
    pub closed_at: Option<DateTime<Utc>>,
}

impl Channel {
    /// What the visitor may see of it.
    #[must_use]
    pub fn for_visitor(self) -> Self {
        Self {
            labels: Vec::new(),
            priority: Priority::default(),
            snoozed_until: None,
            participants: Vec::new(),
            ..self
        }
    }
}

/// How much a channel presses.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// It can wait.
    Low,
    /// Like most.
    #[default]
    Normal,
    /// Before most.
    High,
    /// At once.
    Urgent,
}

impl Priority {
    /// From the least to the most pressing.
    pub const ALL: [Self; 4] = [Self::Low, Self::Normal, Self::High, Self::Urgent];

    /// The priority as JSON spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Urgent => "urgent",
        }
    }

    /// Its rank, from 0 for `low`: how the store sorts it.
    #[must_use]
    pub const fn rank(self) -> i16 {
        match self {
            Self::Low => 0,
            Self::Normal => 1,
            Self::High => 2,
            Self::Urgent => 3,
        }
    }
}

/// Labels of one channel.
pub const MAX_LABELS: usize = 20;

/// A merge patch of what people of the company arrange about a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchChannel {
    /// The person who takes care of it; a member of the workspace.
    #[serde(default)]
    #[schema(value_type = Option<UserId>)]
    pub assignee_id: Field<UserId>,
    /// The team that takes care of it.
    #[serde(default)]
    #[schema(value_type = Option<TeamId>)]
    pub team_id: Field<TeamId>,
    /// All its labels. They are trimmed and sorted, each is kept once.
    #[serde(default)]
    #[schema(value_type = Option<Vec<LabelName>>, max_items = 20)]
    pub labels: Field<Vec<String>>,
    /// How much it presses; null is `normal`.
    #[serde(default)]
    #[schema(value_type = Option<Priority>)]
    pub priority: Field<Priority>,
    /// It sleeps until then, and wakes before when the visitor writes.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub snoozed_until: Field<Timestamp>,
}

impl Validate for PatchChannel {
    fn validate(&self, check: &mut Check) {
        check.optional(&self.labels, |check, labels| {
            if labels.len() > MAX_LABELS {
                check.fault("/labels", format!("{MAX_LABELS} at most"));
            }
            for (index, label) in labels.iter().enumerate() {
                check.line(&format!("/labels/{index}"), label, 1..=50);
            }
        });
    }
}

/// Opens a conversation again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reopen {
    /// Who answers then: `ai`, which is all that a visitor may ask for, `queued` or `human`.
    pub owner: OwnerState,
}

impl Validate for Reopen {
    fn validate(&self, check: &mut Check) {
        if self.owner == OwnerState::Closed {
            check.fault("/owner", "must be `ai`, `queued` or `human`");
        }
    }
}

/// Lets a channel go on in another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Merge {
    /// The channel in which it goes on.
    pub into: ChannelId,
}

impl Validate for Merge {
    fn validate(&self, _: &mut Check) {}
}

/// How far somebody has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MarkRead {
    /// The last entry that was read.
    #[schema(minimum = 1)]
    pub seq: i64,
}

impl Validate for MarkRead {
    fn validate(&self, check: &mut Check) {
        if self.seq < 1 {
            check.fault("/seq", "must be 1 or more");
        }
    }
}

/// How the visitor found it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// From 1, bad, to 5, good.
    #[schema(minimum = 1, maximum = 5)]
    pub score: u8,
    /// More about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 2_000)]
    pub comment: Option<Personal<String>>,
}

impl Validate for Rate {
    fn validate(&self, check: &mut Check) {
        if !(1..=5).contains(&self.score) {
            check.fault("/score", "must be from 1 to 5");
        }
        if let Some(comment) = &self.comment {
            check.text("/comment", comment.expose(), 1..=2_000);
        }
    }
}

/// A change of who answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
