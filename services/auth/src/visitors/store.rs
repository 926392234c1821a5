//! Visitors, their secrets and their sessions in PostgreSQL.

use chrono::{DateTime, Utc};
use common::tokens::RevokedSession;
use ids::{KeyId, SessionId, VisitorId, WorkspaceId};
use sqlx::PgConnection;
use vault::{BlindIndex, Sealed};

use super::model::Holder;
use crate::{secrets::Hash, sessions::EndReason};

/// Devices of an identified visitor that stay known: the secrets of older ones are forgotten.
const DEVICES: i64 = 20;

/// Finds a visitor by a secret, which cannot be deleted until the transaction ends, and notes that they
/// were seen.
pub(super) async fn see(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    secret: &Hash,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<VisitorId>> {
    let Some(visitor) = sqlx::query_scalar!(
        r#"SELECT visitor_id AS "visitor: VisitorId" FROM auth.visitor_secrets
           WHERE workspace_id = $1 AND hash = $2 FOR KEY SHARE"#,
        workspace.as_uuid(),
        secret.as_bytes(),
    )
    .fetch_optional(&mut *connection)
    .await?
    else {
        return Ok(None);
    };
    sqlx::query!(
        "UPDATE auth.visitors SET last_seen_at = $3 WHERE workspace_id = $1 AND id = $2",
        workspace.as_uuid(),
        visitor.as_uuid(),
        now,
    )
    .execute(connection)
    .await?;
    Ok(Some(visitor))
}

/// Writes an anonymous visitor.
pub(super) async fn insert(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    (visitor, key): (VisitorId, KeyId),
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO auth.visitors (workspace_id, id, key_id, created_at, last_seen_at)
         VALUES ($1, $2, $3, $4, $4)",
        workspace.as_uuid(),
        visitor.as_uuid(),
        key.as_uuid(),
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes a secret of a visitor.
pub(super) async fn insert_secret(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    visitor: VisitorId,
    secret: &Hash,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO auth.visitor_secrets (hash, workspace_id, visitor_id, created_at)
         VALUES ($1, $2, $3, $4)",
        secret.as_bytes(),
        workspace.as_uuid(),
        visitor.as_uuid(),
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets the oldest secrets of a visitor who has too many, but not `newest`.
pub(super) async fn trim_secrets(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    visitor: VisitorId,
    newest: &Hash,
) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM auth.visitor_secrets WHERE hash <> $3 AND hash IN (
           SELECT hash FROM auth.visitor_secrets WHERE workspace_id = $1 AND visitor_id = $2
           ORDER BY created_at DESC, hash OFFSET $4)",
        workspace.as_uuid(),
        visitor.as_uuid(),
        newest.as_bytes(),
        DEVICES,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes all secrets of a visitor; waits for those who are just coming in by one.
pub(super) async fn delete_secrets(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    visitor: VisitorId,
) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM auth.visitor_secrets WHERE workspace_id = $1 AND visitor_id = $2",
        workspace.as_uuid(),
        visitor.as_uuid(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The visitor who has a secret.
pub(super) async fn holder(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    secret: &Hash,
) -> sqlx::Result<Option<Holder>> {
    sqlx::query_as!(
        Holder,
        r#"SELECT v.id AS "visitor: VisitorId", v.external_index IS NOT NULL AS "identified!"
           FROM auth.visitor_secrets s
           JOIN auth.visitors v ON v.workspace_id = s.workspace_id AND v.id = s.visitor_id
           WHERE s.workspace_id = $1 AND s.hash = $2"#,
        workspace.as_uuid(),
        secret.as_bytes(),
    )
    .fetch_optional(connection)
    .await
}

/// The visitor who is known to be a person.
pub(super) async fn find_identified(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    index: &BlindIndex,
) -> sqlx::Result<Option<VisitorId>> {
    sqlx::query_scalar!(
        r#"SELECT id AS "id: VisitorId" FROM auth.visitors WHERE workspace_id = $1 AND external_index = $2"#,
        workspace.as_uuid(),
        index.as_bytes(),
    )
    .fetch_optional(connection)
    .await
}

/// Notes that an identified visitor was seen, and what is told of them now; answers whether they are
/// still there.
pub(super) async fn see_identified(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    visitor: VisitorId,
    identity: &Sealed,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "UPDATE auth.visitors SET last_seen_at = $4, identity_sealed = $3
         WHERE workspace_id = $1 AND id = $2 AND external_index IS NOT NULL",
        workspace.as_uuid(),
        visitor.as_uuid(),
        identity.as_bytes(),
        now,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Makes an anonymous visitor a person; answers whether nobody was faster. If not, the transaction is
/// broken off.
pub(super) async fn identify(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    visitor: VisitorId,
    (index, identity): (&BlindIndex, &Sealed),
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "UPDATE auth.visitors SET external_index = $3, identity_sealed = $4, last_seen_at = $5
         WHERE workspace_id = $1 AND id = $2 AND external_index IS NULL",
        workspace.as_uuid(),
        visitor.as_uuid(),
        index.as_bytes(),
        identity.as_bytes(),
        now,
    )
    .execute(connection)
    .await;
    match done {
        Ok(done) => Ok(done.rows_affected() == 1),
        Err(sqlx::Error::Database(error))
            if error.constraint() == Some("visitors_external_unique") =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Writes a visitor who is a person; answers whether nobody was faster.
pub(super) async fn insert_identified(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    (visitor, key): (VisitorId, KeyId),
    (index, identity): (&BlindIndex, &Sealed),
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO auth.visitors
           (workspace_id, id, key_id, external_index, identity_sealed, created_at, last_seen_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6)
         ON CONFLICT ON CONSTRAINT visitors_external_unique DO NOTHING",
        workspace.as_uuid(),
        visitor.as_uuid(),
        key.as_uuid(),
        index.as_bytes(),
        identity.as_bytes(),
        now,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What is known of who a visitor is, sealed.
pub(super) async fn identity(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    visitor: VisitorId,
) -> sqlx::Result<Option<Sealed>> {
    let found = sqlx::query_scalar!(
        r#"SELECT identity_sealed AS "identity: Sealed" FROM auth.visitors WHERE workspace_id = $1 AND id = $2"#,
        workspace.as_uuid(),
        visitor.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(found.flatten())
}

/// Keeps the secret that the workspace's server signs identities with. That there is one is a setting,
/// so the version of the settings counts on.
pub(super) async fn set_identity_secret(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    secret: &Sealed,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE auth.workspaces SET identity_secret = $2, version = version + 1 WHERE id = $1",
        workspace.as_uuid(),
        secret.as_bytes(),
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

/// Ends all sessions of a visitor.
pub(super) async fn end_sessions(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    visitor: VisitorId,
    (reason, now): (EndReason, DateTime<Utc>),
) -> sqlx::Result<Vec<RevokedSession>> {
    sqlx::query_as!(
        RevokedSession,
        r#"UPDATE auth.sessions SET revoked_at = $3, revoked_reason = $4
           WHERE workspace_id = $1 AND visitor_id = $2 AND revoked_at IS NULL
           RETURNING id AS "session_id: SessionId", revoked_at AS "revoked_at!""#,
        workspace.as_uuid(),
        visitor.as_uuid(),
        now,
        reason.as_str(),
    )
    .fetch_all(connection)
    .await
}
