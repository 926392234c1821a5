//! Canned replies in PostgreSQL. Every query says whose: the shared ones, and the caller's own.

use chat_api::CannedReply;
use chrono::{DateTime, Utc};
use ids::{CannedReplyId, UserId, WorkspaceId};
use sqlx::{PgConnection, PgExecutor};

use super::model::{FIRST_VERSION, Versioned, search};

#[derive(Debug, sqlx::FromRow)]
pub(super) struct Row {
    pub(super) id: CannedReplyId,
    user_id: Option<UserId>,
    pub(super) shortcut: String,
    title: String,
    text: String,
    created_by: UserId,
    version: i64,
    created_at: DateTime<Utc>,
    pub(super) updated_at: DateTime<Utc>,
}

impl From<Row> for Versioned {
    fn from(row: Row) -> Self {
        Self {
            reply: CannedReply {
                id: row.id,
                shortcut: row.shortcut,
                title: row.title,
                text: row.text,
                shared: row.user_id.is_none(),
                created_by: row.created_by,
                created_at: row.created_at,
                updated_at: row.updated_at,
            },
            version: row.version,
        }
    }
}

/// One reply that somebody sees.
pub(super) async fn find(
    connection: impl PgExecutor<'_>,
    (workspace, user): (WorkspaceId, UserId),
    id: CannedReplyId,
) -> sqlx::Result<Option<Versioned>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id AS "id: CannedReplyId", user_id AS "user_id: UserId", shortcut, title, text,
                  created_by AS "created_by: UserId", version, created_at, updated_at
           FROM chat.canned_replies
           WHERE workspace_id = $1 AND id = $3 AND (user_id IS NULL OR user_id = $2)"#,
        workspace.as_uuid(),
        user.as_uuid(),
        id.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Versioned::from))
}

/// One reply that somebody sees, which nobody else can change until the transaction ends.
pub(super) async fn lock(
    connection: &mut PgConnection,
    (workspace, user): (WorkspaceId, UserId),
    id: CannedReplyId,
) -> sqlx::Result<Option<Versioned>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id AS "id: CannedReplyId", user_id AS "user_id: UserId", shortcut, title, text,
                  created_by AS "created_by: UserId", version, created_at, updated_at
           FROM chat.canned_replies
           WHERE workspace_id = $1 AND id = $3 AND (user_id IS NULL OR user_id = $2) FOR UPDATE"#,
        workspace.as_uuid(),
        user.as_uuid(),
        id.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Versioned::from))
}

/// Inserts a reply.
pub(super) async fn insert(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    reply: &CannedReply,
) -> sqlx::Result<()> {
    let whose = (!reply.shared).then(|| reply.created_by.as_uuid());
    sqlx::query!(
        "INSERT INTO chat.canned_replies (workspace_id, id, user_id, shortcut, title, text, search, created_by,
                                          version, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        workspace.as_uuid(),
        reply.id.as_uuid(),
        whose,
        reply.shortcut,
        reply.title,
        reply.text,
        search(reply),
        reply.created_by.as_uuid(),
        FIRST_VERSION,
        reply.created_at,
        reply.updated_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes what a patch may have changed.
pub(super) async fn update(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    Versioned { reply, version }: &Versioned,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE chat.canned_replies
         SET shortcut = $3, title = $4, text = $5, search = $6, version = $7, updated_at = $8
         WHERE workspace_id = $1 AND id = $2",
        workspace.as_uuid(),
        reply.id.as_uuid(),
        reply.shortcut,
        reply.title,
        reply.text,
        search(reply),
        *version,
        reply.updated_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes a reply.
pub(super) async fn delete(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    id: CannedReplyId,
) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM chat.canned_replies WHERE workspace_id = $1 AND id = $2",
        workspace.as_uuid(),
        id.as_uuid(),
    )
    .execute(connection)
    .await?;
    Ok(())
}
