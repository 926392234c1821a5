//! Memberships in PostgreSQL, as they change.

use chrono::{DateTime, Utc};
use common::tokens::Role;
use ids::{RoleId, UserId, WorkspaceId};
use sqlx::PgConnection;

use crate::roles::Grant;

/// Lets a person in; answers false when they were in already.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    user: UserId,
    grant: &Grant,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO auth.memberships (workspace_id, user_id, role, role_id, created_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (workspace_id, user_id) DO NOTHING",
        workspace.as_uuid(),
        user.as_uuid(),
        grant.role.as_str(),
        grant.role_id.map(|id| id.as_uuid()),
        now,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives a member another role.
pub(super) async fn set_role(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    user: UserId,
    (role, role_id): (Role, Option<RoleId>),
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE auth.memberships SET role = $3, role_id = $4 WHERE workspace_id = $1 AND user_id = $2",
        workspace.as_uuid(),
        user.as_uuid(),
        role.as_str(),
        role_id.map(|id| id.as_uuid()),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes a person out.
pub(super) async fn delete(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    user: UserId,
) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM auth.memberships WHERE workspace_id = $1 AND user_id = $2",
        workspace.as_uuid(),
        user.as_uuid(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether somebody else owns the workspace, too.
pub(super) async fn has_other_owner(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    user: UserId,
) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM auth.memberships
                          WHERE workspace_id = $1 AND role = 'owner' AND user_id <> $2) AS "exists!""#,
        workspace.as_uuid(),
        user.as_uuid(),
    )
    .fetch_one(connection)
    .await
}

/// Whether a member has proven their e-mail address.
pub(super) async fn is_verified(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    user: UserId,
) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM auth.memberships m JOIN auth.users u ON u.id = m.user_id
                          WHERE m.workspace_id = $1 AND m.user_id = $2 AND u.email_verified_at IS NOT NULL)
             AS "exists!""#,
        workspace.as_uuid(),
        user.as_uuid(),
    )
    .fetch_one(connection)
    .await
}
