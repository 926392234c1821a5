//! Who belongs to which workspace, and what their role lets them do.

use common::tokens::{Caller, Role};
use ids::{UserId, WorkspaceId};
use sqlx::PgConnection;

/// A person's place in a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Membership {
    /// The role.
    pub(crate) role: Role,
    /// What the role may do, in the order of the alphabet.
    pub(crate) permissions: Vec<String>,
}

/// What is true of a caller at this moment, beyond what the token says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    /// Whether the e-mail address was verified.
    pub(crate) email_verified: bool,
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
        r#"SELECT m.role, ARRAY(SELECT p.permission FROM auth.permissions p WHERE p.role = m.role
                                ORDER BY p.permission) AS "permissions!"
           FROM auth.memberships m WHERE m.workspace_id = $1 AND m.user_id = $2"#,
        workspace.as_uuid(),
        user.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    found
        .map(|row| {
            Ok(Membership {
                role: role(&row.role)?,
                permissions: row.permissions,
            })
        })
        .transpose()
}

/// The workspace that a person signs in to: the one that they joined first.
pub(crate) async fn home(
    connection: &mut PgConnection,
    user: UserId,
) -> sqlx::Result<Option<(WorkspaceId, Membership)>> {
    let first = sqlx::query_scalar!(
        r#"SELECT workspace_id AS "workspace_id: WorkspaceId" FROM auth.memberships
           WHERE user_id = $1 ORDER BY created_at, workspace_id LIMIT 1"#,
        user.as_uuid(),
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(workspace) = first else {
        return Ok(None);
    };
    Ok(find(connection, workspace, user)
        .await?
        .map(|membership| (workspace, membership)))
}

/// What is true of a caller at this moment; nothing when the session has ended. What happens here,
/// where sessions are kept, need not wait for the list of ended ones to get around.
pub(crate) async fn standing(
    connection: &mut PgConnection,
    caller: &Caller,
) -> sqlx::Result<Option<Standing>> {
    sqlx::query_as!(
        Standing,
        r#"SELECT u.email_verified_at IS NOT NULL AS "email_verified!"
           FROM auth.sessions s JOIN auth.users u ON u.id = s.user_id
           WHERE s.workspace_id = $1 AND s.id = $2 AND s.user_id = $3 AND s.revoked_at IS NULL"#,
        caller.workspace_id.as_uuid(),
        caller.session_id.as_uuid(),
        caller.user_id.as_uuid(),
    )
    .fetch_optional(connection)
    .await
}
