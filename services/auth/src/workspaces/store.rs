//! Workspaces in PostgreSQL. One that was deleted is found by nobody here.

use auth_api::{MyWorkspace, Workspace, WorkspaceSettings, events::WorkspaceDeleted};
use chrono::{DateTime, Utc};
use ids::{RoleId, SessionId, UserId, WorkspaceId};
use sqlx::PgConnection;

use crate::members;

/// A workspace with its settings and their version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Versioned {
    pub(super) settings: WorkspaceSettings,
    /// Counts the changes; the `ETag`.
    pub(super) version: i64,
}

struct Row {
    id: WorkspaceId,
    name: String,
    created_at: DateTime<Utc>,
    enforce_identity: bool,
    has_identity_secret: bool,
    require_second_factor: bool,
    version: i64,
}

impl From<Row> for Versioned {
    fn from(row: Row) -> Self {
        let settings = WorkspaceSettings {
            workspace: Workspace {
                id: row.id,
                name: row.name,
                created_at: row.created_at,
            },
            enforce_identity: row.enforce_identity,
            has_identity_secret: row.has_identity_secret,
            require_second_factor: row.require_second_factor,
        };
        Self {
            settings,
            version: row.version,
        }
    }
}

/// A workspace.
pub(super) async fn find(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
) -> sqlx::Result<Option<Versioned>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id AS "id: WorkspaceId", name, created_at, enforce_identity,
                  identity_secret IS NOT NULL AS "has_identity_secret!", require_second_factor, version
           FROM auth.workspaces WHERE id = $1 AND deleted_at IS NULL"#,
        workspace.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Versioned::from))
}

/// A workspace, whose settings and owners nobody else changes until the transaction ends.
pub(crate) async fn lock(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
) -> sqlx::Result<Option<Versioned>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id AS "id: WorkspaceId", name, created_at, enforce_identity,
                  identity_secret IS NOT NULL AS "has_identity_secret!", require_second_factor, version
           FROM auth.workspaces WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE"#,
        workspace.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Versioned::from))
}

/// Keeps a workspace from being deleted until the transaction ends; answers false when it was.
pub(crate) async fn hold(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
) -> sqlx::Result<bool> {
    let found = sqlx::query_scalar!(
        "SELECT id FROM auth.workspaces WHERE id = $1 AND deleted_at IS NULL FOR SHARE",
        workspace.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(found.is_some())
}

/// The workspaces that a person belongs to, oldest first; or only one of them.
pub(super) async fn of_user(
    connection: &mut PgConnection,
    user: UserId,
    only: Option<WorkspaceId>,
    after: Option<WorkspaceId>,
    rows: i64,
) -> sqlx::Result<Vec<MyWorkspace>> {
    let rows = sqlx::query!(
        r#"SELECT w.id AS "id: WorkspaceId", w.name, w.created_at, m.role, m.role_id AS "role_id: RoleId",
                  m.created_at AS joined_at
           FROM auth.memberships m JOIN auth.workspaces w ON w.id = m.workspace_id
           WHERE m.user_id = $1 AND w.deleted_at IS NULL
             AND ($2::uuid IS NULL OR w.id = $2) AND ($3::uuid IS NULL OR w.id > $3)
           ORDER BY w.id LIMIT $4"#,
        user.as_uuid(),
        only.map(|id| id.as_uuid()),
        after.map(|id| id.as_uuid()),
        rows,
    )
    .fetch_all(connection)
    .await?;
    let mine = rows.into_iter().map(|row| {
        Ok(MyWorkspace {
            workspace: Workspace {
                id: row.id,
                name: row.name,
                created_at: row.created_at,
            },
            role: members::role(&row.role)?,
            role_id: row.role_id,
            joined_at: row.joined_at,
        })
    });
    mine.collect()
}

/// By what the person of a session proved who they are, and when.
pub(super) async fn proofs(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    session: SessionId,
) -> sqlx::Result<(Vec<String>, DateTime<Utc>)> {
    let row = sqlx::query!(
        r#"SELECT methods, coalesce(began_at, created_at) AS "began_at!" FROM auth.sessions
           WHERE workspace_id = $1 AND id = $2"#,
        workspace.as_uuid(),
        session.as_uuid(),
    )
    .fetch_one(connection)
    .await?;
    Ok((row.methods, row.began_at))
}

/// Writes what a patch may have changed.
pub(super) async fn update(
    connection: &mut PgConnection,
    Versioned { settings, version }: &Versioned,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE auth.workspaces SET name = $2, enforce_identity = $3, require_second_factor = $4, version = $5
         WHERE id = $1",
        settings.workspace.id.as_uuid(),
        settings.workspace.name,
        settings.enforce_identity,
        settings.require_second_factor,
        version,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes from a workspace its people, whom it invited, its keys and its secrets. The row stays for as
/// long as tokens may name its sessions.
pub(super) async fn delete(
    connection: &mut PgConnection,
    deleted: &WorkspaceDeleted,
) -> sqlx::Result<()> {
    let workspace = deleted.workspace_id.as_uuid();
    // Whoever opens a session holds the membership, or the key by this lock: they are waited for, and
    // who comes after finds nothing.
    sqlx::query!(
        r#"SELECT pg_advisory_xact_lock(hashtextextended(id::text, 0))::text AS "done"
           FROM auth.keys WHERE workspace_id = $1 AND revoked_at IS NULL ORDER BY id"#,
        workspace,
    )
    .fetch_all(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE auth.keys SET revoked_at = $2 WHERE workspace_id = $1 AND revoked_at IS NULL",
        workspace,
        deleted.deleted_at,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "DELETE FROM auth.memberships WHERE workspace_id = $1",
        workspace
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "DELETE FROM auth.invites WHERE workspace_id = $1",
        workspace
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "DELETE FROM auth.issuers WHERE workspace_id = $1",
        workspace
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE auth.workspaces
         SET name = '', identity_secret = NULL, enforce_identity = false, version = $2, deleted_at = $3
         WHERE id = $1",
        workspace,
        deleted.version,
        deleted.deleted_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}
