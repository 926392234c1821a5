//! Whom providers know, in PostgreSQL.

use chrono::{DateTime, Utc};
use ids::{IssuerId, UserId, WorkspaceId};
use sqlx::PgConnection;
use vault::BlindIndex;

/// A person with the address that a provider gave.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account {
    pub(super) user: UserId,
    pub(super) verified: bool,
    /// Whether somebody can sign in to it otherwise than by a provider.
    pub(super) has_secret: bool,
}

/// Who a subject is; noted as signing in now.
pub(super) async fn find(
    connection: &mut PgConnection,
    (workspace, issuer): (WorkspaceId, IssuerId),
    subject: &BlindIndex,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<UserId>> {
    sqlx::query_scalar!(
        r#"UPDATE auth.identities SET last_used_at = $4
           WHERE workspace_id = $1 AND issuer_id = $2 AND subject = $3
           RETURNING user_id AS "user_id: UserId""#,
        workspace.as_uuid(),
        issuer.as_uuid(),
        subject.as_bytes(),
        now,
    )
    .fetch_optional(connection)
    .await
}

/// Notes who a subject is. Answers false when the provider knows the person, or the subject, already.
pub(super) async fn insert(
    connection: &mut PgConnection,
    (workspace, issuer): (WorkspaceId, IssuerId),
    (subject, user): (&BlindIndex, UserId),
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO auth.identities (workspace_id, issuer_id, subject, user_id, created_at, last_used_at)
         VALUES ($1, $2, $3, $4, $5, $5)
         ON CONFLICT DO NOTHING",
        workspace.as_uuid(),
        issuer.as_uuid(),
        subject.as_bytes(),
        user.as_uuid(),
        now,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The account of an address, which stays as it is until the transaction ends.
pub(super) async fn account(
    connection: &mut PgConnection,
    email: &BlindIndex,
) -> sqlx::Result<Option<Account>> {
    sqlx::query_as!(
        Account,
        r#"SELECT id AS "user: UserId", email_verified_at IS NOT NULL AS "verified!",
                  (password_hash IS NOT NULL
                   OR EXISTS (SELECT FROM auth.passkeys p WHERE p.user_id = u.id)) AS "has_secret!"
           FROM auth.users u WHERE email_index = $1 AND deleted_at IS NULL FOR NO KEY UPDATE"#,
        email.as_bytes(),
    )
    .fetch_optional(connection)
    .await
}
