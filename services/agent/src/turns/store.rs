//! Leases and turn records in PostgreSQL. Lease times are PostgreSQL's own: one clock for all machines.

use std::collections::HashMap;

use agent_api::events::TurnOutcome;
use chrono::{DateTime, Utc};
use ids::{AgentId, ChannelId, ContactId, InstanceId, TurnId, VisitorId, WorkspaceId};
use serde::Serialize;
use sqlx::{PgConnection, types::Json};

use crate::{conversations::LoggedTurn, documents::search::Hit};

/// The right to answer in a conversation, for five seconds at a time.
#[derive(Debug, Clone)]
pub(super) struct Lease {
    pub(super) workspace: WorkspaceId,
    pub(super) channel: ChannelId,
    pub(super) agent: AgentId,
    pub(super) visitor: VisitorId,
    pub(super) contact: Option<ContactId>,
    /// Rises with each lease of the conversation: nobody else has this one.
    pub(super) epoch: i64,
    /// How often this message was tried, this time included.
    pub(super) attempts: i32,
    pub(super) wanted_seq: i64,
    pub(super) answered_seq: i64,
    pub(super) traceparent: Option<String>,
    /// The turn that may have streamed already, and what it answers.
    pub(super) turn_id: Option<TurnId>,
    pub(super) turn_seq: Option<i64>,
}

/// Takes conversations that want an answer and that nobody works on, those that wait longest first.
pub(super) async fn take(
    connection: &mut PgConnection,
    (instance, most): (InstanceId, i64),
) -> sqlx::Result<Vec<Lease>> {
    sqlx::query_as!(
        Lease,
        r#"WITH next AS (
               SELECT channel_id FROM agent.conversations
               WHERE owner = 'ai' AND wanted_seq > answered_seq AND wanted_seq > owner_version
                 AND due_at <= clock_timestamp() AND (lease_until IS NULL OR lease_until < clock_timestamp())
               ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
           )
           UPDATE agent.conversations c
           SET lease_owner = $1, lease_until = clock_timestamp() + interval '5 seconds', epoch = c.epoch + 1,
               attempts = c.attempts + 1
           FROM next WHERE c.channel_id = next.channel_id
           RETURNING c.workspace_id AS "workspace: WorkspaceId", c.channel_id AS "channel: ChannelId",
                     c.agent_id AS "agent: AgentId", c.visitor_id AS "visitor: VisitorId",
                     c.contact_id AS "contact: ContactId", c.epoch, c.attempts, c.wanted_seq,
                     c.answered_seq, c.traceparent, c.turn_id AS "turn_id: TurnId", c.turn_seq"#,
        instance.as_uuid(),
        most,
    )
    .fetch_all(connection)
    .await
}

/// What is new in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct News {
    /// The last message that wants an answer.
    pub(super) wanted_seq: i64,
    /// The last change of owner.
    pub(super) owner_version: i64,
}

/// Renews a lease; none when it is somebody else's by now. An expired lease that nobody took is still
/// ours: the epoch says so.
pub(super) async fn renew(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    (channel, epoch): (ChannelId, i64),
) -> sqlx::Result<Option<News>> {
    sqlx::query_as!(
        News,
        "UPDATE agent.conversations SET lease_until = clock_timestamp() + interval '5 seconds'
         WHERE workspace_id = $1 AND channel_id = $2 AND epoch = $3
         RETURNING wanted_seq, owner_version",
        workspace.as_uuid(),
        channel.as_uuid(),
        epoch,
    )
    .fetch_optional(connection)
    .await
}

/// Notes which turn is about to speak, so that whoever goes on after a crash takes its id. Renews the
/// lease; none when it is somebody else's by now.
pub(super) async fn begin(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    (channel, epoch, turn, seq): (ChannelId, i64, TurnId, i64),
) -> sqlx::Result<Option<News>> {
    sqlx::query_as!(
        News,
        "UPDATE agent.conversations
         SET lease_until = clock_timestamp() + interval '5 seconds', turn_id = $4, turn_seq = $5
         WHERE workspace_id = $1 AND channel_id = $2 AND epoch = $3
         RETURNING wanted_seq, owner_version",
        workspace.as_uuid(),
        channel.as_uuid(),
        epoch,
        turn.as_uuid(),
        seq,
    )
    .fetch_optional(connection)
    .await
}

/// Gives a lease back with the work undone, because something that it needs is down. This attempt does
/// not count: it says nothing about the message. The longer it has waited, the longer the pause, so that
/// an outage is not met with all that waits, twice a second.
pub(super) async fn give_back(connection: &mut PgConnection, lease: &Lease) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE agent.conversations
         SET lease_owner = NULL, lease_until = NULL,
             due_at = clock_timestamp() + GREATEST(interval '500 milliseconds',
                          LEAST(interval '5 seconds', (clock_timestamp() - wanted_at) / 10)),
             attempts = GREATEST(attempts - 1, 0)
         WHERE workspace_id = $1 AND channel_id = $2 AND epoch = $3",
        lease.workspace.as_uuid(),
        lease.channel.as_uuid(),
        lease.epoch,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that everything up to `seq` is answered, or not wanted any more, and gives the lease back.
/// `logged` is an entry that the conversation's log should reach.
pub(super) async fn settle(
    connection: &mut PgConnection,
    lease: &Lease,
    (seq, logged): (i64, Option<i64>),
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE agent.conversations
         SET answered_seq = GREATEST(answered_seq, $3),
             log_wanted_seq = GREATEST(log_wanted_seq, $4),
             attempts = CASE WHEN epoch = $5 THEN 0 ELSE attempts END,
             turn_id = CASE WHEN epoch = $5 THEN NULL ELSE turn_id END,
             turn_seq = CASE WHEN epoch = $5 THEN NULL ELSE turn_seq END,
             lease_owner = CASE WHEN epoch = $5 THEN NULL ELSE lease_owner END,
             lease_until = CASE WHEN epoch = $5 THEN NULL ELSE lease_until END
         WHERE workspace_id = $1 AND channel_id = $2",
        lease.workspace.as_uuid(),
        lease.channel.as_uuid(),
        seq,
        logged.unwrap_or(0),
        lease.epoch,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What was found, as the turn's record keeps it.
#[derive(Debug, Serialize)]
pub(super) struct Retrieved {
    chunk_id: ids::ChunkId,
    document_id: ids::DocumentId,
    cosine: f64,
    fused: f64,
}

impl From<&Hit> for Retrieved {
    fn from(hit: &Hit) -> Self {
        Self {
            chunk_id: hit.chunk_id,
            document_id: hit.document_id,
            cosine: hit.cosine,
            fused: hit.fused,
        }
    }
}

/// The record of a turn.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) turn: TurnId,
    pub(super) agent_version: i64,
    /// None when a person took over.
    pub(super) outcome: Option<TurnOutcome>,
    pub(super) owner_version: i64,
    pub(super) answers_to_seq: i64,
    /// The answer's place in the log.
    pub(super) seq: Option<i64>,
    pub(super) model: Option<String>,
    pub(super) prompt_tokens: i64,
    pub(super) completion_tokens: i64,
    pub(super) first_delta_ms: Option<i64>,
    pub(super) total_ms: i64,
    pub(super) context_ms: i64,
    pub(super) search_ms: i64,
    pub(super) model_ms: i64,
    pub(super) retrieval: Vec<Retrieved>,
    pub(super) error: Option<String>,
    pub(super) started_at: DateTime<Utc>,
    pub(super) completed_at: DateTime<Utc>,
}

/// Keeps the record of a turn; answers whether it is the first. It is not when a process died between
/// the record and whatever came after it.
pub(super) async fn keep(
    connection: &mut PgConnection,
    lease: &Lease,
    record: &Record,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO agent.turns (id, workspace_id, channel_id, agent_id, agent_version, outcome, epoch, owner_version,
                                  answers_to_seq, seq, model, prompt_tokens, completion_tokens, first_delta_ms,
                                  total_ms, context_ms, search_ms, model_ms, retrieval, error, started_at,
                                  completed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)
         ON CONFLICT (id) DO NOTHING",
        record.turn.as_uuid(),
        lease.workspace.as_uuid(),
        lease.channel.as_uuid(),
        lease.agent.as_uuid(),
        record.agent_version,
        record.outcome.map_or("taken_over", TurnOutcome::as_str),
        lease.epoch,
        record.owner_version,
        record.answers_to_seq,
        record.seq,
        record.model,
        record.prompt_tokens,
        record.completion_tokens,
        record.first_delta_ms,
        record.total_ms,
        record.context_ms,
        record.search_ms,
        record.model_ms,
        Json(&record.retrieval) as _,
        record.error,
        record.started_at,
        record.completed_at,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The records of some turns, as the conversation's log tells them.
pub(crate) async fn records(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    turns: &[TurnId],
) -> sqlx::Result<HashMap<TurnId, LoggedTurn>> {
    let ids: Vec<uuid::Uuid> = turns.iter().map(TurnId::as_uuid).collect();
    let rows = sqlx::query!(
        r#"SELECT id AS "id: TurnId", outcome, model, prompt_tokens, completion_tokens, first_delta_ms, total_ms
           FROM agent.turns WHERE workspace_id = $1 AND id = ANY($2)"#,
        workspace.as_uuid(),
        &ids,
    )
    .fetch_all(connection)
    .await?;
    let told = rows.into_iter().map(|row| {
        let turn = LoggedTurn {
            id: row.id.to_string(),
            outcome: row.outcome,
            model: row.model,
            prompt_tokens: row.prompt_tokens,
            completion_tokens: row.completion_tokens,
            first_delta_ms: row.first_delta_ms,
            total_ms: row.total_ms,
        };
        (row.id, turn)
    });
    Ok(told.collect())
}
