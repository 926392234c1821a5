//! An interaction: one finished call, chat or video with a contact.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use ids::{AgentId, ChannelId, ContactId, InteractionId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How they talked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InteractionType {
    /// By voice.
    Call,
    /// In writing.
    Chat,
    /// By video.
    Video,
}

impl InteractionType {
    /// The type as JSON and the table spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Chat => "chat",
            Self::Video => "video",
        }
    }
}

impl FromStr for InteractionType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Call, Self::Chat, Self::Video]
            .into_iter()
            .find(|known| known.as_str() == text)
            .ok_or_else(|| format!("no interaction is of the type {text:?}"))
    }
}

/// One finished interaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Interaction {
    /// The interaction.
    pub id: InteractionId,
    /// With whom.
    pub contact_id: ContactId,
    /// Which agent.
    pub agent_id: AgentId,
    /// The conversation.
    pub channel_id: ChannelId,
    /// How they talked.
    pub r#type: InteractionType,
    /// How long, in seconds.
    pub duration: i64,
    /// How the customer felt; null where nothing could tell.
    pub sentiment: Option<String>,
    /// Whether a person was asked for or took over.
    pub escalated: bool,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub created_at: DateTime<Utc>,
}
