//! Visitors and their sessions in PostgreSQL.

use chrono::{DateTime, Utc};
use ids::{KeyId, SessionId, VisitorId, WorkspaceId};
use sqlx::PgConnection;

use crate::{secrets::Hash, sessions::EndReason};

/// Finds a visitor by their secret, and notes that they were seen.
pub(super) async fn find(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    secret: &Hash,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<VisitorId>> {
    sqlx::query_scalar!(
        r#"UPDATE auth.visitors SET last_seen_at = $3 WHERE workspace_id = $1 AND secret_hash = $2
           RETURNING id AS "id: VisitorId""#,
        workspace.as_uuid(),
        secret.as_bytes(),
        now,
    )
    .fetch_optional(connection)
    .await
}

/// Writes a visitor.
pub(super) async fn insert(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    (visitor, key): (VisitorId, KeyId),
    secret: &Hash,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO auth.visitors (workspace_id, id, key_id, secret_hash, created_at, last_seen_at)
         VALUES ($1, $2, $3, $4, $5, $5)",
        workspace.as_uuid(),
        visitor.as_uuid(),
        key.as_uuid(),
        secret.as_bytes(),
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The visitor's session under a key: the one that is open, or `candidate`.
pub(super) async fn session(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    (visitor, key): (VisitorId, KeyId),
    candidate: SessionId,
    now: DateTime<Utc>,
) -> sqlx::Result<SessionId> {
    sqlx::query_scalar!(
        r#"INSERT INTO auth.sessions (id, workspace_id, visitor_id, key_id, created_at, last_used_at)
           VALUES ($1, $2, $3, $4, $5, $5)
           ON CONFLICT (workspace_id, visitor_id, key_id) WHERE visitor_id IS NOT NULL AND revoked_at IS NULL
           DO UPDATE SET last_used_at = excluded.last_used_at
           RETURNING id AS "id: SessionId""#,
        candidate.as_uuid(),
        workspace.as_uuid(),
        visitor.as_uuid(),
        key.as_uuid(),
        now,
    )
    .fetch_one(connection)
    .await
}

/// Ends the sessions under a key that were used since then.
pub(super) async fn end_sessions(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    (key, used_since): (KeyId, DateTime<Utc>),
    reason: EndReason,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE auth.sessions SET revoked_at = $4, revoked_reason = $5
         WHERE workspace_id = $1 AND key_id = $2 AND last_used_at >= $3 AND revoked_at IS NULL",
        workspace.as_uuid(),
        key.as_uuid(),
        used_since,
        now,
        reason.as_str(),
    )
    .execute(connection)
    .await?;
    Ok(())
}
