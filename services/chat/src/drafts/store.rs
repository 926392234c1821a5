//! Drafts in PostgreSQL.

use chat_api::Written;
use chrono::{DateTime, Utc};
use ids::{ChannelId, DraftId, UserId, WorkspaceId};
use sqlx::{PgExecutor, PgPool};
use vault::Sealed;

use crate::log::Place;

/// A row of the table.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: DraftId,
    pub(super) kind: Written,
    pub(super) text: Sealed,
    pub(super) updated_at: DateTime<Utc>,
}

/// What somebody is writing in a channel.
pub(super) async fn find(
    connection: impl PgExecutor<'_>,
    Place { workspace, channel }: Place,
    user: UserId,
) -> sqlx::Result<Option<Row>> {
    let row = sqlx::query!(
        r#"SELECT id AS "id: DraftId", kind, text_sealed AS "text_sealed: Sealed", updated_at FROM chat.drafts
           WHERE workspace_id = $1 AND channel_id = $2 AND user_id = $3"#,
        workspace.as_uuid(),
        channel.as_uuid(),
        user.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| Row {
        id: row.id,
        kind: if row.kind == "note" {
            Written::Note
        } else {
            Written::Message
        },
        text: row.text_sealed,
        updated_at: row.updated_at,
    }))
}

/// Keeps what somebody is writing, in place of what they wrote before.
pub(super) async fn save(
    connection: impl PgExecutor<'_>,
    Place { workspace, channel }: Place,
    (user, row): (UserId, &Row),
) -> sqlx::Result<()> {
    let kind = match row.kind {
        Written::Message => "message",
        Written::Note => "note",
    };
    sqlx::query!(
        "INSERT INTO chat.drafts (workspace_id, channel_id, user_id, id, kind, text_sealed, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (workspace_id, channel_id, user_id) DO UPDATE
         SET id = EXCLUDED.id, kind = EXCLUDED.kind, text_sealed = EXCLUDED.text_sealed,
             updated_at = EXCLUDED.updated_at",
        workspace.as_uuid(),
        channel.as_uuid(),
        user.as_uuid(),
        row.id.as_uuid(),
        kind,
        row.text.as_bytes(),
        row.updated_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets what somebody was writing.
pub(super) async fn delete(
    connection: impl PgExecutor<'_>,
    (workspace, channel): (WorkspaceId, ChannelId),
    user: UserId,
) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM chat.drafts WHERE workspace_id = $1 AND channel_id = $2 AND user_id = $3",
        workspace.as_uuid(),
        channel.as_uuid(),
        user.as_uuid(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets what nobody went on with since `before`; answers how much it was, `portion` at most.
pub(super) async fn clean(pool: &PgPool, before: DateTime<Utc>, portion: i64) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "DELETE FROM chat.drafts WHERE (workspace_id, channel_id, user_id) IN
           (SELECT workspace_id, channel_id, user_id FROM chat.drafts WHERE updated_at < $1 LIMIT $2)",
        before,
        portion,
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected())
}
