//! Whom providers know, in PostgreSQL.

use auth_api::Identity;
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

/// The providers that know a person, in every workspace or only in one, newest first.
pub(super) async fn list(
    connection: &mut PgConnection,
    (user, only): (UserId, Option<WorkspaceId>),
    before: Option<IssuerId>,
    rows: i64,
) -> sqlx::Result<Vec<Identity>> {
    sqlx::query_as!(
        Identity,
        r#"SELECT i.id AS "issuer_id: IssuerId", i.name, w.id AS "workspace_id: WorkspaceId",
                  w.name AS workspace_name, d.created_at AS linked_at, d.last_used_at
           FROM auth.identities d
           JOIN auth.issuers i ON i.workspace_id = d.workspace_id AND i.id = d.issuer_id
           JOIN auth.workspaces w ON w.id = d.workspace_id
           WHERE d.user_id = $1 AND ($2::uuid IS NULL OR d.workspace_id = $2) AND ($3::uuid IS NULL OR i.id < $3)
           ORDER BY i.id DESC LIMIT $4"#,
        user.as_uuid(),
        only.map(|id| id.as_uuid()),
        before.map(|id| id.as_uuid()),
        rows,
    )
    .fetch_all(connection)
    .await
}

/// The workspace of a provider that knows a person, and what the provider is called.
pub(super) async fn of_user(
    connection: &mut PgConnection,
    user: UserId,
    issuer: IssuerId,
) -> sqlx::Result<Option<(WorkspaceId, String)>> {
    let found = sqlx::query!(
        r#"SELECT i.workspace_id AS "workspace: WorkspaceId", i.name
           FROM auth.identities d
           JOIN auth.issuers i ON i.workspace_id = d.workspace_id AND i.id = d.issuer_id
           WHERE d.user_id = $1 AND d.issuer_id = $2"#,
        user.as_uuid(),
        issuer.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(found.map(|row| (row.workspace, row.name)))
}

/// Whether a person can sign in without this provider. Nobody unlinks another one of theirs until the
/// transaction ends.
pub(super) async fn has_other_way(
    connection: &mut PgConnection,
    user: UserId,
    issuer: IssuerId,
) -> sqlx::Result<bool> {
    sqlx::query!(
        "SELECT id FROM auth.users WHERE id = $1 FOR NO KEY UPDATE",
        user.as_uuid()
    )
    .fetch_optional(&mut *connection)
    .await?;
    // A statement of its own, begun under the lock.
    sqlx::query_scalar!(
        r#"SELECT (EXISTS (SELECT FROM auth.users WHERE id = $1 AND password_hash IS NOT NULL)
                   OR EXISTS (SELECT FROM auth.passkeys WHERE user_id = $1)
                   OR EXISTS (SELECT FROM auth.identities WHERE user_id = $1 AND issuer_id <> $2)) AS "other!""#,
        user.as_uuid(),
        issuer.as_uuid(),
    )
    .fetch_one(connection)
    .await
}

/// Forgets who a provider's subject is; answers whether it knew.
pub(super) async fn delete(
    connection: &mut PgConnection,
    (workspace, issuer): (WorkspaceId, IssuerId),
    user: UserId,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "DELETE FROM auth.identities WHERE workspace_id = $1 AND issuer_id = $2 AND user_id = $3",
        workspace.as_uuid(),
        issuer.as_uuid(),
        user.as_uuid(),
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}
