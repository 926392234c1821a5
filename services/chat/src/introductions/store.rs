//! Introductions in PostgreSQL.

use chrono::{DateTime, Utc};
use ids::{VisitorId, WorkspaceId};
use sqlx::{PgConnection, PgExecutor};
use vault::Sealed;

/// A row of the table.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) sealed: Sealed,
    pub(super) version: i64,
    pub(super) introduced_at: DateTime<Utc>,
}

/// What a visitor said.
pub(super) async fn find(
    connection: impl PgExecutor<'_>,
    workspace: WorkspaceId,
    visitor: VisitorId,
) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        r#"SELECT sealed AS "sealed: Sealed", version, introduced_at FROM chat.introductions
           WHERE workspace_id = $1 AND visitor_id = $2"#,
        workspace.as_uuid(),
        visitor.as_uuid(),
    )
    .fetch_optional(connection)
    .await
}

/// Writes what a visitor says; answers its version.
pub(super) async fn save(
    connection: &mut PgConnection,
    (workspace, visitor): (WorkspaceId, VisitorId),
    sealed: &Sealed,
    now: DateTime<Utc>,
) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        "INSERT INTO chat.introductions (workspace_id, visitor_id, sealed, version, introduced_at)
         VALUES ($1, $2, $3, 1, $4)
         ON CONFLICT (workspace_id, visitor_id) DO UPDATE
         SET sealed = EXCLUDED.sealed, version = introductions.version + 1,
             introduced_at = EXCLUDED.introduced_at
         RETURNING version",
        workspace.as_uuid(),
        visitor.as_uuid(),
        sealed.as_bytes(),
        now,
    )
    .fetch_one(connection)
    .await
}
