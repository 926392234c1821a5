//! A channel as its row has it, read for somebody.

use chat_api::{ChannelSummary, OwnerState, Priority};
use chrono::{DateTime, Utc};
use ids::{AgentId, ChannelId, TeamId, UserId, VisitorId};

/// Messages that are counted as unread at most: nobody reads a higher number.
pub(super) const MOST_UNREAD: i64 = 1_000;

/// A row of the table, and what its reader has not read.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct Row {
    /// For whom it was read.
    pub(super) reader: UserId,
    pub(super) id: ChannelId,
    pub(super) agent_id: AgentId,
    pub(super) visitor_id: VisitorId,
    pub(super) owner: String,
    pub(super) assignee_id: Option<UserId>,
    pub(super) team_id: Option<TeamId>,
    pub(super) labels: Vec<String>,
    pub(super) priority: i16,
    pub(super) snoozed_until: Option<DateTime<Utc>>,
    pub(super) episode: i64,
    pub(super) head_seq: i64,
    pub(super) public_seq: i64,
    pub(super) last_message_seq: i64,
    pub(super) opened_at: DateTime<Utc>,
    pub(super) last_activity_at: DateTime<Utc>,
    pub(super) last_message_at: Option<DateTime<Utc>>,
    pub(super) waiting_since: Option<DateTime<Utc>>,
    pub(super) closed_at: Option<DateTime<Utc>>,
    pub(super) rating: Option<i16>,
    pub(super) merged_into: Option<ChannelId>,
    pub(super) unread: i64,
}

impl From<Row> for ChannelSummary {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            agent_id: row.agent_id,
            visitor_id: row.visitor_id,
            owner: owner(&row.owner),
            assignee_id: row.assignee_id,
            team_id: row.team_id,
            labels: row.labels,
            priority: priority(row.priority),
            snoozed_until: row.snoozed_until,
            episode: row.episode,
            head_seq: row.head_seq,
            last_message_seq: row.last_message_seq,
            unread: row.unread,
            waiting_since: row.waiting_since,
            created_at: row.opened_at,
            last_activity_at: row.last_activity_at,
            last_message_at: row.last_message_at,
            closed_at: row.closed_at,
            rating: row.rating.and_then(|score| u8::try_from(score).ok()),
            merged_into: row.merged_into,
        }
    }
}

/// What a visitor may see of a channel of theirs.
pub(super) fn for_visitor(row: Row) -> ChannelSummary {
    let head_seq = row.public_seq;
    ChannelSummary {
        head_seq,
        labels: Vec::new(),
        priority: Priority::default(),
        snoozed_until: None,
        waiting_since: None,
        ..row.into()
    }
}

/// The state that a row names; the table takes no other names.
fn owner(name: &str) -> OwnerState {
    match name {
        "ai" => OwnerState::Ai,
        "queued" => OwnerState::Queued,
        "human" => OwnerState::Human,
        _ => OwnerState::Closed,
    }
}

/// The priority of a rank; the table takes no other ranks.
fn priority(rank: i16) -> Priority {
    Priority::ALL
        .into_iter()
        .find(|priority| priority.rank() == rank)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_and_priorities_come_back_as_they_were_stored() {
        for state in [
            OwnerState::Ai,
            OwnerState::Queued,
            OwnerState::Human,
            OwnerState::Closed,
        ] {
            assert_eq!(owner(state.as_str()), state);
        }
        for one in Priority::ALL {
            assert_eq!(priority(one.rank()), one);
        }
    }
}
