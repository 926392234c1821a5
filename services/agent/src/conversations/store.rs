//! Conversations in PostgreSQL: what is open, who answers, what is wanted, how far the log is.
//!
//! Everything that events tell only rises (sequence numbers, owner versions), so events may come twice
//! and in any order. Times of leases and work lists are PostgreSQL's own, because several machines must
//! agree on them.

use chat_api::OwnerState;
use chrono::{DateTime, Utc};
use ids::{AgentId, ChannelId, ContactId, VisitorId, WorkspaceId};
use sqlx::PgConnection;

/// An open conversation.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) channel_id: ChannelId,
}

/// The open conversation of a visitor with an agent, made when there is none. None when it was closed in
/// the meantime: ask again.
pub(super) async fn open(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    (agent, visitor, now): (AgentId, VisitorId, DateTime<Utc>),
) -> sqlx::Result<Option<Open>> {
    sqlx::query!(
        "INSERT INTO agent.conversations (channel_id, workspace_id, agent_id, visitor_id, opened_at, due_at, log_due_at)
         VALUES ($1, $2, $3, $4, $5, clock_timestamp(), clock_timestamp())
         ON CONFLICT (workspace_id, agent_id, visitor_id) WHERE closed_at IS NULL DO NOTHING",
        ChannelId::new().as_uuid(),
        workspace.as_uuid(),
        agent.as_uuid(),
        visitor.as_uuid(),
        now,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query_as!(
        Open,
        r#"SELECT channel_id AS "channel_id: ChannelId" FROM agent.conversations
           WHERE workspace_id = $1 AND agent_id = $2 AND visitor_id = $3 AND closed_at IS NULL"#,
        workspace.as_uuid(),
        agent.as_uuid(),
        visitor.as_uuid(),
    )
    .fetch_optional(connection)
    .await
}

/// A message that wants an answer.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) channel: ChannelId,
    pub(crate) seq: i64,
    pub(crate) at: DateTime<Utc>,
    /// The change of owner that made the AI answer it.
    pub(crate) owner_version: i64,
    pub(crate) traceparent: Option<String>,
}

/// Raises what is wanted; answers whether it did. A new message is due at once, whatever went wrong with
/// the ones before.
pub(crate) async fn want(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    wanted: Wanted,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "UPDATE agent.conversations
         SET wanted_seq = $3, wanted_at = $4, traceparent = $5, due_at = clock_timestamp(), attempts = 0,
             owner = CASE WHEN owner_version < $6 THEN 'ai' ELSE owner END,
             owner_version = GREATEST(owner_version, $6)
         WHERE workspace_id = $1 AND channel_id = $2 AND wanted_seq < $3",
        workspace.as_uuid(),
        wanted.channel.as_uuid(),
        wanted.seq,
        wanted.at,
        wanted.traceparent,
        wanted.owner_version,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes who answers since when, unless something newer is known. That a person was asked for stays true
/// even where the news of it comes late.
pub(crate) async fn observe_owner(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    (channel, owner, version): (ChannelId, OwnerState, i64),
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE agent.conversations
         SET owner = CASE WHEN owner_version < $4 THEN $3 ELSE owner END,
             owner_version = GREATEST(owner_version, $4), escalated = escalated OR $3 IN ('queued', 'human'),
             log_wanted_seq = GREATEST(log_wanted_seq, $4)
         WHERE workspace_id = $1 AND channel_id = $2",
        workspace.as_uuid(),
        channel.as_uuid(),
        owner.as_str(),
        version,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The end of a conversation.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) channel: ChannelId,
    /// The entry that closed it.
    pub(crate) seq: i64,
    pub(crate) at: DateTime<Utc>,
    /// Whether a person was asked for or took over, as far as the teller knows.
    pub(crate) escalated: bool,
}

/// Notes that a conversation has ended, unless it was opened again since; answers whether there is such a
/// conversation.
pub(crate) async fn close(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    end: End,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "UPDATE agent.conversations
         SET owner = CASE WHEN owner_version <= $3 THEN 'closed' ELSE owner END,
             owner_version = GREATEST(owner_version, $3),
             closed_at = CASE WHEN owner_version < $3 THEN $4 WHEN owner_version = $3 THEN COALESCE(closed_at, $4)
                              ELSE closed_at END,
             escalated = escalated OR $5, log_wanted_seq = GREATEST(log_wanted_seq, $3), log_due_at = clock_timestamp()
         WHERE workspace_id = $1 AND channel_id = $2",
        workspace.as_uuid(),
        end.channel.as_uuid(),
        end.seq,
        end.at,
        end.escalated,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes that a conversation was opened again, unless something newer is known; answers whether there is
/// such a conversation. While the visitor has another open one with the same agent, that stays the one
/// that they find when they start: there is one of those at a time. This one is answered all the same.
pub(crate) async fn reopen(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    (channel, owner, version): (ChannelId, OwnerState, i64),
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "UPDATE agent.conversations c
         SET owner = CASE WHEN owner_version <= $4 THEN $3 ELSE owner END,
             owner_version = GREATEST(owner_version, $4),
             closed_at = CASE WHEN owner_version > $4 OR EXISTS (
                                  SELECT FROM agent.conversations other
                                  WHERE other.workspace_id = c.workspace_id AND other.agent_id = c.agent_id
                                    AND other.visitor_id = c.visitor_id AND other.closed_at IS NULL
                                    AND other.channel_id <> c.channel_id)
                              THEN closed_at END,
             escalated = escalated OR $3 IN ('queued', 'human'),
             log_wanted_seq = GREATEST(log_wanted_seq, $4), log_due_at = clock_timestamp()
         WHERE workspace_id = $1 AND channel_id = $2",
        workspace.as_uuid(),
        channel.as_uuid(),
        owner.as_str(),
        version,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Wants the log to reach an entry.
pub(crate) async fn want_log(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    (channel, seq): (ChannelId, i64),
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE agent.conversations SET log_wanted_seq = $3, log_due_at = clock_timestamp()
         WHERE workspace_id = $1 AND channel_id = $2 AND log_wanted_seq < $3",
        workspace.as_uuid(),
        channel.as_uuid(),
        seq,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether there is such a conversation.
pub(crate) async fn exists(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    channel: ChannelId,
) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM agent.conversations WHERE workspace_id = $1 AND channel_id = $2) AS "exists!""#,
        workspace.as_uuid(),
        channel.as_uuid(),
    )
    .fetch_one(connection)
    .await
}

/// Notes whose conversation it is.
pub(crate) async fn set_contact(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    (channel, contact): (ChannelId, ContactId),
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE agent.conversations SET contact_id = $3
         WHERE workspace_id = $1 AND channel_id = $2 AND contact_id IS DISTINCT FROM $3",
        workspace.as_uuid(),
        channel.as_uuid(),
        contact.as_uuid(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A conversation whose log is behind.
#[derive(Debug)]
pub(super) struct ToLog {
    pub(super) channel: ChannelId,
    pub(super) workspace: WorkspaceId,
    pub(super) agent: AgentId,
    pub(super) visitor: VisitorId,
    pub(super) contact: Option<ContactId>,
    pub(super) opened_at: DateTime<Utc>,
    pub(super) closed_at: Option<DateTime<Utc>>,
    pub(super) escalated: bool,
    pub(super) wanted_seq: i64,
    pub(super) logged_seq: i64,
    pub(super) log_wanted_seq: i64,
}

/// Takes the conversations whose logs wait longest; nobody else gets them for half a minute.
pub(super) async fn take_to_log(
    connection: &mut PgConnection,
    most: i64,
) -> sqlx::Result<Vec<ToLog>> {
    sqlx::query_as!(
        ToLog,
        r#"WITH next AS (
               SELECT channel_id FROM agent.conversations
               WHERE log_wanted_seq > logged_seq AND log_due_at <= clock_timestamp()
               ORDER BY log_due_at LIMIT $1 FOR UPDATE SKIP LOCKED
           )
           UPDATE agent.conversations c SET log_due_at = clock_timestamp() + interval '30 seconds'
           FROM next WHERE c.channel_id = next.channel_id
           RETURNING c.channel_id AS "channel: ChannelId", c.workspace_id AS "workspace: WorkspaceId",
                     c.agent_id AS "agent: AgentId", c.visitor_id AS "visitor: VisitorId",
                     c.contact_id AS "contact: ContactId", c.opened_at, c.closed_at, c.escalated, c.wanted_seq, c.logged_seq,
                     c.log_wanted_seq"#,
        most,
    )
    .fetch_all(connection)
    .await
}

/// Notes how far the log is. More may be wanted by now, and is due at once.
pub(super) async fn logged(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    (channel, seq): (ChannelId, i64),
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE agent.conversations
         SET logged_seq = GREATEST(logged_seq, $3), log_due_at = clock_timestamp()
         WHERE workspace_id = $1 AND channel_id = $2",
        workspace.as_uuid(),
        channel.as_uuid(),
        seq,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Lets a log wait, because something that it needs is down.
pub(super) async fn postpone_log(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    channel: ChannelId,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE agent.conversations SET log_due_at = clock_timestamp() + interval '2 seconds'
         WHERE workspace_id = $1 AND channel_id = $2",
        workspace.as_uuid(),
        channel.as_uuid(),
    )
    .execute(connection)
    .await?;
    Ok(())
}
