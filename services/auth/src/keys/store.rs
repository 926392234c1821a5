//! Keys in PostgreSQL.

use auth_api::{Key, KeyKind};
use chrono::{DateTime, Utc};
use ids::{AgentId, KeyId, UserId, WorkspaceId};
use sqlx::PgConnection;

use crate::secrets::Hash;

/// A key that visitors may use.
#[derive(Debug, Clone)]
pub(crate) struct LiveKey {
    pub(crate) workspace: WorkspaceId,
    pub(crate) id: KeyId,
    pub(crate) agent: AgentId,
    pub(crate) allowed_origins: Vec<String>,
}

/// Writes a key.
pub(super) async fn insert(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    key: &Key,
    hash: &Hash,
    created_by: UserId,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO auth.keys
           (workspace_id, id, kind, name, prefix, hash, agent_id, allowed_origins, created_by, created_at)
         VALUES ($1, $2, 'publishable', $3, $4, $5, $6, $7, $8, $9)",
        workspace.as_uuid(),
        key.id.as_uuid(),
        key.name,
        key.prefix,
        hash.as_bytes(),
        key.agent_id.as_uuid(),
        &key.allowed_origins,
        created_by.as_uuid(),
        key.created_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The keys of a workspace that are in use, newest first.
pub(super) async fn list(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    before: Option<KeyId>,
    rows: i64,
) -> sqlx::Result<Vec<Key>> {
    let rows = sqlx::query!(
        r#"SELECT id AS "id: KeyId", name, agent_id AS "agent_id: AgentId", allowed_origins, prefix,
                  created_at, last_used_at
           FROM auth.keys
           WHERE workspace_id = $1 AND revoked_at IS NULL AND ($2::uuid IS NULL OR id < $2)
           ORDER BY id DESC LIMIT $3"#,
        workspace.as_uuid(),
        before.map(|id| id.as_uuid()),
        rows,
    )
    .fetch_all(connection)
    .await?;
    let keys = rows.into_iter().map(|row| Key {
        id: row.id,
        kind: KeyKind::Publishable,
        name: row.name,
        agent_id: row.agent_id,
        allowed_origins: row.allowed_origins,
        prefix: row.prefix,
        created_at: row.created_at,
        last_used_at: row.last_used_at,
    });
    Ok(keys.collect())
}

/// Revokes a key; answers whether there was one.
pub(super) async fn revoke(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    id: KeyId,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    // Waits for the visitors who are just being let in; those who come later wait for us, and then
    // find the key revoked. So the sessions that are ended after this are all there are.
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
        id.to_string()
    )
    .execute(&mut *connection)
    .await?;
    let done = sqlx::query!(
        "UPDATE auth.keys SET revoked_at = $3 WHERE workspace_id = $1 AND id = $2 AND revoked_at IS NULL",
        workspace.as_uuid(),
        id.as_uuid(),
        now,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A key by its hash, if it is in use; it cannot be revoked until the transaction ends.
pub(super) async fn find_live(
    connection: &mut PgConnection,
    hash: &Hash,
) -> sqlx::Result<Option<LiveKey>> {
    let Some(id) = sqlx::query_scalar!(
        r#"SELECT id AS "id: KeyId" FROM auth.keys WHERE hash = $1 AND revoked_at IS NULL"#,
        hash.as_bytes(),
    )
    .fetch_optional(&mut *connection)
    .await?
    else {
        return Ok(None);
    };
    // An advisory lock, because a shared lock on the row would write to it for every visitor.
    sqlx::query!(
        "SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))",
        id.to_string()
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query_as!(
        LiveKey,
        r#"SELECT workspace_id AS "workspace: WorkspaceId", id AS "id: KeyId", agent_id AS "agent: AgentId",
                  allowed_origins
           FROM auth.keys WHERE hash = $1 AND revoked_at IS NULL"#,
        hash.as_bytes(),
    )
    .fetch_optional(connection)
    .await
}

/// Notes the use of a key, once a minute at most, and not at all while somebody else does: the row of a
/// busy key must not become a queue.
pub(super) async fn touch(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    id: KeyId,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE auth.keys SET last_used_at = $3
         WHERE (workspace_id, id) IN (
           SELECT workspace_id, id FROM auth.keys
           WHERE workspace_id = $1 AND id = $2
             AND (last_used_at IS NULL OR last_used_at < $3::timestamptz - interval '1 minute')
           FOR NO KEY UPDATE SKIP LOCKED)",
        workspace.as_uuid(),
        id.as_uuid(),
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}
