//! Scheduled messages in PostgreSQL.

use chat_api::{ScheduledMessage, ScheduledState};
use chrono::{DateTime, Utc};
use common::telemetry::Personal;
use ids::{ChannelId, ScheduledMessageId, UserId, WorkspaceId};
use rest::{Keyset, Limit};
use sqlx::{PgConnection, PgExecutor, PgPool, Postgres, QueryBuilder};
use vault::Sealed;

use super::model::{CUSTOMER_REPLIED, FIRST_VERSION};
use crate::log::Place;

/// A row of the table, without the tenant.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct Row {
    pub(super) id: ScheduledMessageId,
    pub(super) channel_id: ChannelId,
    pub(super) user_id: UserId,
    #[sqlx(rename = "text_sealed")]
    pub(super) text: Sealed,
    pub(super) send_at: DateTime<Utc>,
    pub(super) cancel_on_reply: bool,
    pub(super) state: String,
    pub(super) reason: Option<String>,
    pub(super) seq: Option<i64>,
    pub(super) version: i64,
    pub(super) created_at: DateTime<Utc>,
    pub(super) updated_at: DateTime<Utc>,
}

impl Row {
    /// Whether it can still be changed or taken back.
    pub(super) fn is_pending(&self) -> bool {
        self.state == ScheduledState::Pending.as_str()
    }

    /// As it is told, with its text.
    pub(super) fn told(self, text: Personal<String>) -> ScheduledMessage {
        ScheduledMessage {
            id: self.id,
            channel_id: self.channel_id,
            user_id: self.user_id,
            text,
            send_at: self.send_at,
            cancel_on_reply: self.cancel_on_reply,
            state: match &*self.state {
                "sent" => ScheduledState::Sent,
                "cancelled" => ScheduledState::Cancelled,
                "failed" => ScheduledState::Failed,
                // Also what is being sent: it is not in the log yet.
                _ => ScheduledState::Pending,
            },
            reason: self.reason,
            seq: self.seq,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

/// One message.
pub(super) async fn find(
    connection: impl PgExecutor<'_>,
    Place { workspace, channel }: Place,
    id: ScheduledMessageId,
) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        r#"SELECT id AS "id: ScheduledMessageId", channel_id AS "channel_id: ChannelId",
                  user_id AS "user_id: UserId", text_sealed AS "text: Sealed", send_at, cancel_on_reply, state,
                  reason, seq, version, created_at, updated_at
           FROM chat.scheduled_messages WHERE workspace_id = $1 AND channel_id = $2 AND id = $3"#,
        workspace.as_uuid(),
        channel.as_uuid(),
        id.as_uuid(),
    )
    .fetch_optional(connection)
    .await
}

/// The message that somebody scheduled under this key.
pub(super) async fn by_key(
    connection: impl PgExecutor<'_>,
    Place { workspace, channel }: Place,
    (user, key): (UserId, &str),
) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        r#"SELECT id AS "id: ScheduledMessageId", channel_id AS "channel_id: ChannelId",
                  user_id AS "user_id: UserId", text_sealed AS "text: Sealed", send_at, cancel_on_reply, state,
                  reason, seq, version, created_at, updated_at
           FROM chat.scheduled_messages
           WHERE workspace_id = $1 AND channel_id = $2 AND user_id = $3 AND idempotency_key = $4"#,
        workspace.as_uuid(),
        channel.as_uuid(),
        user.as_uuid(),
        key,
    )
    .fetch_optional(connection)
    .await
}

/// Which messages; all of those that are given must hold.
#[derive(Debug, Default)]
pub(super) struct Filter {
    pub(super) state: Option<ScheduledState>,
    pub(super) user: Option<UserId>,
    /// Latest first.
    pub(super) down: bool,
}

/// The rows of a page, and one more where there is one.
pub(super) async fn list(
    connection: impl PgExecutor<'_>,
    Place { workspace, channel }: Place,
    filter: Filter,
    (after, limit): (Option<(DateTime<Utc>, ScheduledMessageId)>, Limit),
) -> sqlx::Result<Vec<Row>> {
    let keyset = Keyset {
        key: "send_at",
        down: filter.down,
    };
    let mut sql = QueryBuilder::<Postgres>::new(
        "SELECT id, channel_id, user_id, text_sealed, send_at, cancel_on_reply, state, reason, seq, version,
                created_at, updated_at
         FROM chat.scheduled_messages WHERE workspace_id = ",
    );
    sql.push_bind(workspace)
        .push(" AND channel_id = ")
        .push_bind(channel);
    match filter.state {
        Some(ScheduledState::Pending) => {
            sql.push(" AND state IN ('pending', 'sending')");
        }
        Some(state) => {
            sql.push(" AND state = ").push_bind(state.as_str());
        }
        None => {}
    }
    if let Some(user) = filter.user {
        sql.push(" AND user_id = ").push_bind(user);
    }
    if let Some((send_at, id)) = after {
        keyset.after(&mut sql, send_at, id);
    }
    keyset.order(&mut sql, limit);
    sql.build_query_as().fetch_all(connection).await
}

/// How many wait in a channel. Nobody else can add one until the transaction ends.
pub(super) async fn count_pending(
    connection: &mut PgConnection,
    Place { workspace, channel }: Place,
) -> sqlx::Result<i64> {
    sqlx::query!(
        r#"SELECT pg_advisory_xact_lock(hashtextextended('chat.scheduled_messages:' || $1, 0))::text AS "done""#,
        format!("{workspace}:{channel}"),
    )
    .fetch_one(&mut *connection)
    .await?;
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM chat.scheduled_messages
           WHERE workspace_id = $1 AND channel_id = $2 AND state = 'pending'"#,
        workspace.as_uuid(),
        channel.as_uuid(),
    )
    .fetch_one(connection)
    .await
}

/// Inserts a message that waits. `after_seq` is the visitor's last message so far.
pub(super) async fn insert(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    row: &Row,
    (after_seq, key): (i64, Option<&str>),
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO chat.scheduled_messages
           (workspace_id, channel_id, id, user_id, text_sealed, send_at, cancel_on_reply, after_seq, state, due_at,
            idempotency_key, version, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'pending', $6, $9, $10, $11, $11)",
        workspace.as_uuid(),
        row.channel_id.as_uuid(),
        row.id.as_uuid(),
        row.user_id.as_uuid(),
        row.text.as_bytes(),
        row.send_at,
        row.cancel_on_reply,
        after_seq,
        key,
        FIRST_VERSION,
        row.created_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes what a patch may have changed, if it still waits and nobody changed it meanwhile.
pub(super) async fn update(
    connection: impl PgExecutor<'_>,
    workspace: WorkspaceId,
    row: &Row,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "UPDATE chat.scheduled_messages
         SET text_sealed = $4, send_at = $5, due_at = $5, cancel_on_reply = $6, version = $7, updated_at = $8
         WHERE workspace_id = $1 AND channel_id = $2 AND id = $3 AND state = 'pending' AND version + 1 = $7",
        workspace.as_uuid(),
        row.channel_id.as_uuid(),
        row.id.as_uuid(),
        row.text.as_bytes(),
        row.send_at,
        row.cancel_on_reply,
        row.version,
        row.updated_at,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Cancels a message that waits; answers false when it does not.
pub(super) async fn cancel(
    connection: impl PgExecutor<'_>,
    Place { workspace, channel }: Place,
    (id, version): (ScheduledMessageId, i64),
    (reason, now): (&str, DateTime<Utc>),
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "UPDATE chat.scheduled_messages
         SET state = 'cancelled', reason = $5, version = version + 1, updated_at = $6
         WHERE workspace_id = $1 AND channel_id = $2 AND id = $3 AND version = $4 AND state = 'pending'",
        workspace.as_uuid(),
        channel.as_uuid(),
        id.as_uuid(),
        version,
        reason,
        now,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Cancels what is not to be sent because the customer wrote, wherever the rows show it.
pub(super) async fn cancel_answered(pool: &PgPool, now: DateTime<Utc>) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "UPDATE chat.scheduled_messages m
         SET state = 'cancelled', reason = $1, version = m.version + 1, updated_at = $2
         FROM chat.channels c
         WHERE m.state = 'pending' AND m.cancel_on_reply AND c.workspace_id = m.workspace_id
           AND c.id = m.channel_id AND c.last_visitor_seq > m.after_seq",
        CUSTOMER_REPLIED,
        now,
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected())
}

/// A message whose time has come.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) place: Place,
    pub(super) id: ScheduledMessageId,
    pub(super) version: i64,
    /// Only while the visitor has not written after this entry.
    pub(super) unless_after: Option<i64>,
    /// It was decided already that it is sent.
    pub(super) decided: bool,
}

/// Messages whose time has come, the oldest first.
pub(super) async fn due(pool: &PgPool, now: DateTime<Utc>, portion: i64) -> sqlx::Result<Vec<Due>> {
    let rows = sqlx::query!(
        r#"SELECT workspace_id AS "workspace_id: WorkspaceId", channel_id AS "channel_id: ChannelId",
                  id AS "id: ScheduledMessageId", version, cancel_on_reply, after_seq, state
           FROM chat.scheduled_messages
           WHERE state IN ('pending', 'sending') AND due_at <= $1 ORDER BY due_at LIMIT $2"#,
        now,
        portion,
    )
    .fetch_all(pool)
    .await?;
    let due = rows.into_iter().map(|row| Due {
        place: Place {
            workspace: row.workspace_id,
            channel: row.channel_id,
        },
        id: row.id,
        version: row.version,
        unless_after: row.cancel_on_reply.then_some(row.after_seq),
        decided: row.state == "sending",
    });
    Ok(due.collect())
}

/// Takes a message up: it is sent from here on. Nobody else takes it up before `again_at`. Answers false
/// when somebody did already, or it does not wait any more.
pub(super) async fn take_up(
    pool: &PgPool,
    due: &Due,
    (again_at, now): (DateTime<Utc>, DateTime<Utc>),
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "UPDATE chat.scheduled_messages SET state = 'sending', due_at = $5, updated_at = $6
         WHERE workspace_id = $1 AND channel_id = $2 AND id = $3 AND version = $4
           AND state IN ('pending', 'sending') AND due_at <= $6",
        due.place.workspace.as_uuid(),
        due.place.channel.as_uuid(),
        due.id.as_uuid(),
        due.version,
        again_at,
        now,
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes what became of a message that was taken up.
pub(super) async fn settle(
    pool: &PgPool,
    due: &Due,
    outcome: Result<i64, &str>,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    let state = match outcome {
        Ok(_) => ScheduledState::Sent,
        Err(_) => ScheduledState::Failed,
    };
    sqlx::query!(
        "UPDATE chat.scheduled_messages
         SET state = $4, seq = $5, reason = $6, version = version + 1, updated_at = $7
         WHERE workspace_id = $1 AND channel_id = $2 AND id = $3 AND state = 'sending'",
        due.place.workspace.as_uuid(),
        due.place.channel.as_uuid(),
        due.id.as_uuid(),
        state.as_str(),
        outcome.ok(),
        outcome.err(),
        now,
    )
    .execute(pool)
    .await?;
    Ok(())
}
