//! Roles in PostgreSQL.

use auth_api::CustomRole;
use chrono::{DateTime, Utc};
use ids::{RoleId, UserId, WorkspaceId};
use sqlx::PgConnection;

use super::model::{Versioned, name_key};

/// A row of the table, without the tenant and what is only searched.
struct Row {
    id: RoleId,
    name: String,
    permissions: Vec<String>,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Row> for Versioned {
    fn from(row: Row) -> Self {
        let role = CustomRole {
            id: row.id,
            name: row.name,
            permissions: row.permissions,
            created_at: row.created_at,
            updated_at: row.updated_at,
        };
        Self {
            role,
            version: row.version,
        }
    }
}

/// Writes a role.
pub(super) async fn insert(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    Versioned { role, version }: &Versioned,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO auth.roles (workspace_id, id, name, name_key, permissions, version, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        workspace.as_uuid(),
        role.id.as_uuid(),
        role.name,
        name_key(&role.name),
        &role.permissions,
        version,
        role.created_at,
        role.updated_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// One role.
pub(super) async fn find(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    id: RoleId,
) -> sqlx::Result<Option<Versioned>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id AS "id: RoleId", name, permissions, version, created_at, updated_at
           FROM auth.roles WHERE workspace_id = $1 AND id = $2"#,
        workspace.as_uuid(),
        id.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Versioned::from))
}

/// One role, which nobody else changes until the transaction ends.
pub(super) async fn lock(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    id: RoleId,
) -> sqlx::Result<Option<Versioned>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id AS "id: RoleId", name, permissions, version, created_at, updated_at
           FROM auth.roles WHERE workspace_id = $1 AND id = $2 FOR NO KEY UPDATE"#,
        workspace.as_uuid(),
        id.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Versioned::from))
}

/// The roles of a workspace, newest first.
pub(super) async fn list(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    before: Option<RoleId>,
    rows: i64,
) -> sqlx::Result<Vec<CustomRole>> {
    sqlx::query_as!(
        CustomRole,
        r#"SELECT id AS "id: RoleId", name, permissions, created_at, updated_at
           FROM auth.roles
           WHERE workspace_id = $1 AND ($2::uuid IS NULL OR id < $2)
           ORDER BY id DESC LIMIT $3"#,
        workspace.as_uuid(),
        before.map(|id| id.as_uuid()),
        rows,
    )
    .fetch_all(connection)
    .await
}

/// Writes what a patch may have changed.
pub(super) async fn update(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    Versioned { role, version }: &Versioned,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE auth.roles SET name = $3, name_key = $4, permissions = $5, version = $6, updated_at = $7
         WHERE workspace_id = $1 AND id = $2",
        workspace.as_uuid(),
        role.id.as_uuid(),
        role.name,
        name_key(&role.name),
        &role.permissions,
        version,
        role.updated_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Who has a role.
pub(super) async fn members(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    id: RoleId,
) -> sqlx::Result<Vec<UserId>> {
    sqlx::query_scalar!(
        r#"SELECT user_id AS "user_id: UserId" FROM auth.memberships
           WHERE workspace_id = $1 AND role_id = $2 ORDER BY user_id"#,
        workspace.as_uuid(),
        id.as_uuid(),
    )
    .fetch_all(connection)
    .await
}

/// Deletes a role and answers what it was; nothing when there is none. Members and invitations with it
/// keep it, apart from invitations that are too old to be accepted.
pub(super) async fn delete(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    id: RoleId,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<CustomRole>> {
    sqlx::query!(
        "DELETE FROM auth.invites WHERE workspace_id = $1 AND role_id = $2 AND expires_at <= $3",
        workspace.as_uuid(),
        id.as_uuid(),
        now,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query_as!(
        CustomRole,
        r#"DELETE FROM auth.roles WHERE workspace_id = $1 AND id = $2
           RETURNING id AS "id: RoleId", name, permissions, created_at, updated_at"#,
        workspace.as_uuid(),
        id.as_uuid(),
    )
    .fetch_optional(connection)
    .await
}
