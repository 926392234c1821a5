//! An AI reply: one streaming request from agent to chat, as lines of JSON.
//!
//! `POST /internal/channels/{id}/replies` with `application/x-ndjson`: a [`ReplyHeader`], then
//! [`ReplyLine`]s, the last of which commits. Ending without it aborts. After a cut the agent repeats
//! the request from offset 0, on any instance; a turn that was committed already answers its entry.
//! 409 `owner_changed` when the owner has moved, `already_answered` when a reply to the same or a later
//! entry exists.

use ids::{AgentId, TurnId, WorkspaceId};
use serde::{Deserialize, Serialize};

use crate::Body;

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplyHeader {
    /// The tenant.
    pub workspace_id: WorkspaceId,
    /// The agent that answers.
    pub agent_id: AgentId,
    /// The name to show.
    pub agent_name: String,
    /// The turn; also the `client_id` of the message.
    pub turn_id: TurnId,
    /// Which attempt of the conversation this is: of two, the higher is right.
    pub epoch: i64,
    /// The change of owner under which the turn was started.
    pub owner_version: i64,
    /// The last entry that the reply answers.
    pub answers_to_seq: i64,
    /// The last answered entry that the turn knows of. With it, a reply is refused with 412 when the log
    /// says otherwise, or when a later message came before the first word: the turn must look again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_seq: Option<i64>,
}

/// Each further line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ReplyLine {
    /// A piece of the text.
    Delta {
        /// UTF-16 code units of the text before this piece; 0 begins anew.
        offset: u64,
        /// The piece.
        delta: String,
    },
    /// The whole message: the reply is finished.
    Commit {
        /// What is kept.
        commit: ReplyCommit,
    },
}

/// What is kept of a finished reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyCommit {
    /// The message.
    pub body: Body,
}
