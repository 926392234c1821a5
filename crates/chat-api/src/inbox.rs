//! The inbox: channels as people of the company list them.

use chrono::{DateTime, Utc};
use ids::{AgentId, ChannelId, TeamId, UserId, ViewId, VisitorId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{OwnerState, Priority};

/// A channel as lists have it. It carries no words of anybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelSummary {
    /// The channel.
    pub id: ChannelId,
    /// The agent that answers in it.
    pub agent_id: AgentId,
    /// The visitor whose channel it is.
    pub visitor_id: VisitorId,
    /// Who answers.
    pub owner: OwnerState,
    /// The person who takes care of it.
    pub assignee_id: Option<UserId>,
    /// The team that takes care of it.
    pub team_id: Option<TeamId>,
    /// Its labels, sorted.
    pub labels: Vec<String>,
    /// How much it presses.
    pub priority: Priority,
    /// It sleeps until then.
    pub snoozed_until: Option<DateTime<Utc>>,
    /// How many times it was opened.
    pub episode: i64,
    /// The `seq` of the last entry.
    pub head_seq: i64,
    /// The `seq` of the last message; 0 for none.
    pub last_message_seq: i64,
    /// Messages that the caller has not read, of everybody but the caller; 1,000 stands for that many
    /// and more.
    pub unread: i64,
    /// Since when the visitor waits for an answer of a person.
    pub waiting_since: Option<DateTime<Utc>>,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When the last entry was written.
    pub last_activity_at: DateTime<Utc>,
    /// When the last message was written.
    pub last_message_at: Option<DateTime<Utc>>,
    /// When it was closed.
    pub closed_at: Option<DateTime<Utc>>,
    /// How the visitor rated it, from 1 to 5.
    pub rating: Option<u8>,
    /// It goes on in that channel.
    pub merged_into: Option<ChannelId>,
}

/// How many open channels there are, by what the caller looks at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counts {
    /// Assigned to the caller, awake.
    pub mine: i64,
    /// A person is wanted and nobody takes care of it, awake.
    pub unassigned: i64,
    /// All that are open and awake.
    pub all: i64,
    /// Where a note mentions the caller and the caller has not read it, be they open or closed.
    pub mentions: i64,
    /// Of `all`, those with a message that the caller has not read.
    pub unread: i64,
    /// Of each saved view that the caller sees.
    pub views: Vec<ViewCount>,
}

/// How many channels a saved view shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ViewCount {
    /// The view.
    pub id: ViewId,
    /// Its channels; 10,000 stands for that many and more.
    pub count: i64,
}

/// Where a visitor stands who waits for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueuePlace {
    /// From 1 for whoever is next; absent while nobody waits here.
    pub position: Option<i64>,
    /// How long it took lately, in seconds; absent while that is not known.
    pub expected_wait_seconds: Option<i64>,
    /// People of the company who are there.
    pub people_online: i64,
}

/// A person of the company who looks at a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct Viewer {
    /// Who.
    pub user_id: UserId,
    /// Whether they write something.
    pub typing: bool,
}
