//! A person's place in a workspace.

use common::tokens::Role;
use ids::{RoleId, UserId, WorkspaceId};
use sqlx::PgConnection;

/// A person's place in a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Membership {
    /// The role.
    pub(crate) role: Role,
    /// Which of the workspace's own roles, if it is one.
    pub(crate) role_id: Option<RoleId>,
    /// What the role may do, in the order of the alphabet.
    pub(crate) permissions: Vec<String>,
}

impl Membership {
    /// The same place, where nothing may be done if a second factor is `missing`.
    pub(crate) fn unless(self, missing: bool) -> Self {
        Self {
            permissions: if missing {
                Vec::new()
            } else {
                self.permissions
            },
            ..self
        }
    }
}

#[cfg(test)]
impl Membership {
    /// Somebody with this role who may do this.
    pub(crate) fn of(role: Role, permissions: &[&str]) -> Self {
        Self {
            role,
            role_id: None,
            permissions: permissions.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Reads a role as the tables spell it.
pub(crate) fn role(text: &str) -> sqlx::Result<Role> {
    text.parse()
        .map_err(|error: String| sqlx::Error::Decode(error.into()))
}

/// A person's place in a workspace.
pub(crate) async fn find(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    user: UserId,
) -> sqlx::Result<Option<Membership>> {
    let found = sqlx::query!(
        r#"SELECT m.role, m.role_id AS "role_id: RoleId",
                  coalesce(r.permissions,
                           ARRAY(SELECT p.permission FROM auth.permissions p WHERE p.role = m.role
                                 ORDER BY p.permission)) AS "permissions!"
           FROM auth.memberships m
           LEFT JOIN auth.roles r ON r.workspace_id = m.workspace_id AND r.id = m.role_id
           WHERE m.workspace_id = $1 AND m.user_id = $2"#,
        workspace.as_uuid(),
        user.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    found
        .map(|row| {
            Ok(Membership {
                role: role(&row.role)?,
                role_id: row.role_id,
                permissions: row.permissions,
            })
        })
        .transpose()
}

/// A person's place in a workspace, which stays as it is until the transaction ends. Whoever opens a
/// session holds it: a change of the role that is under way could not end a session that it does not see.
pub(crate) async fn hold(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    user: UserId,
) -> sqlx::Result<Option<Membership>> {
    let held = sqlx::query_scalar!(
        "SELECT role FROM auth.memberships WHERE workspace_id = $1 AND user_id = $2 FOR SHARE",
        workspace.as_uuid(),
        user.as_uuid(),
    )
    .fetch_optional(&mut *connection)
    .await?;
    match held {
        Some(_) => find(connection, workspace, user).await,
        None => Ok(None),
    }
}

/// The workspace that a person signs in to: the one that they used last, or else the one that they
/// joined first. The place in it is held, as [`hold`] does.
pub(crate) async fn home(
    connection: &mut PgConnection,
    user: UserId,
) -> sqlx::Result<Option<(WorkspaceId, Membership)>> {
    // A membership that ends meanwhile is none, and the next sign-in finds another.
    let held = sqlx::query_scalar!(
        r#"SELECT m.workspace_id AS "workspace_id: WorkspaceId" FROM auth.memberships m
           WHERE m.user_id = $1
           ORDER BY (SELECT max(s.last_used_at) FROM auth.sessions s
                     WHERE s.user_id = m.user_id AND s.workspace_id = m.workspace_id) DESC NULLS LAST,
                    m.created_at, m.workspace_id
           LIMIT 1 FOR SHARE OF m"#,
        user.as_uuid(),
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(workspace) = held else {
        return Ok(None);
    };
    Ok(find(connection, workspace, user)
        .await?
        .map(|membership| (workspace, membership)))
}
