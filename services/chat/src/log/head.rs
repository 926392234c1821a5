//! The state of a channel after one entry of its log.

use chat_api::{OwnerState, Priority};
use chrono::{DateTime, Utc};
use ids::{AgentId, ChannelId, TeamId, UserId, VisitorId};
use serde::{Deserialize, Serialize};

/// The state of a channel after one entry of its log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The entry.
    pub seq: i64,
    /// The last entry that visitors see.
    #[serde(default = "first")]
    pub public_seq: i64,
    /// The agent of the channel.
    pub agent_id: AgentId,
    /// The visitor whose channel it is.
    pub visitor_id: VisitorId,
    /// Who answers.
    pub owner: OwnerState,
    /// The last change of owner.
    pub owner_version: i64,
    /// The person who answers, while a person does.
    #[serde(default)]
    pub person: Option<UserId>,
    /// When the channel was opened for the first time.
    pub opened_at: DateTime<Utc>,
    /// When the entry was written.
    pub last_at: DateTime<Utc>,
    /// When the channel was closed.
    #[serde(default)]
    pub closed_at: Option<DateTime<Utc>>,
    /// Messages of the visitor in this episode.
    pub visitor_messages: i64,
    /// Messages of the AI in this episode.
    pub agent_messages: i64,
    /// Messages of people of the company in this episode.
    pub user_messages: i64,
    /// Whether a person was asked for or took over in this episode.
    pub escalated: bool,
    /// The last entry that the AI has answered, or that opened the channel again; 0 for none.
    pub answered_seq: i64,
    /// The last message of the visitor, or what opened the channel again; 0 for none.
    #[serde(default)]
    pub asked_seq: i64,
    /// How many times the channel was opened.
    #[serde(default = "first")]
    pub episode: i64,
    /// The entry that opened it last.
    #[serde(default = "first")]
    pub episode_seq: i64,
    /// When it was opened again; none in the first episode.
    #[serde(default)]
    pub episode_at: Option<DateTime<Utc>>,
    /// The person who takes care of it.
    #[serde(default)]
    pub assignee: Option<UserId>,
    /// The team that takes care of it.
    #[serde(default)]
    pub team: Option<TeamId>,
    /// Its labels, sorted.
    #[serde(default)]
    pub labels: Vec<String>,
    /// How much it presses.
    #[serde(default)]
    pub priority: Priority,
    /// It sleeps until then.
    #[serde(default)]
    pub snoozed_until: Option<DateTime<Utc>>,
    /// People of the company who take part.
    #[serde(default)]
    pub participants: Vec<UserId>,
    /// It goes on in that channel.
    #[serde(default)]
    pub merged_into: Option<ChannelId>,
    /// The last merge into another channel, until it is opened again.
    #[serde(default)]
    pub merge: Option<Merging>,
    /// How the visitor rated this episode.
    #[serde(default)]
    pub rating: Option<u8>,
    /// The last message; 0 for none.
    #[serde(default)]
    pub last_message_seq: i64,
    /// When the last message was written.
    #[serde(default)]
    pub last_message_at: Option<DateTime<Utc>>,
    /// The last message of the visitor; 0 for none.
    #[serde(default)]
    pub last_visitor_seq: i64,
    /// The last message of a person of the company; 0 for none.
    #[serde(default)]
    pub last_user_seq: i64,
    /// The person who wrote last in this episode.
    #[serde(default)]
    pub last_user: Option<UserId>,
    /// Since when the visitor waits for an answer of a person.
    #[serde(default)]
    pub waiting_since: Option<DateTime<Utc>>,
    /// Since when a person is wanted and none answers.
    #[serde(default)]
    pub queued_at: Option<DateTime<Utc>>,
}

/// A merge of the channel into another one, and what undoing it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merging {
    /// The other channel.
    pub into: ChannelId,
    /// The entry.
    pub seq: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// Who answered before.
    pub owner: OwnerState,
    /// The person who answered before, if one did.
    #[serde(default)]
    pub person: Option<UserId>,
}

impl Head {
    /// The state of a channel that was opened at `at`.
    #[must_use]
    pub const fn new(agent_id: AgentId, visitor_id: VisitorId, at: DateTime<Utc>) -> Self {
        Self {
            seq: 1,
            public_seq: 1,
            agent_id,
            visitor_id,
            owner: OwnerState::Ai,
            owner_version: 1,
            person: None,
            opened_at: at,
            last_at: at,
            closed_at: None,
            visitor_messages: 0,
            agent_messages: 0,
            user_messages: 0,
            escalated: false,
            answered_seq: 0,
            asked_seq: 0,
            episode: 1,
            episode_seq: 1,
            episode_at: None,
            assignee: None,
            team: None,
            labels: Vec::new(),
            priority: Priority::Normal,
            snoozed_until: None,
            participants: Vec::new(),
            merged_into: None,
            merge: None,
            rating: None,
            last_message_seq: 0,
            last_message_at: None,
            last_visitor_seq: 0,
            last_user_seq: 0,
            last_user: None,
            waiting_since: None,
            queued_at: None,
        }
    }
}

/// Heads that were written before a channel could be opened again have no episode.
const fn first() -> i64 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_that_an_earlier_version_wrote_is_read_with_nothing_in_what_is_new() {
        let new = Head::new(AgentId::new(), VisitorId::new(), DateTime::UNIX_EPOCH);
        let mut old = serde_json::to_value(&new).unwrap();
        let known = [
            "seq",
            "agent_id",
            "visitor_id",
            "owner",
            "owner_version",
            "opened_at",
            "last_at",
            "visitor_messages",
            "agent_messages",
            "user_messages",
            "escalated",
            "answered_seq",
        ];
        old.as_object_mut()
            .unwrap()
            .retain(|name, _| known.contains(&name.as_str()));
        assert_eq!(serde_json::from_value::<Head>(old).unwrap(), new);
    }
}
