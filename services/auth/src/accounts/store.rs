//! Accounts in PostgreSQL. People stand outside the workspaces, so signing in begins without one.

use auth_api::{Me, Workspace};
use common::{telemetry::Personal, tokens::Caller};
use ids::{SessionId, UserId, WorkspaceId};
use sqlx::PgConnection;

use super::model::{NewAccount, email_key};
use crate::members;

/// Writes a workspace and its owner.
pub(super) async fn insert(
    connection: &mut PgConnection,
    account: &NewAccount,
    password_hash: &str,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO auth.users (id, email, email_key, password_hash, name, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
        account.user.as_uuid(),
        account.email.expose(),
        email_key(account.email.expose()),
        password_hash,
        account.name.expose(),
        account.at,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO auth.workspaces (id, name, created_at) VALUES ($1, $2, $3)",
        account.workspace.as_uuid(),
        account.workspace_name,
        account.at,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO auth.memberships (workspace_id, user_id, role, created_at) VALUES ($1, $2, 'owner', $3)",
        account.workspace.as_uuid(),
        account.user.as_uuid(),
        account.at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The account of an e-mail address, with the hash of its password.
pub(super) async fn find_by_email(
    connection: &mut PgConnection,
    email: &str,
) -> sqlx::Result<Option<(UserId, String)>> {
    let found = sqlx::query!(
        r#"SELECT id AS "id: UserId", password_hash FROM auth.users WHERE email_key = $1"#,
        email_key(email),
    )
    .fetch_optional(connection)
    .await?;
    Ok(found.map(|row| (row.id, row.password_hash)))
}

/// Who the caller is; nothing when the session or the membership has ended.
pub(super) async fn me(connection: &mut PgConnection, caller: &Caller) -> sqlx::Result<Option<Me>> {
    let found = sqlx::query!(
        r#"SELECT u.id AS "id: UserId", u.email, u.email_verified_at, u.name, u.created_at,
                  w.id AS "workspace_id: WorkspaceId", w.name AS workspace_name,
                  w.created_at AS workspace_created_at,
                  m.role, ARRAY(SELECT p.permission FROM auth.permissions p WHERE p.role = m.role
                                ORDER BY p.permission) AS "permissions!",
                  s.id AS "session_id: SessionId"
           FROM auth.sessions s
           JOIN auth.users u ON u.id = s.user_id
           JOIN auth.workspaces w ON w.id = s.workspace_id
           JOIN auth.memberships m ON m.workspace_id = s.workspace_id AND m.user_id = s.user_id
           WHERE s.workspace_id = $1 AND s.id = $2 AND s.user_id = $3 AND s.revoked_at IS NULL"#,
        caller.workspace_id.as_uuid(),
        caller.session_id.as_uuid(),
        caller.user_id.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = found else { return Ok(None) };
    Ok(Some(Me {
        id: row.id,
        email: Personal::new(row.email),
        email_verified: row.email_verified_at.is_some(),
        name: Personal::new(row.name),
        workspace: Workspace {
            id: row.workspace_id,
            name: row.workspace_name,
            created_at: row.workspace_created_at,
        },
        role: members::role(&row.role)?,
        permissions: row.permissions,
        session_id: row.session_id,
        created_at: row.created_at,
    }))
}
