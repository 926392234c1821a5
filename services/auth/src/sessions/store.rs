//! Sessions and refresh tokens in PostgreSQL.
//!
//! A refresh token says itself to which workspace it belongs, so the functions that begin with one
//! take no workspace: they find it.

use chrono::{DateTime, Utc};
use common::tokens::RevokedSession;
use ids::{SessionId, UserId, WorkspaceId};
use sqlx::PgConnection;

use super::model::{EndReason, NewSession, Presented, Use};
use crate::secrets::Hash;

/// Writes a session.
pub(super) async fn insert(
    connection: &mut PgConnection,
    session: &NewSession,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO auth.sessions (id, workspace_id, user_id, user_agent, created_at, last_used_at)
         VALUES ($1, $2, $3, $4, $5, $5)",
        session.id.as_uuid(),
        session.workspace.as_uuid(),
        session.user.as_uuid(),
        session.user_agent,
        session.at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes a refresh token of a session.
pub(super) async fn insert_token(
    connection: &mut PgConnection,
    session: SessionId,
    hash: &Hash,
    issued_at: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO auth.refresh_tokens (hash, session_id, issued_at) VALUES ($1, $2, $3)",
        hash.as_bytes(),
        session.as_uuid(),
        issued_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Finds a refresh token and locks its family until the transaction ends.
pub(super) async fn lock(
    connection: &mut PgConnection,
    hash: &Hash,
) -> sqlx::Result<Option<Presented>> {
    // Both rows are locked: who waited here must see both as the one before left them.
    let found = sqlx::query!(
        r#"SELECT s.id AS "session: SessionId", s.workspace_id AS "workspace: WorkspaceId",
                  s.user_id AS "user!: UserId", s.revoked_at IS NOT NULL AS "ended!",
                  t.issued_at, t.used_at, t.successor
           FROM auth.refresh_tokens t JOIN auth.sessions s ON s.id = t.session_id
           WHERE t.hash = $1
           FOR UPDATE OF s, t"#,
        hash.as_bytes(),
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = found else { return Ok(None) };
    let used = match (row.used_at, row.successor.map(Hash::from)) {
        // A statement of its own, begun under the lock: the one above may have seen an older successor.
        (Some(at), Some(successor)) => {
            let successor_used = is_used(connection, &successor).await?;
            Some(Use {
                at,
                successor,
                successor_used,
            })
        }
        _ => None,
    };
    Ok(Some(Presented {
        session: row.session,
        workspace: row.workspace,
        user: row.user,
        ended: row.ended,
        issued_at: row.issued_at,
        used,
    }))
}

async fn is_used(connection: &mut PgConnection, hash: &Hash) -> sqlx::Result<bool> {
    let used = sqlx::query_scalar!(
        r#"SELECT used_at IS NOT NULL AS "used!" FROM auth.refresh_tokens WHERE hash = $1"#,
        hash.as_bytes(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(used.unwrap_or(false))
}

/// Marks a token as used, with its successor beside it.
pub(super) async fn rotate(
    connection: &mut PgConnection,
    session: SessionId,
    (token, successor): (&Hash, &Hash),
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE auth.refresh_tokens SET used_at = $2, successor = $3 WHERE hash = $1",
        token.as_bytes(),
        now,
        successor.as_bytes(),
    )
    .execute(&mut *connection)
    .await?;
    insert_token(connection, session, successor, now).await?;
    sqlx::query!(
        "UPDATE auth.sessions SET last_used_at = $2 WHERE id = $1",
        session.as_uuid(),
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The session of a refresh token, used or not.
pub(super) async fn session_of(
    connection: &mut PgConnection,
    hash: &Hash,
) -> sqlx::Result<Option<(WorkspaceId, SessionId)>> {
    let found = sqlx::query!(
        r#"SELECT s.workspace_id AS "workspace: WorkspaceId", s.id AS "session: SessionId"
           FROM auth.refresh_tokens t JOIN auth.sessions s ON s.id = t.session_id WHERE t.hash = $1"#,
        hash.as_bytes(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(found.map(|row| (row.workspace, row.session)))
}

/// Ends a session; one that has ended stays as it is.
pub(super) async fn end(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    session: SessionId,
    reason: EndReason,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE auth.sessions SET revoked_at = $3, revoked_reason = $4
         WHERE workspace_id = $1 AND id = $2 AND revoked_at IS NULL",
        workspace.as_uuid(),
        session.as_uuid(),
        now,
        reason.as_str(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The sessions of all workspaces that ended since then.
pub(super) async fn ended_since(
    connection: &mut PgConnection,
    since: DateTime<Utc>,
) -> sqlx::Result<Vec<RevokedSession>> {
    sqlx::query_as!(
        RevokedSession,
        r#"SELECT id AS "session_id: SessionId", revoked_at AS "revoked_at!"
           FROM auth.sessions WHERE revoked_at >= $1 ORDER BY revoked_at"#,
        since,
    )
    .fetch_all(connection)
    .await
}

/// Deletes some of the sessions and tokens that were last used before; answers how many. In portions,
/// so that no statement runs into its time limit however much there is.
pub(super) async fn delete_unused(
    connection: &mut PgConnection,
    before: DateTime<Utc>,
) -> sqlx::Result<u64> {
    let sessions = sqlx::query!(
        "DELETE FROM auth.sessions
         WHERE id IN (SELECT id FROM auth.sessions WHERE last_used_at < $1 LIMIT 1000)",
        before,
    )
    .execute(&mut *connection)
    .await?;
    // A session that is in use has a trail of used tokens behind it.
    let tokens = sqlx::query!(
        "DELETE FROM auth.refresh_tokens
         WHERE hash IN (SELECT hash FROM auth.refresh_tokens WHERE issued_at < $1 LIMIT 1000)",
        before,
    )
    .execute(connection)
    .await?;
    Ok(sessions.rows_affected() + tokens.rows_affected())
}
