//! Factors in PostgreSQL. They belong to people, who stand outside the workspaces.

use auth_api::{Factors, LinkedIssuer};
use chrono::{DateTime, Utc};
use common::tokens::RevokedSession;
use ids::{IssuerId, SessionId, UserId, WorkspaceId};
use sqlx::PgConnection;
use vault::Sealed;

use crate::sessions::EndReason;

/// An authenticator app as it is kept.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) secret: Sealed,
    pub(super) last_step: i64,
}

/// A recovery code as it is kept.
#[derive(Debug)]
pub(super) struct KeptCode {
    pub(super) position: i16,
    pub(super) hash: String,
}

/// What a person has. The issuers are those of `workspace` alone: where else somebody works is nobody's
/// business there.
pub(super) async fn overview(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    user: UserId,
) -> sqlx::Result<Factors> {
    let counts = sqlx::query!(
        r#"SELECT (SELECT created_at FROM auth.totp WHERE user_id = $1) AS totp_since,
                  (SELECT count(*) FROM auth.recovery_codes WHERE user_id = $1) AS "recovery_codes_left!",
                  (SELECT count(*) FROM auth.passkeys WHERE user_id = $1) AS "passkeys!""#,
        user.as_uuid(),
    )
    .fetch_one(&mut *connection)
    .await?;
    let issuers = sqlx::query_as!(
        LinkedIssuer,
        r#"SELECT i.id AS "id: IssuerId", i.name, d.created_at AS linked_at, d.last_used_at
           FROM auth.identities d
           JOIN auth.issuers i ON i.workspace_id = d.workspace_id AND i.id = d.issuer_id
           WHERE d.workspace_id = $1 AND d.user_id = $2 ORDER BY i.id"#,
        workspace.as_uuid(),
        user.as_uuid(),
    )
    .fetch_all(connection)
    .await?;
    Ok(Factors {
        totp_since: counts.totp_since,
        recovery_codes_left: counts.recovery_codes_left,
        passkeys: counts.passkeys,
        issuers,
    })
}

/// Whether a person has an authenticator app, and how many recovery codes are left.
pub(super) async fn has(connection: &mut PgConnection, user: UserId) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar!(
        r#"SELECT (SELECT count(*) FROM auth.recovery_codes c WHERE c.user_id = t.user_id) AS "left!"
           FROM auth.totp t WHERE t.user_id = $1"#,
        user.as_uuid(),
    )
    .fetch_optional(connection)
    .await
}

/// A person's authenticator app.
pub(super) async fn find(
    connection: &mut PgConnection,
    user: UserId,
) -> sqlx::Result<Option<Kept>> {
    sqlx::query_as!(
        Kept,
        r#"SELECT secret AS "secret: Sealed", last_step FROM auth.totp WHERE user_id = $1"#,
        user.as_uuid(),
    )
    .fetch_optional(connection)
    .await
}

/// Writes an authenticator app; answers whether there was none yet.
pub(super) async fn insert(
    connection: &mut PgConnection,
    user: UserId,
    kept: &Kept,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO auth.totp (user_id, secret, last_step, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (user_id) DO NOTHING",
        user.as_uuid(),
        kept.secret.as_bytes(),
        kept.last_step,
        now,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes the code of a step; answers whether neither it nor a later one was taken before.
pub(super) async fn take_step(
    connection: &mut PgConnection,
    user: UserId,
    step: i64,
) -> sqlx::Result<bool> {
    // Who comes at the same time waits for the row, and then finds the step taken.
    let done = sqlx::query!(
        "UPDATE auth.totp SET last_step = $2 WHERE user_id = $1 AND last_step < $2",
        user.as_uuid(),
        step,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Removes an authenticator app with its recovery codes; answers whether there was one.
pub(super) async fn delete(connection: &mut PgConnection, user: UserId) -> sqlx::Result<bool> {
    let done = sqlx::query!("DELETE FROM auth.totp WHERE user_id = $1", user.as_uuid())
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// The recovery codes that are left.
pub(super) async fn codes(
    connection: &mut PgConnection,
    user: UserId,
) -> sqlx::Result<Vec<KeptCode>> {
    sqlx::query_as!(
        KeptCode,
        "SELECT position, hash FROM auth.recovery_codes WHERE user_id = $1 ORDER BY position",
        user.as_uuid(),
    )
    .fetch_all(connection)
    .await
}

/// Takes a recovery code; answers whether nobody was faster. The hash is part of it, because the code
/// at this position may have been replaced.
pub(super) async fn take_code(
    connection: &mut PgConnection,
    user: UserId,
    code: &KeptCode,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "DELETE FROM auth.recovery_codes WHERE user_id = $1 AND position = $2 AND hash = $3",
        user.as_uuid(),
        code.position,
        code.hash,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Replaces the recovery codes.
pub(super) async fn replace_codes(
    connection: &mut PgConnection,
    user: UserId,
    hashes: &[String],
) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM auth.recovery_codes WHERE user_id = $1",
        user.as_uuid()
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO auth.recovery_codes (user_id, position, hash)
         SELECT $1, position, hash FROM unnest($2::text[]) WITH ORDINALITY AS codes (hash, position)",
        user.as_uuid(),
        hashes,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Removes everything that a person can sign in with, beside a password.
pub(super) async fn forget_all(connection: &mut PgConnection, user: UserId) -> sqlx::Result<()> {
    delete(connection, user).await?;
    sqlx::query!(
        "DELETE FROM auth.passkeys WHERE user_id = $1",
        user.as_uuid()
    )
    .execute(&mut *connection)
    .await?;
    // In every workspace: this is about the person.
    sqlx::query!(
        "DELETE FROM auth.identities WHERE user_id = $1",
        user.as_uuid()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether a workspace demands a second factor of its members.
pub(super) async fn is_demanded(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
) -> sqlx::Result<bool> {
    let demanded = sqlx::query_scalar!(
        "SELECT require_second_factor FROM auth.workspaces WHERE id = $1",
        workspace.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(demanded.unwrap_or(false))
}

/// Whether a session has a second factor, as [`end_weak_sessions`] judges it.
pub(super) async fn is_strong(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    session: SessionId,
) -> sqlx::Result<bool> {
    let strong = sqlx::query_scalar!(
        r#"SELECT ('issuer' = ANY (s.methods)
                   OR (s.methods && ARRAY['totp', 'recovery_code', 'passkey']
                       AND (EXISTS (SELECT FROM auth.totp t WHERE t.user_id = s.user_id)
                            OR EXISTS (SELECT FROM auth.passkeys p WHERE p.user_id = s.user_id)))) AS "strong!"
           FROM auth.sessions s WHERE s.workspace_id = $1 AND s.id = $2"#,
        workspace.as_uuid(),
        session.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(strong.unwrap_or(false))
}

/// Ends the sessions of a workspace's people that have no second factor, as [`is_strong`] judges it.
pub(super) async fn end_weak_sessions(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    now: DateTime<Utc>,
) -> sqlx::Result<Vec<RevokedSession>> {
    sqlx::query_as!(
        RevokedSession,
        r#"UPDATE auth.sessions s SET revoked_at = $2, revoked_reason = $3
           WHERE s.workspace_id = $1 AND s.user_id IS NOT NULL AND s.revoked_at IS NULL
             AND NOT ('issuer' = ANY (s.methods)
                      OR (s.methods && ARRAY['totp', 'recovery_code', 'passkey']
                          AND (EXISTS (SELECT FROM auth.totp t WHERE t.user_id = s.user_id)
                               OR EXISTS (SELECT FROM auth.passkeys p WHERE p.user_id = s.user_id))))
           RETURNING s.id AS "session_id: SessionId", s.revoked_at AS "revoked_at!""#,
        workspace.as_uuid(),
        now,
        EndReason::SecondFactorDemanded.as_str(),
    )
    .fetch_all(connection)
    .await
}

/// Adds a method to those that a session was opened with.
pub(super) async fn note_added(
    connection: &mut PgConnection,
    (workspace, session): (WorkspaceId, SessionId),
    method: &str,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE auth.sessions SET methods = array_append(methods, $3::text)
         WHERE workspace_id = $1 AND id = $2 AND $3::text <> ALL (methods)",
        workspace.as_uuid(),
        session.as_uuid(),
        method,
    )
    .execute(connection)
    .await?;
    Ok(())
}
