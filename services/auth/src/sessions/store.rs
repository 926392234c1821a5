//! Sessions and refresh tokens in PostgreSQL.
//!
//! A refresh token says itself to which workspace it belongs, so the functions that begin with one
//! take no workspace: they find it.

use auth_api::Session;
use chrono::{DateTime, Utc};
use common::tokens::RevokedSession;
use ids::{SessionId, UserId, WorkspaceId};
use sqlx::PgConnection;
use vault::BlindIndex;

use super::model::{Account, EndReason, NewSession, Presented, Use};
use crate::{client::Client, secrets::Hash};

/// The account of an e-mail address.
pub(super) async fn find_by_email(
    connection: &mut PgConnection,
    index: &BlindIndex,
) -> sqlx::Result<Option<Account>> {
    // What else a sign-in needs to know is asked for here: a question of its own would cost a
    // connection again.
    sqlx::query_as!(
        Account,
        r#"SELECT u.id AS "user: UserId", u.password_hash,
                  CASE WHEN t.user_id IS NOT NULL
                       THEN (SELECT count(*) FROM auth.recovery_codes c WHERE c.user_id = t.user_id)
                  END AS codes_beside_app
           FROM auth.users u LEFT JOIN auth.totp t ON t.user_id = u.id
           WHERE u.email_index = $1"#,
        index.as_bytes(),
    )
    .fetch_optional(connection)
    .await
}

/// Writes a session with its first refresh token. Answers whether its workspace demands a second
/// factor.
pub(super) async fn insert(
    connection: &mut PgConnection,
    session: &NewSession,
    token: &Hash,
    client: &Client,
) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"WITH session AS (
             INSERT INTO auth.sessions (id, workspace_id, user_id, user_agent, address, methods, began_at,
                                        created_at, last_used_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
             RETURNING id)
           INSERT INTO auth.refresh_tokens (hash, session_id, issued_at)
           SELECT $9, id, $8 FROM session
           RETURNING (SELECT w.require_second_factor FROM auth.workspaces w WHERE w.id = $2) AS "demanded!""#,
        session.id.as_uuid(),
        session.workspace.as_uuid(),
        session.user.as_uuid(),
        client.user_agent,
        client.address.map(|address| address.to_string()),
        &session.methods,
        session.began_at,
        session.at,
        token.as_bytes(),
    )
    .fetch_one(connection)
    .await
}

/// Writes a refresh token of a session.
async fn insert_token(
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
                  coalesce(s.began_at, s.created_at) AS "began_at!", t.issued_at, t.used_at, t.successor
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
        began_at: row.began_at,
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
) -> sqlx::Result<Option<(WorkspaceId, UserId, SessionId)>> {
    let found = sqlx::query!(
        r#"SELECT s.workspace_id AS "workspace: WorkspaceId", s.user_id AS "user!: UserId", s.id AS "session: SessionId"
           FROM auth.refresh_tokens t JOIN auth.sessions s ON s.id = t.session_id WHERE t.hash = $1"#,
        hash.as_bytes(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(found.map(|row| (row.workspace, row.user, row.session)))
}

/// A person's sessions in all workspaces, or only in one, that are still good, because they were used and
/// began after these times; latest use first, from behind `after` on.
pub(super) async fn list(
    connection: &mut PgConnection,
    (user, only): (UserId, Option<WorkspaceId>),
    (used_after, began_after): (DateTime<Utc>, DateTime<Utc>),
    after: Option<(DateTime<Utc>, SessionId)>,
    rows: i64,
) -> sqlx::Result<Vec<Session>> {
    let (at, id) = after.unzip();
    let rows = sqlx::query!(
        r#"SELECT id AS "id: SessionId", workspace_id AS "workspace_id: WorkspaceId", user_agent, address, methods,
                  created_at, last_used_at
           FROM auth.sessions
           WHERE user_id = $1 AND revoked_at IS NULL AND last_used_at > $2
             AND ($3::timestamptz IS NULL OR (last_used_at, id) < ($3, $4::uuid))
             AND ($5::uuid IS NULL OR workspace_id = $5) AND coalesce(began_at, created_at) > $6
           ORDER BY last_used_at DESC, id DESC LIMIT $7"#,
        user.as_uuid(),
        used_after,
        at,
        id.map(|id| id.as_uuid()),
        only.map(|id| id.as_uuid()),
        began_after,
        rows,
    )
    .fetch_all(connection)
    .await?;
    let sessions = rows.into_iter().map(|row| Session {
        id: row.id,
        workspace_id: row.workspace_id,
        current: false,
        user_agent: row.user_agent,
        address: row.address.and_then(|address| address.parse().ok()),
        methods: row.methods,
        created_at: row.created_at,
        last_used_at: row.last_used_at,
    });
    Ok(sessions.collect())
}

/// Ends a session; one that has ended stays as it is.
pub(super) async fn end(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    session: SessionId,
    (reason, now): (EndReason, DateTime<Utc>),
) -> sqlx::Result<Vec<RevokedSession>> {
    sqlx::query_as!(
        RevokedSession,
        r#"UPDATE auth.sessions SET revoked_at = $3, revoked_reason = $4
           WHERE workspace_id = $1 AND id = $2 AND revoked_at IS NULL
           RETURNING id AS "session_id: SessionId", revoked_at AS "revoked_at!""#,
        workspace.as_uuid(),
        session.as_uuid(),
        now,
        reason.as_str(),
    )
    .fetch_all(connection)
    .await
}

/// Ends one of a person's sessions, in whichever workspace it is, or only in one.
pub(super) async fn end_own(
    connection: &mut PgConnection,
    (user, only): (UserId, Option<WorkspaceId>),
    session: SessionId,
    (reason, now): (EndReason, DateTime<Utc>),
) -> sqlx::Result<Vec<RevokedSession>> {
    sqlx::query_as!(
        RevokedSession,
        r#"UPDATE auth.sessions SET revoked_at = $3, revoked_reason = $4
           WHERE user_id = $1 AND id = $2 AND revoked_at IS NULL AND ($5::uuid IS NULL OR workspace_id = $5)
           RETURNING id AS "session_id: SessionId", revoked_at AS "revoked_at!""#,
        user.as_uuid(),
        session.as_uuid(),
        now,
        reason.as_str(),
        only.map(|id| id.as_uuid()),
    )
    .fetch_all(connection)
    .await
}

/// Ends a person's sessions in all workspaces but one session.
pub(super) async fn end_of_user(
    connection: &mut PgConnection,
    user: UserId,
    spare: Option<SessionId>,
    (reason, now): (EndReason, DateTime<Utc>),
) -> sqlx::Result<Vec<RevokedSession>> {
    sqlx::query_as!(
        RevokedSession,
        r#"UPDATE auth.sessions SET revoked_at = $3, revoked_reason = $4
           WHERE user_id = $1 AND revoked_at IS NULL AND id IS DISTINCT FROM $2
           RETURNING id AS "session_id: SessionId", revoked_at AS "revoked_at!""#,
        user.as_uuid(),
        spare.map(|session| session.as_uuid()),
        now,
        reason.as_str(),
    )
    .fetch_all(connection)
    .await
}

/// Ends a person's sessions in one workspace.
pub(super) async fn end_in_workspace(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    user: UserId,
    (reason, now): (EndReason, DateTime<Utc>),
) -> sqlx::Result<Vec<RevokedSession>> {
    sqlx::query_as!(
        RevokedSession,
        r#"UPDATE auth.sessions SET revoked_at = $3, revoked_reason = $4
           WHERE workspace_id = $1 AND user_id = $2 AND revoked_at IS NULL
           RETURNING id AS "session_id: SessionId", revoked_at AS "revoked_at!""#,
        workspace.as_uuid(),
        user.as_uuid(),
        now,
        reason.as_str(),
    )
    .fetch_all(connection)
    .await
}

/// Ends all sessions of a workspace: people's, programs' and visitors'.
pub(super) async fn end_workspace(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    (reason, now): (EndReason, DateTime<Utc>),
) -> sqlx::Result<Vec<RevokedSession>> {
    sqlx::query_as!(
        RevokedSession,
        r#"UPDATE auth.sessions SET revoked_at = $2, revoked_reason = $3
           WHERE workspace_id = $1 AND revoked_at IS NULL
           RETURNING id AS "session_id: SessionId", revoked_at AS "revoked_at!""#,
        workspace.as_uuid(),
        now,
        reason.as_str(),
    )
    .fetch_all(connection)
    .await
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

/// Deletes some of the accounts and workspaces that were deleted before; answers how many.
pub(super) async fn delete_gone(
    connection: &mut PgConnection,
    before: DateTime<Utc>,
) -> sqlx::Result<u64> {
    let people = sqlx::query!(
        "DELETE FROM auth.users WHERE id IN (SELECT id FROM auth.users WHERE deleted_at < $1 LIMIT 1000)",
        before,
    )
    .execute(&mut *connection)
    .await?;
    // One at a time: everything that belonged to it goes with it.
    let workspaces = sqlx::query!(
        "DELETE FROM auth.workspaces
         WHERE id IN (SELECT id FROM auth.workspaces WHERE deleted_at < $1 LIMIT 1)",
        before,
    )
    .execute(connection)
    .await?;
    Ok(people.rows_affected() + workspaces.rows_affected())
}
