//! Availability in PostgreSQL.

use chat_api::{Availability, SetAvailability, Status};
use chrono::{DateTime, Utc};
use ids::{TeamId, UserId, WorkspaceId};
use rest::{Keyset, Limit};
use sqlx::{PgExecutor, PgPool, Postgres, QueryBuilder};

/// What is read of one person. Whoever gave no sign of life for a minute is gone.
const SELECT: &str = "SELECT id, status, capacity, changed_at,
          coalesce(seen_at > now() - interval '60 seconds', false) AS connected,
          (SELECT count(*) FROM chat.channels c
           WHERE c.workspace_id = a.workspace_id AND c.assignee_id = a.id
             AND c.owner IN ('queued', 'human') AND c.snoozed_until IS NULL) AS open
   FROM (SELECT *, user_id AS id FROM chat.availability) a WHERE workspace_id = ";

#[derive(Debug, sqlx::FromRow)]
struct Row {
    id: UserId,
    status: String,
    capacity: Option<i32>,
    changed_at: Option<DateTime<Utc>>,
    connected: bool,
    open: i64,
}

impl Row {
    /// With the workspace's number for those who set none.
    fn read(self, capacity: i32) -> sqlx::Result<Availability> {
        let status = self
            .status
            .parse::<Status>()
            .map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        Ok(Availability {
            user_id: self.id,
            status,
            capacity: self.capacity.unwrap_or(capacity),
            connected: self.connected,
            available: self.connected && status == Status::Online,
            open: self.open,
            changed_at: self.changed_at,
        })
    }
}

/// Which people; all of those that are given must hold.
#[derive(Debug, Default)]
pub(super) struct Filter {
    pub(super) status: Option<Status>,
    pub(super) available: Option<bool>,
    pub(super) team: Option<TeamId>,
    pub(super) user: Option<UserId>,
}

/// People of the company who are there; those of a team, where the workspace has it.
///
/// # Errors
/// When PostgreSQL is not there.
pub async fn online(
    pool: &PgPool,
    workspace: WorkspaceId,
    team: Option<TeamId>,
) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM chat.availability a
           WHERE a.workspace_id = $1 AND a.status = 'online' AND a.seen_at > now() - interval '60 seconds'
             AND ($2::uuid IS NULL
                  OR NOT EXISTS (SELECT FROM chat.teams t
                                 WHERE t.workspace_id = $1 AND t.id = $2 AND t.deleted_at IS NULL)
                  OR EXISTS (SELECT FROM chat.team_members m
                             WHERE m.workspace_id = $1 AND m.team_id = $2 AND m.user_id = a.user_id))"#,
        workspace.as_uuid(),
        team.map(|team| team.as_uuid()),
    )
    .fetch_one(pool)
    .await
}

/// Writes a sign of life of each of these people.
pub(super) async fn seen(pool: &PgPool, people: &[(WorkspaceId, UserId)]) -> sqlx::Result<()> {
    let (workspaces, users): (Vec<_>, Vec<_>) = people
        .iter()
        .map(|(workspace, user)| (workspace.as_uuid(), user.as_uuid()))
        .unzip();
    // In one order everywhere: two instances that write the same rows do not wait for each other.
    sqlx::query!(
        "INSERT INTO chat.availability (workspace_id, user_id, status, seen_at)
         SELECT workspace_id, user_id, 'offline', now()
         FROM unnest($1::uuid[], $2::uuid[]) AS here (workspace_id, user_id)
         ORDER BY workspace_id, user_id
         ON CONFLICT (workspace_id, user_id) DO UPDATE SET seen_at = EXCLUDED.seen_at",
        &workspaces,
        &users,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Writes what somebody says of themselves.
pub(super) async fn set(
    pool: &PgPool,
    (workspace, user): (WorkspaceId, UserId),
    said: &SetAvailability,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO chat.availability (workspace_id, user_id, status, capacity, changed_at)
         VALUES ($1, $2, $3, $4, now())
         ON CONFLICT (workspace_id, user_id) DO UPDATE
         SET status = EXCLUDED.status, capacity = EXCLUDED.capacity, changed_at = EXCLUDED.changed_at
         WHERE (availability.status, availability.capacity) IS DISTINCT FROM (EXCLUDED.status, EXCLUDED.capacity)",
        workspace.as_uuid(),
        user.as_uuid(),
        said.status.as_str(),
        said.capacity,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// What somebody said of themselves; nothing yet is `offline`.
pub(super) async fn find(
    pool: &PgPool,
    (workspace, user): (WorkspaceId, UserId),
    capacity: i32,
) -> sqlx::Result<Availability> {
    let filter = Filter {
        user: Some(user),
        ..Filter::default()
    };
    let found = list(pool, workspace, filter, (None, Limit::default(), false)).await?;
    match found.into_iter().next() {
        Some(row) => row.read(capacity),
        None => Ok(Availability {
            user_id: user,
            status: Status::Offline,
            capacity,
            connected: false,
            available: false,
            open: 0,
            changed_at: None,
        }),
    }
}

/// The people of a page, and one more where there is one.
pub(super) async fn page(
    pool: &PgPool,
    workspace: WorkspaceId,
    (filter, capacity): (Filter, i32),
    (after, limit, down): (Option<UserId>, Limit, bool),
) -> sqlx::Result<Vec<Availability>> {
    let rows = list(pool, workspace, filter, (after, limit, down)).await?;
    rows.into_iter().map(|row| row.read(capacity)).collect()
}

async fn list(
    connection: impl PgExecutor<'_>,
    workspace: WorkspaceId,
    filter: Filter,
    (after, limit, down): (Option<UserId>, Limit, bool),
) -> sqlx::Result<Vec<Row>> {
    let keyset = Keyset { key: "id", down };
    let mut sql = QueryBuilder::<Postgres>::new(SELECT);
    sql.push_bind(workspace);
    if let Some(user) = filter.user {
        sql.push(" AND id = ").push_bind(user);
    }
    if let Some(status) = filter.status {
        sql.push(" AND status = ").push_bind(status.as_str());
    }
    if let Some(available) = filter.available {
        sql.push(
            " AND (status = 'online' AND coalesce(seen_at > now() - interval '60 seconds', false)) = ",
        )
        .push_bind(available);
    }
    if let Some(team) = filter.team {
        sql.push(
            " AND EXISTS (SELECT FROM chat.team_members m
                          WHERE m.workspace_id = a.workspace_id AND m.user_id = a.id AND m.team_id = ",
        )
        .push_bind(team)
        .push(")");
    }
    if let Some(after) = after {
        keyset.after(&mut sql, after, after);
    }
    keyset.order(&mut sql, limit);
    sql.build_query_as().fetch_all(connection).await
}
