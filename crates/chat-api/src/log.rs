//! The log of a channel: what was said and what changed, in one dense order.

use chrono::{DateTime, Utc};
use common::telemetry::Personal;
use ids::{ChannelId, DocumentId, TurnId};
use rest::{Check, Validate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::OwnerState;

/// The longest text of a message, in characters.
pub const MAX_TEXT: usize = 10_000;

/// Who said or did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SenderKind {
    /// The customer.
    Visitor,
    /// The AI agent.
    Agent,
    /// A person of the company.
    User,
    /// The product itself: a channel that opened, or closed for idleness.
    System,
}

impl SenderKind {
    /// The kind as JSON spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Visitor => "visitor",
            Self::Agent => "agent",
            Self::User => "user",
            Self::System => "system",
        }
    }
}

/// Who said or did it, by kind and id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sender {
    /// What kind of participant.
    pub kind: SenderKind,
    /// The visitor's, agent's or user's id; the system has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name to show, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub name: Option<Personal<String>>,
}

/// Where an answer comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Source {
    /// The number by which the text cites it: `[n]`.
    pub n: u32,
    /// The title of the document.
    pub title: String,
    /// Where a person can read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_id: Option<DocumentId>,
    /// The words that the answer rests on.
    pub quote: String,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// The text. Clients show it as text, never as HTML.
    #[schema(value_type = String, min_length = 1, max_length = 10_000)]
    pub text: Personal<String>,
    /// What an answer of the AI rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    /// The AI could not answer, or was asked for a person: offer one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub offers_person: bool,
}

impl Body {
    /// A message that is nothing but text.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: Personal::new(text.into()),
            sources: Vec::new(),
            offers_person: false,
        }
    }
}

impl Validate for Body {
    fn validate(&self, check: &mut Check) {
        check.text("/body/text", self.text.expose(), 1..=MAX_TEXT);
        if !self.sources.is_empty() || self.offers_person {
            check.fault("/body", "only the AI's answers carry sources and offers");
        }
    }
}

/// What kind of entry it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// Something said.
    Message,
    /// A change of the owner state.
    State,
}

/// One entry of a channel's log. It never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Entry {
    /// The channel.
    pub channel_id: ChannelId,
    /// Its place: dense from 1, so a gap is a fault.
    pub seq: i64,
    /// What kind of entry it is.
    pub kind: EntryKind,
    /// Who said or did it.
    pub sender: Sender,
    /// The sender's own id of a message: a repeated send is the same message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// What a message says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
    /// The new owner, when the entry is a change of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<OwnerState>,
    /// Why the owner changed, as a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The `seq` of the last change of owner up to here.
    pub owner_version: i64,
    /// The turn that an AI message ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn_id: Option<TurnId>,
    /// When it was written.
    pub created_at: DateTime<Utc>,
}

/// A message to be sent by REST.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMessage {
    /// Any string that is unique among the sender's messages of the channel.
    #[schema(min_length = 1, max_length = 64)]
    pub client_id: String,
    /// What it says.
    pub body: Body,
}

impl Validate for NewMessage {
    fn validate(&self, check: &mut Check) {
        check.line("/client_id", &self.client_id, 1..=64);
        self.body.validate(check);
    }
}
