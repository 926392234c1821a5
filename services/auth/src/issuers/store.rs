//! Identity providers in PostgreSQL.

use auth_api::{Issuer, LoginIssuer};
use chrono::{DateTime, Utc};
use common::tokens::{RevokedSession, Role};
use ids::{IssuerId, SessionId, UserId, WorkspaceId};
use sqlx::PgConnection;
use vault::Sealed;

use super::model::Kept;
use crate::{members, sessions::EndReason};

/// Providers that one domain shows at most.
const SHOWN: i64 = 10;

struct Row {
    workspace_id: WorkspaceId,
    id: IssuerId,
    name: String,
    issuer: String,
    client_id: String,
    client_secret: Sealed,
    email_domains: Vec<String>,
    auto_join_role: Option<String>,
    by_owner: bool,
    permissions: Vec<String>,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for Kept {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        let role: Option<Role> = row
            .auto_join_role
            .as_deref()
            .map(members::role)
            .transpose()?;
        Ok(Self {
            workspace: row.workspace_id,
            details: Issuer {
                id: row.id,
                name: row.name,
                issuer: row.issuer,
                client_id: row.client_id,
                email_domains: row.email_domains,
                auto_join_role: role,
                signs_in_owners: row.by_owner,
                redirect_uri: String::new(),
                created_at: row.created_at,
                updated_at: row.updated_at,
            },
            client_secret: row.client_secret,
            permissions: row.permissions,
            version: row.version,
        })
    }
}

/// How many providers a workspace has; nobody else adds one until the transaction ends.
pub(super) async fn count_locked(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
) -> sqlx::Result<i64> {
    sqlx::query!(
        "SELECT id FROM auth.workspaces WHERE id = $1 FOR NO KEY UPDATE",
        workspace.as_uuid(),
    )
    .fetch_optional(&mut *connection)
    .await?;
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM auth.issuers WHERE workspace_id = $1"#,
        workspace.as_uuid(),
    )
    .fetch_one(connection)
    .await
}

/// Writes a provider.
pub(super) async fn insert(connection: &mut PgConnection, kept: &Kept) -> sqlx::Result<()> {
    let details = &kept.details;
    sqlx::query!(
        "INSERT INTO auth.issuers (workspace_id, id, name, issuer, client_id, client_secret, email_domains,
                                   auto_join_role, by_owner, permissions, version, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        kept.workspace.as_uuid(),
        details.id.as_uuid(),
        details.name,
        details.issuer,
        details.client_id,
        kept.client_secret.as_bytes(),
        &details.email_domains,
        details.auto_join_role.map(Role::as_str),
        details.signs_in_owners,
        &kept.permissions,
        kept.version,
        details.created_at,
        details.updated_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes a provider that was changed.
pub(super) async fn update(connection: &mut PgConnection, kept: &Kept) -> sqlx::Result<()> {
    let details = &kept.details;
    sqlx::query!(
        "UPDATE auth.issuers SET name = $3, client_id = $4, client_secret = $5, email_domains = $6,
                auto_join_role = $7, by_owner = $8, permissions = $9, version = $10, updated_at = $11
         WHERE workspace_id = $1 AND id = $2",
        kept.workspace.as_uuid(),
        details.id.as_uuid(),
        details.name,
        details.client_id,
        kept.client_secret.as_bytes(),
        &details.email_domains,
        details.auto_join_role.map(Role::as_str),
        details.signs_in_owners,
        &kept.permissions,
        kept.version,
        details.updated_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Removes a provider, and what it knew of people; answers whether there was one.
pub(super) async fn delete(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    id: IssuerId,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "DELETE FROM auth.issuers WHERE workspace_id = $1 AND id = $2",
        workspace.as_uuid(),
        id.as_uuid(),
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends the sessions that providers opened for the people whom this one knows. Which of a person's
/// providers it was, a session does not say; the others open a new one.
pub(super) async fn end_sessions(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    id: IssuerId,
    now: DateTime<Utc>,
) -> sqlx::Result<Vec<RevokedSession>> {
    sqlx::query_as!(
        RevokedSession,
        r#"UPDATE auth.sessions SET revoked_at = $3, revoked_reason = $4
           WHERE workspace_id = $1 AND 'issuer' = ANY (methods) AND revoked_at IS NULL
             AND user_id IN (SELECT user_id FROM auth.identities WHERE workspace_id = $1 AND issuer_id = $2)
           RETURNING id AS "session_id: SessionId", revoked_at AS "revoked_at!""#,
        workspace.as_uuid(),
        id.as_uuid(),
        now,
        EndReason::IssuerRemoved.as_str(),
    )
    .fetch_all(connection)
    .await
}

/// Ends the sessions that providers of a workspace opened for a person.
pub(super) async fn end_sessions_of(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    user: UserId,
    now: DateTime<Utc>,
) -> sqlx::Result<Vec<RevokedSession>> {
    sqlx::query_as!(
        RevokedSession,
        r#"UPDATE auth.sessions SET revoked_at = $3, revoked_reason = $4
           WHERE workspace_id = $1 AND user_id = $2 AND 'issuer' = ANY (methods) AND revoked_at IS NULL
           RETURNING id AS "session_id: SessionId", revoked_at AS "revoked_at!""#,
        workspace.as_uuid(),
        user.as_uuid(),
        now,
        EndReason::IssuerUnlinked.as_str(),
    )
    .fetch_all(connection)
    .await
}

/// The providers of a workspace, newest first.
pub(super) async fn list(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    before: Option<IssuerId>,
    rows: i64,
) -> sqlx::Result<Vec<Kept>> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT workspace_id AS "workspace_id: WorkspaceId", id AS "id: IssuerId", name, issuer, client_id,
                  client_secret AS "client_secret: Sealed", email_domains, auto_join_role, by_owner, permissions,
                  version, created_at, updated_at
           FROM auth.issuers
           WHERE workspace_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3"#,
        workspace.as_uuid(),
        before.map(|id| id.as_uuid()),
        rows,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Kept::try_from).collect()
}

/// One provider of a workspace.
pub(super) async fn find(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    id: IssuerId,
) -> sqlx::Result<Option<Kept>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT workspace_id AS "workspace_id: WorkspaceId", id AS "id: IssuerId", name, issuer, client_id,
                  client_secret AS "client_secret: Sealed", email_domains, auto_join_role, by_owner, permissions,
                  version, created_at, updated_at
           FROM auth.issuers WHERE workspace_id = $1 AND id = $2"#,
        workspace.as_uuid(),
        id.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    row.map(Kept::try_from).transpose()
}

/// One provider of a workspace, which nobody else changes until the transaction ends.
pub(super) async fn lock(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    id: IssuerId,
) -> sqlx::Result<Option<Kept>> {
    sqlx::query!(
        "SELECT id FROM auth.issuers WHERE workspace_id = $1 AND id = $2 FOR UPDATE",
        workspace.as_uuid(),
        id.as_uuid(),
    )
    .fetch_optional(&mut *connection)
    .await?;
    find(connection, workspace, id).await
}

/// The provider that somebody wants to sign in by. They have no workspace yet: it gives them one.
pub(super) async fn find_to_sign_in(
    connection: &mut PgConnection,
    id: IssuerId,
) -> sqlx::Result<Option<Kept>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT i.workspace_id AS "workspace_id: WorkspaceId", i.id AS "id: IssuerId", i.name, i.issuer,
                  i.client_id, i.client_secret AS "client_secret: Sealed", i.email_domains, i.auto_join_role,
                  i.by_owner, i.permissions, i.version, i.created_at, i.updated_at
           FROM auth.issuers i JOIN auth.workspaces w ON w.id = i.workspace_id
           WHERE i.id = $1 AND w.deleted_at IS NULL"#,
        id.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    row.map(Kept::try_from).transpose()
}

/// The providers of all workspaces that speak for a domain, oldest first.
pub(super) async fn for_domain(
    connection: &mut PgConnection,
    domain: &str,
) -> sqlx::Result<Vec<LoginIssuer>> {
    sqlx::query_as!(
        LoginIssuer,
        r#"SELECT i.id AS "id: IssuerId", i.name
           FROM auth.issuers i JOIN auth.workspaces w ON w.id = i.workspace_id
           WHERE i.email_domains @> ARRAY[$1::text] AND w.deleted_at IS NULL ORDER BY i.id LIMIT $2"#,
        domain,
        SHOWN,
    )
    .fetch_all(connection)
    .await
}
