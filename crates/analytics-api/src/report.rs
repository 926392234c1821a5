//! Reports: metrics, added up.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How finely a report is cut, in UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Interval {
    /// By the hour.
    Hour,
    /// By the day.
    #[default]
    Day,
}

impl Interval {
    /// The interval as JSON and PostgreSQL's `date_trunc` spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

/// What is reported on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportType {
    /// Conversations over time.
    Conversations,
}

impl ReportType {
    /// Every report there is.
    pub const ALL: &'static [Self] = &[Self::Conversations];

    /// The type as paths spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Conversations => "conversations",
        }
    }
}

impl FromStr for ReportType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|known| known.as_str() == text)
            .ok_or_else(|| format!("no report is called {text:?}"))
    }
}

/// Conversations over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConversationsReport {
    /// From when, inclusive.
    pub from: DateTime<Utc>,
    /// Until when, exclusive.
    pub to: DateTime<Utc>,
    /// How finely it is cut.
    pub interval: Interval,
    /// The whole time.
    pub totals: ConversationsTotals,
    /// Each interval that has anything, in order.
    pub rows: Vec<ConversationsRow>,
}

/// Sums over a time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConversationsTotals {
    /// Channels that were opened.
    pub started: i64,
    /// Conversations that ended with at least one message of the visitor.
    pub ended: i64,
    /// Ended ones in which no person was asked for or took over.
    pub ended_by_ai: i64,
    /// Ended ones in which a person was asked for or took over.
    pub escalated: i64,
    /// Contacts that had an ended conversation, each once.
    pub unique_contacts: i64,
    /// Messages of visitors in ended conversations.
    pub visitor_messages: i64,
    /// Messages of the AI in ended conversations.
    pub agent_messages: i64,
    /// Messages of people in ended conversations.
    pub user_messages: i64,
    /// The mean time from opening to end, in seconds; null when none ended.
    pub average_duration_seconds: Option<f64>,
}

/// Sums over one interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConversationsRow {
    /// When the interval begins.
    pub start: DateTime<Utc>,
    /// What happened in it.
    #[serde(flatten)]
    pub totals: ConversationsTotals,
}
