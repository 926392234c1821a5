//! Teams in PostgreSQL.

use chat_api::Team;
use chrono::{DateTime, Utc};
use ids::{TeamId, UserId, WorkspaceId};
use sqlx::{PgConnection, PgExecutor};

/// The version of a team that was just made.
pub(super) const FIRST_VERSION: i64 = 1;

/// A team and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Versioned {
    pub(super) team: Team,
    pub(super) version: i64,
}

#[derive(Debug, sqlx::FromRow)]
pub(super) struct Row {
    pub(super) id: TeamId,
    name: String,
    pub(super) name_key: String,
    members: Vec<UserId>,
    version: i64,
    pub(super) created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Row> for Versioned {
    fn from(row: Row) -> Self {
        Self {
            team: Team {
                id: row.id,
                name: row.name,
                members: row.members,
                created_at: row.created_at,
                updated_at: row.updated_at,
            },
            version: row.version,
        }
    }
}

/// The form in which names are compared: lower case by Unicode's rules, the same on every server.
pub(super) fn name_key(name: &str) -> String {
    name.trim().to_lowercase()
}

/// Whether there is such a team.
pub(super) async fn exists(
    connection: impl PgExecutor<'_>,
    workspace: WorkspaceId,
    team: TeamId,
) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM chat.teams
                          WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NULL) AS "exists!""#,
        workspace.as_uuid(),
        team.as_uuid(),
    )
    .fetch_one(connection)
    .await
}

/// One team.
pub(super) async fn find(
    connection: impl PgExecutor<'_>,
    workspace: WorkspaceId,
    team: TeamId,
) -> sqlx::Result<Option<Versioned>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id AS "id: TeamId", name, name_key, version, created_at, updated_at,
                  ARRAY(SELECT m.user_id FROM chat.team_members m
                        WHERE m.workspace_id = t.workspace_id AND m.team_id = t.id
                        ORDER BY m.user_id) AS "members!: Vec<UserId>"
           FROM chat.teams t WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NULL"#,
        workspace.as_uuid(),
        team.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Versioned::from))
}

/// One team, which nobody else can change until the transaction ends.
pub(super) async fn lock(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    team: TeamId,
) -> sqlx::Result<Option<Versioned>> {
    let locked = sqlx::query_scalar!(
        r#"SELECT 1 AS "there!" FROM chat.teams
           WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NULL FOR UPDATE"#,
        workspace.as_uuid(),
        team.as_uuid(),
    )
    .fetch_optional(&mut *connection)
    .await?;
    match locked {
        Some(_) => find(connection, workspace, team).await,
        None => Ok(None),
    }
}

/// Inserts a team without members.
pub(super) async fn insert(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    team: &Team,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO chat.teams (workspace_id, id, name, name_key, version, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        workspace.as_uuid(),
        team.id.as_uuid(),
        team.name,
        name_key(&team.name),
        FIRST_VERSION,
        team.created_at,
        team.updated_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes what a change leaves of the team itself.
pub(super) async fn update(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    Versioned { team, version }: &Versioned,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE chat.teams SET name = $3, name_key = $4, version = $5, updated_at = $6
         WHERE workspace_id = $1 AND id = $2",
        workspace.as_uuid(),
        team.id.as_uuid(),
        team.name,
        name_key(&team.name),
        *version,
        team.updated_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Adds a member; answers false when they are one already.
pub(super) async fn add_member(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    (team, user): (TeamId, UserId),
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO chat.team_members (workspace_id, team_id, user_id) VALUES ($1, $2, $3)
         ON CONFLICT DO NOTHING",
        workspace.as_uuid(),
        team.as_uuid(),
        user.as_uuid(),
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Removes a member; answers false when they are none.
pub(super) async fn remove_member(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    (team, user): (TeamId, UserId),
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "DELETE FROM chat.team_members WHERE workspace_id = $1 AND team_id = $2 AND user_id = $3",
        workspace.as_uuid(),
        team.as_uuid(),
        user.as_uuid(),
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes a team out of sight and dismisses its members; answers false when there is none.
pub(super) async fn hide(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    team: TeamId,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "UPDATE chat.teams SET deleted_at = $3
         WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NULL",
        workspace.as_uuid(),
        team.as_uuid(),
        now,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "DELETE FROM chat.team_members WHERE workspace_id = $1 AND team_id = $2",
        workspace.as_uuid(),
        team.as_uuid(),
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}
