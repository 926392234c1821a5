//! Who takes care of conversations: teams, and people who are there or not.

use chrono::{DateTime, Utc};
use ids::{TeamId, UserId};
use rest::{Check, Field, Validate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const NAME: std::ops::RangeInclusive<usize> = 1..=100;

/// A group of people who take care of conversations together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Team {
    /// The team.
    pub id: TeamId,
    /// Its name, unique in the workspace.
    pub name: String,
    /// Its members, sorted.
    pub members: Vec<UserId>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed, its members included.
    pub updated_at: DateTime<Utc>,
}

/// A team to be created.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateTeam {
    /// Its name. Upper and lower case are the same.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
}

impl Validate for CreateTeam {
    fn validate(&self, check: &mut Check) {
        check.line("/name", &self.name, NAME);
    }
}

/// A merge patch of a team.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchTeam {
    /// Its name.
    #[serde(default)]
    #[schema(value_type = String, min_length = 1, max_length = 100)]
    pub name: Field<String>,
}

impl Validate for PatchTeam {
    fn validate(&self, check: &mut Check) {
        check.required("/name", &self.name, |check, name| {
            check.line("/name", name, NAME)
        });
    }
}

/// Whether somebody takes conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Yes, as long as one of their sockets is open.
    Online,
    /// Not now.
    Away,
    /// No.
    Offline,
}

impl Status {
    /// The status as JSON and the store spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Away => "away",
            Self::Offline => "offline",
        }
    }
}

impl std::str::FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        [Self::Online, Self::Away, Self::Offline]
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(UnknownStatus)
    }
}

/// A text that is no [`Status`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no status is called so")]
pub struct UnknownStatus;

/// Whether somebody takes conversations, and how many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Availability {
    /// Who.
    pub user_id: UserId,
    /// What they say.
    pub status: Status,
    /// Conversations at a time; the workspace's number, unless they set one of their own.
    pub capacity: i32,
    /// Whether one of their sockets is open.
    pub connected: bool,
    /// Whether they are given conversations: online and connected.
    pub available: bool,
    /// Conversations that they take care of, awake ones.
    pub open: i64,
    /// When they last said so; never, when absent.
    pub changed_at: Option<DateTime<Utc>>,
}

/// What somebody says of themselves.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetAvailability {
    /// Whether they take conversations.
    pub status: Status,
    /// How many at a time; the workspace's number, when absent or null.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 100)]
    pub capacity: Option<i32>,
}

impl Validate for SetAvailability {
    fn validate(&self, check: &mut Check) {
        if self
            .capacity
            .is_some_and(|count| !(1..=100).contains(&count))
        {
            check.fault("/capacity", "must be from 1 to 100");
        }
    }
}
