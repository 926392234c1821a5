//! Accounts in PostgreSQL. People stand outside the workspaces, so signing in begins without one.

use auth_api::{Me, Workspace};
use chrono::{DateTime, Utc};
use common::{telemetry::Personal, tokens::Caller};
use ids::{RoleId, SessionId, UserId, WorkspaceId};
use sqlx::PgConnection;
use vault::Sealed;

use super::model::{NewPerson, NewWorkspace};
use crate::{members, tickets};

/// Writes a person; answers whether their address was free.
pub(crate) async fn insert_person(
    connection: &mut PgConnection,
    person: &NewPerson,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO auth.users (id, email_sealed, email_index, password_hash, name, email_verified_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (email_index) DO NOTHING",
        person.user.as_uuid(),
        person.email.sealed.as_bytes(),
        person.email.index.as_bytes(),
        person.password_hash,
        person.name.expose(),
        person.verified_at,
        person.at,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes a workspace and its owner.
pub(super) async fn insert_workspace(
    connection: &mut PgConnection,
    workspace: &NewWorkspace,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO auth.workspaces (id, name, created_at) VALUES ($1, $2, $3)",
        workspace.id.as_uuid(),
        workspace.name,
        workspace.at,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO auth.memberships (workspace_id, user_id, role, created_at) VALUES ($1, $2, 'owner', $3)",
        workspace.id.as_uuid(),
        workspace.owner.as_uuid(),
        workspace.at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Who the caller is, with their address still sealed and without what they may do; nothing when the session
/// or the membership has ended.
pub(super) async fn me(
    connection: &mut PgConnection,
    caller: &Caller,
) -> sqlx::Result<Option<(Me, Sealed)>> {
    let found = sqlx::query!(
        r#"SELECT u.id AS "id: UserId", u.email_sealed AS "email!", u.email_verified_at, u.name, u.created_at,
                  w.id AS "workspace_id: WorkspaceId", w.name AS workspace_name,
                  w.created_at AS workspace_created_at, m.role_id AS "role_id: RoleId", m.role,
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
    let me = Me {
        id: row.id,
        email: Personal::new(String::new()),
        email_verified: row.email_verified_at.is_some(),
        name: Personal::new(row.name),
        workspace: Workspace {
            id: row.workspace_id,
            name: row.workspace_name,
            created_at: row.workspace_created_at,
        },
        role: members::role(&row.role)?,
        role_id: row.role_id,
        permissions: Vec::new(),
        second_factor_demanded: false,
        session_id: row.session_id,
        created_at: row.created_at,
    };
    Ok(Some((me, row.email.into())))
}

/// Gives a person another name.
pub(super) async fn rename(
    connection: &mut PgConnection,
    user: UserId,
    name: &Personal<String>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE auth.users SET name = $2 WHERE id = $1",
        user.as_uuid(),
        name.expose()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The workspaces that would have no owner without this person. Their rows are locked, so that two
/// owners who leave at once do so one after the other.
pub(super) async fn owned_alone(
    connection: &mut PgConnection,
    user: UserId,
) -> sqlx::Result<Vec<WorkspaceId>> {
    sqlx::query_scalar!(
        "SELECT w.id FROM auth.workspaces w
         JOIN auth.memberships m ON m.workspace_id = w.id
         WHERE m.user_id = $1 AND m.role = 'owner' AND w.deleted_at IS NULL
         ORDER BY w.id FOR UPDATE OF w",
        user.as_uuid(),
    )
    .fetch_all(&mut *connection)
    .await?;
    // A statement of its own, begun under the locks.
    sqlx::query_scalar!(
        r#"SELECT m.workspace_id AS "id: WorkspaceId" FROM auth.memberships m
           JOIN auth.workspaces w ON w.id = m.workspace_id
           WHERE m.user_id = $1 AND m.role = 'owner' AND w.deleted_at IS NULL
             AND NOT EXISTS (SELECT FROM auth.memberships o
                             WHERE o.workspace_id = m.workspace_id AND o.role = 'owner' AND o.user_id <> $1)"#,
        user.as_uuid(),
    )
    .fetch_all(connection)
    .await
}

/// Takes from an account everything that says who it was. The row stays for as long as tokens may name
/// its sessions.
pub(super) async fn scrub(
    connection: &mut PgConnection,
    user: UserId,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM auth.memberships WHERE user_id = $1",
        user.as_uuid()
    )
    .execute(&mut *connection)
    .await?;
    tickets::forget_all(&mut *connection, user).await?;
    sqlx::query!(
        "UPDATE auth.sessions SET user_agent = NULL, address = NULL WHERE user_id = $1",
        user.as_uuid()
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE auth.users
         SET email_sealed = NULL, email_index = NULL, password_hash = NULL, name = '', deleted_at = $2
         WHERE id = $1",
        user.as_uuid(),
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Some of the accounts whose addresses still stand there as they were written.
pub(super) async fn unsealed(
    connection: &mut PgConnection,
) -> sqlx::Result<Vec<(UserId, Personal<String>)>> {
    let rows = sqlx::query!(
        r#"SELECT id AS "id: UserId", email AS "email!" FROM auth.users WHERE email IS NOT NULL LIMIT 500"#,
    )
    .fetch_all(connection)
    .await?;
    let people = rows.into_iter().map(|row| (row.id, row.email.into()));
    Ok(people.collect())
}

/// Puts the sealed address into the place of the one that was written.
pub(super) async fn seal(
    connection: &mut PgConnection,
    user: UserId,
    email: &crate::people::KeptEmail,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE auth.users SET email = NULL, email_key = NULL, email_sealed = $2, email_index = $3
         WHERE id = $1 AND email IS NOT NULL",
        user.as_uuid(),
        email.sealed.as_bytes(),
        email.index.as_bytes(),
    )
    .execute(connection)
    .await?;
    Ok(())
}
