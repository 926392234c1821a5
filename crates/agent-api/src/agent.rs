//! An agent: who answers customers, and how.

use std::ops::RangeInclusive;

use chrono::{DateTime, Utc};
use ids::{AgentId, UserId};
use rest::{Check, Field, Validate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const NAME: RangeInclusive<usize> = 1..=100;
const VOICE: RangeInclusive<usize> = 1..=64;
const PERSONALITY: RangeInclusive<usize> = 0..=2_000;
const PROMPT: RangeInclusive<usize> = 0..=20_000;

/// An agent as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Agent {
    /// The agent.
    pub id: AgentId,
    /// Who created it.
    pub user_id: UserId,
    /// The name that customers see.
    pub name: String,
    /// The voice that it speaks with.
    pub voice_type: String,
    /// The language that it speaks unless the customer speaks another: a BCP 47 tag.
    pub language: String,
    /// How it comes across, in words.
    pub personality: String,
    /// What it is told before each conversation.
    pub system_prompt: String,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// An agent to be created.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateAgent {
    /// The name that customers see.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// The voice that it speaks with.
    #[serde(default = "default_voice")]
    #[schema(min_length = 1, max_length = 64, default = "neutral")]
    pub voice_type: String,
    /// The language that it speaks: a BCP 47 tag.
    #[serde(default = "default_language")]
    #[schema(max_length = 35, default = "en", example = "en-GB")]
    pub language: String,
    /// How it comes across, in words.
    #[serde(default)]
    #[schema(max_length = 2000)]
    pub personality: String,
    /// What it is told before each conversation.
    #[serde(default)]
    #[schema(max_length = 20000)]
    pub system_prompt: String,
}

fn default_voice() -> String {
    "neutral".to_owned()
}

fn default_language() -> String {
    "en".to_owned()
}

/// A merge patch of an agent. Null sets a text to its default; a name cannot be cleared.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchAgent {
    /// The name that customers see.
    #[serde(default)]
    #[schema(value_type = String, min_length = 1, max_length = 100)]
    pub name: Field<String>,
    /// The voice that it speaks with.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 64)]
    pub voice_type: Field<String>,
    /// The language that it speaks: a BCP 47 tag.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 35)]
    pub language: Field<String>,
    /// How it comes across, in words.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 2000)]
    pub personality: Field<String>,
    /// What it is told before each conversation.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 20000)]
    pub system_prompt: Field<String>,
}

impl PatchAgent {
    /// The agent after the patch, apart from its time of change.
    #[must_use]
    pub fn apply(self, agent: Agent) -> Agent {
        Agent {
            name: self.name.value().cloned().unwrap_or(agent.name),
            voice_type: set(self.voice_type, agent.voice_type, default_voice),
            language: set(self.language, agent.language, default_language),
            personality: set(self.personality, agent.personality, String::new),
            system_prompt: set(self.system_prompt, agent.system_prompt, String::new),
            ..agent
        }
    }
}

fn set(field: Field<String>, current: String, default: fn() -> String) -> String {
    match field {
        Field::Absent => current,
        Field::Null => default(),
        Field::Value(value) => value,
    }
}

impl Validate for CreateAgent {
    fn validate(&self, check: &mut Check) {
        check.line("/name", &self.name, NAME);
        check.line("/voice_type", &self.voice_type, VOICE);
        language(check, &self.language);
        check.text("/personality", &self.personality, PERSONALITY);
        check.text("/system_prompt", &self.system_prompt, PROMPT);
    }
}

impl Validate for PatchAgent {
    fn validate(&self, check: &mut Check) {
        check.required("/name", &self.name, |check, name| {
            check.line("/name", name, NAME)
        });
        check.optional(&self.voice_type, |check, voice| {
            check.line("/voice_type", voice, VOICE)
        });
        check.optional(&self.language, |check, tag| language(check, tag));
        check.optional(&self.personality, |check, text| {
            check.text("/personality", text, PERSONALITY)
        });
        check.optional(&self.system_prompt, |check, text| {
            check.text("/system_prompt", text, PROMPT)
        });
    }
}

/// The shape of a language tag (RFC 5646 §2.1): subtags of letters and digits, joined by hyphens.
fn language(check: &mut Check, tag: &str) {
    let mut subtags = tag.split('-');
    let primary = subtags.next().unwrap_or_default();
    let good = (2..=8).contains(&primary.len())
        && primary.chars().all(|c| c.is_ascii_alphabetic())
        && subtags.all(|sub| {
            (1..=8).contains(&sub.len()) && sub.chars().all(|c| c.is_ascii_alphanumeric())
        })
        && tag.len() <= 35;
    if !good {
        check.fault(
            "/language",
            "must be a language tag such as en, de or pt-BR",
        );
    }
}
