//! What people of the company write before it is sent: canned replies, drafts, messages for later.

use chrono::{DateTime, Utc};
use common::telemetry::Personal;
use ids::{CannedReplyId, ChannelId, ScheduledMessageId, UserId};
use rest::{Check, Field, Timestamp, Validate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{MAX_TEXT, Written};

const TITLE: std::ops::RangeInclusive<usize> = 1..=200;
/// Values that one rendering is given.
const MAX_VALUES: usize = 50;

/// A text that people answer with again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CannedReply {
    /// The reply.
    pub id: CannedReplyId,
    /// What people type to get it, unique among the shared ones, and among one's own.
    pub shortcut: String,
    /// What it is for.
    pub title: String,
    /// The text, which is Markdown, with places such as `{{contact.name}}` or `{{contact.name | there}}`.
    pub text: String,
    /// Whether everybody of the workspace has it; otherwise the one who made it.
    pub shared: bool,
    /// Who made it.
    pub created_by: UserId,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// A canned reply to be created.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateCannedReply {
    /// What people type to get it.
    #[schema(min_length = 1, max_length = 40, pattern = "^[a-z0-9_-]+$")]
    pub shortcut: String,
    /// What it is for.
    #[schema(min_length = 1, max_length = 200)]
    pub title: String,
    /// The text.
    #[schema(min_length = 1, max_length = 10_000)]
    pub text: String,
    /// Whether everybody of the workspace has it.
    #[serde(default)]
    pub shared: bool,
}

impl Validate for CreateCannedReply {
    fn validate(&self, check: &mut Check) {
        shortcut(check, &self.shortcut);
        check.line("/title", &self.title, TITLE);
        check.text("/text", &self.text, 1..=MAX_TEXT);
    }
}

/// A merge patch of a canned reply. Whose it is does not change.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchCannedReply {
    /// What people type to get it.
    #[serde(default)]
    #[schema(value_type = String, min_length = 1, max_length = 40, pattern = "^[a-z0-9_-]+$")]
    pub shortcut: Field<String>,
    /// What it is for.
    #[serde(default)]
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    pub title: Field<String>,
    /// The text.
    #[serde(default)]
    #[schema(value_type = String, min_length = 1, max_length = 10_000)]
    pub text: Field<String>,
}

impl Validate for PatchCannedReply {
    fn validate(&self, check: &mut Check) {
        check.required("/shortcut", &self.shortcut, |check, text| {
            shortcut(check, text)
        });
        check.required("/title", &self.title, |check, title| {
            check.line("/title", title, TITLE);
        });
        check.required("/text", &self.text, |check, text| {
            check.text("/text", text, 1..=MAX_TEXT);
        });
    }
}

fn shortcut(check: &mut Check, text: &str) {
    check.line("/shortcut", text, 1..=40);
    let usual = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    if !text.bytes().all(usual) {
        check.fault("/shortcut", "small letters, digits, `-` and `_`");
    }
}

/// Asks for a canned reply as it reads in a conversation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RenderCannedReply {
    /// The conversation.
    pub channel_id: ChannelId,
    /// What stands for places of the text. `contact.name`, `contact.email` and `contact.phone` are what
    /// the visitor said of themselves, unless they are given here.
    #[serde(default)]
    #[schema(max_items = 50)]
    pub values: Vec<NamedValue>,
}

/// What stands for a place of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedValue {
    /// The name of the place: `contact.name`.
    #[schema(min_length = 1, max_length = 80)]
    pub name: String,
    /// What stands there.
    #[schema(value_type = String, max_length = 1_000)]
    pub value: Personal<String>,
}

impl Validate for RenderCannedReply {
    fn validate(&self, check: &mut Check) {
        if self.values.len() > MAX_VALUES {
            check.fault("/values", format!("{MAX_VALUES} at most"));
        }
        for (index, value) in self.values.iter().enumerate() {
            check.line(&format!("/values/{index}/name"), &value.name, 1..=80);
            let pointer = format!("/values/{index}/value");
            check.text(&pointer, value.value.expose(), 0..=1_000);
        }
    }
}

/// A canned reply as it reads in a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RenderedReply {
    /// The text, with what is known in its places.
    #[schema(value_type = String)]
    pub text: Personal<String>,
    /// Places for which nothing is known; they are empty in the text.
    pub missing: Vec<String>,
}

/// What somebody is writing in a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Draft {
    /// The text; empty when there is none.
    #[schema(value_type = String)]
    pub text: Personal<String>,
    /// Whether it is to be a message or a note.
    pub kind: Written,
    /// When it was last kept; never, when absent.
    pub updated_at: Option<DateTime<Utc>>,
}

/// A draft to be kept.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutDraft {
    /// The text; an empty one is no draft.
    #[schema(value_type = String, max_length = 10_000)]
    pub text: Personal<String>,
    /// Whether it is to be a message or a note.
    #[serde(default)]
    pub kind: Written,
}

impl Validate for PutDraft {
    fn validate(&self, check: &mut Check) {
        // Only white space is a draft too: somebody is just beginning a new line.
        if self.text.expose().chars().count() > MAX_TEXT {
            check.fault("/text", format!("{MAX_TEXT} characters at most"));
        }
    }
}

/// What became of a message for later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScheduledState {
    /// It waits for its time.
    Pending,
    /// It is in the log.
    Sent,
    /// It is not sent any more: somebody took it back, or the customer wrote.
    Cancelled,
    /// It could not be sent.
    Failed,
}

impl ScheduledState {
    /// The state as JSON and the store spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sent => "sent",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }
}

/// A message that is to be sent later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScheduledMessage {
    /// The message; also its `client_id` in the log.
    pub id: ScheduledMessageId,
    /// The conversation.
    pub channel_id: ChannelId,
    /// Who sends it.
    pub user_id: UserId,
    /// The text, which is Markdown.
    #[schema(value_type = String)]
    pub text: Personal<String>,
    /// When.
    pub send_at: DateTime<Utc>,
    /// Whether it is not sent when the customer writes before.
    pub cancel_on_reply: bool,
    /// What became of it.
    pub state: ScheduledState,
    /// Why it was cancelled or failed, as a code: `customer_replied`, `taken_back`, `channel_closed`.
    pub reason: Option<String>,
    /// Its place in the log, once it was sent.
    pub seq: Option<i64>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// A message to be sent later.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleMessage {
    /// The text, which is Markdown.
    #[schema(value_type = String, min_length = 1, max_length = 10_000)]
    pub text: Personal<String>,
    /// When: later than now, within a year.
    #[schema(value_type = String, format = DateTime)]
    pub send_at: Timestamp,
    /// Whether it is not sent when the customer writes before; so when absent.
    #[serde(default = "yes")]
    pub cancel_on_reply: bool,
}

const fn yes() -> bool {
    true
}

impl Validate for ScheduleMessage {
    fn validate(&self, check: &mut Check) {
        check.text("/text", self.text.expose(), 1..=MAX_TEXT);
    }
}

/// A merge patch of a message that is to be sent later.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchScheduledMessage {
    /// The text.
    #[serde(default)]
    #[schema(value_type = String, min_length = 1, max_length = 10_000)]
    pub text: Field<Personal<String>>,
    /// When: later than now, within a year.
    #[serde(default)]
    #[schema(value_type = String, format = DateTime)]
    pub send_at: Field<Timestamp>,
    /// Whether it is not sent when the customer writes before.
    #[serde(default)]
    #[schema(value_type = bool)]
    pub cancel_on_reply: Field<bool>,
}

impl Validate for PatchScheduledMessage {
    fn validate(&self, check: &mut Check) {
        check.required("/text", &self.text, |check, text| {
            check.text("/text", text.expose(), 1..=MAX_TEXT);
        });
        check.required("/send_at", &self.send_at, |_, _| {});
        check.required("/cancel_on_reply", &self.cancel_on_reply, |_, _| {});
    }
}
