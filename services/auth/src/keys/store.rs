//! Keys in PostgreSQL.
//!
//! A key says itself to which workspace it belongs, so the functions that begin with its hash take no
//! workspace: they find it.

use std::net::IpAddr;

use auth_api::{Key, KeyKind};
use chrono::{DateTime, Utc};
use common::tokens::RevokedSession;
use ids::{AgentId, KeyId, SessionId, UserId, WorkspaceId};
use sqlx::PgConnection;
use vault::Sealed;

use crate::{secrets::Hash, sessions::EndReason};

/// A key that visitors may use, and what its workspace asks of them.
#[derive(Debug, Clone)]
pub(crate) struct PublishableKey {
    pub(crate) workspace: WorkspaceId,
    pub(crate) id: KeyId,
    pub(crate) agent: AgentId,
    pub(crate) allowed_origins: Vec<String>,
    /// What the workspace's server signs identities with, if it has that.
    pub(crate) identity_secret: Option<Sealed>,
    /// Whether visitors must prove who they are.
    pub(crate) enforce_identity: bool,
}

/// A key that a program may use.
#[derive(Debug, Clone)]
pub(super) struct SecretKey {
    pub(super) workspace: WorkspaceId,
    pub(super) id: KeyId,
    pub(super) scopes: Vec<String>,
    pub(super) expires_at: Option<DateTime<Utc>>,
}

/// A key as the table has it.
struct Row {
    id: KeyId,
    kind: String,
    name: String,
    agent_id: Option<AgentId>,
    allowed_origins: Vec<String>,
    scopes: Vec<String>,
    expires_at: Option<DateTime<Utc>>,
    prefix: String,
    created_at: DateTime<Utc>,
    last_used_at: Option<DateTime<Utc>>,
}

impl From<Row> for Key {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            // The table has no third kind.
            kind: if row.kind == KeyKind::Secret.as_str() {
                KeyKind::Secret
            } else {
                KeyKind::Publishable
            },
            name: row.name,
            agent_id: row.agent_id,
            allowed_origins: row.allowed_origins,
            scopes: row.scopes,
            expires_at: row.expires_at,
            prefix: row.prefix,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
        }
    }
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
        "INSERT INTO auth.keys (workspace_id, id, kind, name, prefix, hash, agent_id, allowed_origins, scopes,
                                expires_at, created_by, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        workspace.as_uuid(),
        key.id.as_uuid(),
        key.kind.as_str(),
        key.name,
        key.prefix,
        hash.as_bytes(),
        key.agent_id.map(|agent| agent.as_uuid()),
        &key.allowed_origins,
        &key.scopes,
        key.expires_at,
        created_by.as_uuid(),
        key.created_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The keys of a workspace that were not revoked, of one kind or all, newest first.
pub(super) async fn list(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    kind: Option<KeyKind>,
    before: Option<KeyId>,
    rows: i64,
) -> sqlx::Result<Vec<Key>> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id AS "id: KeyId", kind, name, agent_id AS "agent_id: AgentId", allowed_origins, scopes,
                  expires_at, prefix, created_at, last_used_at
           FROM auth.keys
           WHERE workspace_id = $1 AND revoked_at IS NULL
             AND ($2::text IS NULL OR kind = $2) AND ($3::uuid IS NULL OR id < $3)
           ORDER BY id DESC LIMIT $4"#,
        workspace.as_uuid(),
        kind.map(KeyKind::as_str),
        before.map(|id| id.as_uuid()),
        rows,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Key::from).collect())
}

/// Revokes a key; answers what it was.
pub(super) async fn revoke(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    id: KeyId,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<Key>> {
    // Waits for those who are just being let in; those who come later wait for us, and then find the
    // key revoked. So the sessions that are ended after this are all there are.
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
        id.to_string()
    )
    .execute(&mut *connection)
    .await?;
    let row = sqlx::query_as!(
        Row,
        r#"UPDATE auth.keys SET revoked_at = $3
           WHERE workspace_id = $1 AND id = $2 AND revoked_at IS NULL
           RETURNING id AS "id: KeyId", kind, name, agent_id AS "agent_id: AgentId", allowed_origins, scopes,
                     expires_at, prefix, created_at, last_used_at"#,
        workspace.as_uuid(),
        id.as_uuid(),
        now,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Key::from))
}

/// Ends the sessions under a key that were used since then.
pub(super) async fn end_sessions(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    (key, used_since): (KeyId, DateTime<Utc>),
    (reason, now): (EndReason, DateTime<Utc>),
) -> sqlx::Result<Vec<RevokedSession>> {
    sqlx::query_as!(
        RevokedSession,
        r#"UPDATE auth.sessions SET revoked_at = $4, revoked_reason = $5
           WHERE workspace_id = $1 AND key_id = $2 AND last_used_at >= $3 AND revoked_at IS NULL
           RETURNING id AS "session_id: SessionId", revoked_at AS "revoked_at!""#,
        workspace.as_uuid(),
        key.as_uuid(),
        used_since,
        now,
        reason.as_str(),
    )
    .fetch_all(connection)
    .await
}

/// A publishable key by its hash, if it is in use.
pub(super) async fn find_publishable(
    connection: &mut PgConnection,
    hash: &Hash,
) -> sqlx::Result<Option<PublishableKey>> {
    sqlx::query_as!(
        PublishableKey,
        r#"SELECT k.workspace_id AS "workspace: WorkspaceId", k.id AS "id: KeyId", k.agent_id AS "agent!: AgentId",
                  k.allowed_origins, w.identity_secret AS "identity_secret: Sealed", w.enforce_identity
           FROM auth.keys k JOIN auth.workspaces w ON w.id = k.workspace_id
           WHERE k.hash = $1 AND k.kind = 'publishable' AND k.revoked_at IS NULL AND w.deleted_at IS NULL"#,
        hash.as_bytes(),
    )
    .fetch_optional(connection)
    .await
}

/// A secret key by its hash, if it was not revoked.
pub(super) async fn find_secret(
    connection: &mut PgConnection,
    hash: &Hash,
) -> sqlx::Result<Option<SecretKey>> {
    sqlx::query_as!(
        SecretKey,
        r#"SELECT workspace_id AS "workspace: WorkspaceId", id AS "id: KeyId", scopes, expires_at
           FROM auth.keys WHERE hash = $1 AND kind = 'secret' AND revoked_at IS NULL"#,
        hash.as_bytes(),
    )
    .fetch_optional(connection)
    .await
}

/// Keeps a key from being revoked until the transaction ends; answers whether it, and its workspace,
/// are still there.
pub(super) async fn hold(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    id: KeyId,
) -> sqlx::Result<bool> {
    // An advisory lock, because a shared lock on the row would write to it for every visitor.
    sqlx::query!(
        "SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))",
        id.to_string()
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query_scalar!(
        r#"SELECT EXISTS (
             SELECT FROM auth.keys k JOIN auth.workspaces w ON w.id = k.workspace_id
             WHERE k.workspace_id = $1 AND k.id = $2 AND k.revoked_at IS NULL AND w.deleted_at IS NULL
           ) AS "there!""#,
        workspace.as_uuid(),
        id.as_uuid(),
    )
    .fetch_one(connection)
    .await
}

/// The session of a program under its key: the one that is open, or `candidate`.
pub(super) async fn session(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    key: KeyId,
    (candidate, address): (SessionId, Option<IpAddr>),
    now: DateTime<Utc>,
) -> sqlx::Result<SessionId> {
    sqlx::query_scalar!(
        r#"INSERT INTO auth.sessions (id, workspace_id, key_id, address, created_at, last_used_at)
           VALUES ($1, $2, $3, $4, $5, $5)
           ON CONFLICT (workspace_id, key_id) WHERE user_id IS NULL AND visitor_id IS NULL AND revoked_at IS NULL
           DO UPDATE SET last_used_at = excluded.last_used_at, address = excluded.address
           RETURNING id AS "id: SessionId""#,
        candidate.as_uuid(),
        workspace.as_uuid(),
        key.as_uuid(),
        address.map(|address| address.to_string()),
        now,
    )
    .fetch_one(connection)
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
