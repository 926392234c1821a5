//! Routing in PostgreSQL: the queue, who is there, and what was given to whom. Times are PostgreSQL's.

use std::collections::{HashMap, HashSet};

use ids::{ChannelId, TeamId, UserId, WorkspaceId};
use sqlx::{PgConnection, PgPool};

use super::model::{Person, Routed, Waiting};

/// Channels of one workspace that one look gives away.
const PORTION: i64 = 200;

/// The workspaces in which something wants a person, or was given to somebody.
pub(super) async fn workspaces(pool: &PgPool) -> sqlx::Result<Vec<WorkspaceId>> {
    sqlx::query_scalar!(
        r#"SELECT workspace_id AS "workspace_id!: WorkspaceId" FROM chat.channels
           WHERE owner = 'queued' AND snoozed_until IS NULL AND merged_into IS NULL
           UNION
           SELECT workspace_id FROM chat.routed"#,
    )
    .fetch_all(pool)
    .await
}

/// Keeps the other instances away until the transaction ends; answers false when one of them is at it.
pub(super) async fn try_lock(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT pg_try_advisory_xact_lock(hashtextextended('chat.routing:' || $1, 0)) AS "got!""#,
        workspace.to_string(),
    )
    .fetch_one(connection)
    .await
}

/// Those who are there, whoever was given something longest ago first. What they were given and the rows
/// do not show yet counts as theirs.
pub(super) async fn people(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    capacity: i32,
) -> sqlx::Result<Vec<Person>> {
    let rows = sqlx::query!(
        r#"SELECT a.user_id AS "user_id: UserId",
                  coalesce(a.capacity, $2)
                  - (SELECT count(*) FROM chat.channels c
                     WHERE c.workspace_id = a.workspace_id AND c.assignee_id = a.user_id
                       AND c.owner IN ('queued', 'human') AND c.snoozed_until IS NULL)
                  - (SELECT count(*) FROM chat.routed r
                     JOIN chat.channels c ON c.workspace_id = r.workspace_id AND c.id = r.channel_id
                     WHERE r.workspace_id = a.workspace_id AND r.user_id = a.user_id
                       AND r.routed_at > now() - interval '10 seconds'
                       AND c.owner = 'queued' AND c.assignee_id IS DISTINCT FROM r.user_id) AS "free!"
           FROM chat.availability a
           WHERE a.workspace_id = $1 AND a.status = 'online' AND a.seen_at > now() - interval '60 seconds'
           ORDER BY a.last_assigned_at NULLS FIRST, a.user_id"#,
        workspace.as_uuid(),
        capacity,
    )
    .fetch_all(connection)
    .await?;
    let people = rows.into_iter().map(|row| Person {
        user: row.user_id,
        free: row.free,
    });
    Ok(people.collect())
}

/// Notes what people gave each other, and what somebody had before it was queued again: whoever has it
/// has as long to take it as if it were given to them now.
pub(super) async fn adopt(pool: &PgPool, workspace: WorkspaceId) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO chat.routed (workspace_id, channel_id, user_id, routed_at)
         SELECT workspace_id, id, assignee_id, now() FROM chat.channels
         WHERE workspace_id = $1 AND owner = 'queued' AND assignee_id IS NOT NULL
           AND snoozed_until IS NULL AND merged_into IS NULL
         ON CONFLICT DO NOTHING",
        workspace.as_uuid(),
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// What was given to somebody and is not settled.
pub(super) async fn routed(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
) -> sqlx::Result<Vec<Routed>> {
    let rows = sqlx::query!(
        r#"SELECT r.channel_id AS "channel_id: ChannelId", r.user_id AS "user_id: UserId",
                  extract(epoch FROM now() - r.routed_at)::bigint AS "seconds!",
                  coalesce(c.owner = 'queued' AND c.snoozed_until IS NULL AND c.merged_into IS NULL, false)
                    AS "wanted!",
                  c.assignee_id AS "assignee_id: UserId"
           FROM chat.routed r
           LEFT JOIN chat.channels c ON c.workspace_id = r.workspace_id AND c.id = r.channel_id
           WHERE r.workspace_id = $1"#,
        workspace.as_uuid(),
    )
    .fetch_all(connection)
    .await?;
    let routed = rows.into_iter().map(|row| Routed {
        channel: row.channel_id,
        user: row.user_id,
        seconds: row.seconds,
        wanted: row.wanted,
        assignee: row.assignee_id,
    });
    Ok(routed.collect())
}

/// The queue: what presses most first, then what waits longest. What was just given to somebody is not in
/// it, even where the rows do not show that yet.
pub(super) async fn waiting(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
) -> sqlx::Result<Vec<Waiting>> {
    let rows = sqlx::query!(
        r#"SELECT c.id AS "id: ChannelId", c.team_id AS "team_id: TeamId",
                  coalesce(r.passed_by, '{}') AS "passed_by!: Vec<UserId>"
           FROM chat.channels c
           LEFT JOIN chat.routed r ON r.workspace_id = c.workspace_id AND r.channel_id = c.id
           WHERE c.workspace_id = $1 AND c.owner = 'queued' AND c.assignee_id IS NULL
             AND c.snoozed_until IS NULL AND c.merged_into IS NULL
             AND (r.user_id IS NULL OR r.routed_at <= now() - interval '10 seconds')
           ORDER BY c.priority DESC, c.queued_at, c.id LIMIT $2"#,
        workspace.as_uuid(),
        PORTION,
    )
    .fetch_all(connection)
    .await?;
    let waiting = rows.into_iter().map(|row| Waiting {
        channel: row.id,
        team: row.team_id,
        passed_by: row.passed_by,
    });
    Ok(waiting.collect())
}

/// The members of the teams of these channels; those that are gone are not among them.
pub(super) async fn teams(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    waiting: &[Waiting],
) -> sqlx::Result<HashMap<TeamId, HashSet<UserId>>> {
    let wanted: Vec<_> = waiting
        .iter()
        .filter_map(|channel| channel.team.map(|team| team.as_uuid()))
        .collect();
    let mut teams: HashMap<TeamId, HashSet<UserId>> = HashMap::new();
    if wanted.is_empty() {
        return Ok(teams);
    }
    let rows = sqlx::query!(
        r#"SELECT t.id AS "id: TeamId", m.user_id AS "user_id?: UserId" FROM chat.teams t
           LEFT JOIN chat.team_members m ON m.workspace_id = t.workspace_id AND m.team_id = t.id
           WHERE t.workspace_id = $1 AND t.id = ANY($2) AND t.deleted_at IS NULL"#,
        workspace.as_uuid(),
        &wanted,
    )
    .fetch_all(connection)
    .await?;
    for row in rows {
        teams.entry(row.id).or_default().extend(row.user_id);
    }
    Ok(teams)
}

/// Notes that a channel is given to somebody.
pub(super) async fn note(
    pool: &PgPool,
    workspace: WorkspaceId,
    (channel, user): (ChannelId, UserId),
) -> sqlx::Result<()> {
    let mut transaction = pool.begin().await?;
    sqlx::query!(
        "INSERT INTO chat.routed (workspace_id, channel_id, user_id, routed_at) VALUES ($1, $2, $3, now())
         ON CONFLICT (workspace_id, channel_id) DO UPDATE
         SET user_id = EXCLUDED.user_id, routed_at = EXCLUDED.routed_at",
        workspace.as_uuid(),
        channel.as_uuid(),
        user.as_uuid(),
    )
    .execute(&mut *transaction)
    .await?;
    // Not now(), which is the same for all that one look gives away.
    sqlx::query!(
        "UPDATE chat.availability SET last_assigned_at = clock_timestamp()
         WHERE workspace_id = $1 AND user_id = $2",
        workspace.as_uuid(),
        user.as_uuid(),
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await
}

/// Notes that somebody had a channel and did not take it.
pub(super) async fn passed_by(
    pool: &PgPool,
    workspace: WorkspaceId,
    (channel, user): (ChannelId, UserId),
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE chat.routed
         SET user_id = NULL, routed_at = now(), passed_by = array_append(array_remove(passed_by, $3), $3)
         WHERE workspace_id = $1 AND channel_id = $2 AND user_id = $3",
        workspace.as_uuid(),
        channel.as_uuid(),
        user.as_uuid(),
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Forgets what was given to whom.
pub(super) async fn forget(
    pool: &PgPool,
    workspace: WorkspaceId,
    channel: ChannelId,
) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM chat.routed WHERE workspace_id = $1 AND channel_id = $2",
        workspace.as_uuid(),
        channel.as_uuid(),
    )
    .execute(pool)
    .await?;
    Ok(())
}
