//! The queue of those who wait for a person: where each stands, and how long it takes lately.

use std::{collections::HashMap, time::Duration};

use chat_api::QueuePlace;
use chrono::{DateTime, Utc};
use ids::{ChannelId, TeamId, WorkspaceId};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use super::Inbox;
use crate::{availability, log::Place};

/// How often the queue is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Waits are looked back at so far.
const LATELY: chrono::Duration = chrono::Duration::hours(24);
/// Waits that ended before are forgotten, now and then.
const KEEP: chrono::Duration = chrono::Duration::hours(48);
/// Looks between two times of forgetting.
const FORGET_EVERY: u32 = 600;

/// A visitor who is to be told where they stand.
struct Told {
    workspace_id: WorkspaceId,
    channel_id: ChannelId,
    place: i64,
    team_id: Option<TeamId>,
}

/// Where a channel stands in the queue of its team, or among those that no team takes care of; no
/// position while nobody waits in it.
pub(super) async fn place(
    pool: &PgPool,
    place: Place,
    now: DateTime<Utc>,
) -> sqlx::Result<QueuePlace> {
    let row = sqlx::query!(
        r#"SELECT c.owner = 'queued' AS "queued!", c.team_id AS "team_id: TeamId",
                  (SELECT count(*) FROM chat.channels a
                   WHERE a.workspace_id = c.workspace_id AND a.owner = 'queued' AND a.snoozed_until IS NULL
                     AND a.team_id IS NOT DISTINCT FROM c.team_id
                     AND (a.priority > c.priority
                          OR (a.priority = c.priority
                              AND (coalesce(a.queued_at, a.opened_at), a.id)
                                  < (coalesce(c.queued_at, c.opened_at), c.id)))) AS "ahead!"
           FROM chat.channels c WHERE c.workspace_id = $1 AND c.id = $2"#,
        place.workspace.as_uuid(),
        place.channel.as_uuid(),
    )
    .fetch_optional(pool)
    .await?;
    let team = row.as_ref().and_then(|row| row.team_id);
    let position = row.filter(|row| row.queued).map(|row| row.ahead + 1);
    with_wait(pool, (place.workspace, team), (position, now)).await
}

/// A position with what is expected and who is there.
async fn with_wait(
    pool: &PgPool,
    (workspace, team): (WorkspaceId, Option<TeamId>),
    (position, now): (Option<i64>, DateTime<Utc>),
) -> sqlx::Result<QueuePlace> {
    Ok(QueuePlace {
        position,
        expected_wait_seconds: expected(pool, workspace, (team, now)).await?,
        people_online: availability::online(pool, workspace, team).await?,
    })
}

/// The median of the last twenty waits of the day that ended with a person; none of fewer than three,
/// which would be a guess.
async fn expected(
    pool: &PgPool,
    workspace: WorkspaceId,
    (team, now): (Option<TeamId>, DateTime<Utc>),
) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar!(
        r#"SELECT CASE WHEN count(*) >= 3 THEN
                    round(percentile_cont(0.5) WITHIN GROUP (ORDER BY waited_seconds))::bigint
                  END AS "expected"
           FROM (SELECT waited_seconds FROM chat.waits
                 WHERE workspace_id = $1 AND ended_at > $3 AND ($2::uuid IS NULL OR team_id = $2)
                 ORDER BY ended_at DESC LIMIT 20) AS lately"#,
        workspace.as_uuid(),
        team.map(|team| team.as_uuid()),
        now - LATELY,
    )
    .fetch_one(pool)
    .await
}

impl Inbox {
    /// Tells waiting visitors where they stand, whenever that changes, and now and then how long it may
    /// take.
    pub(super) async fn tell_until(self, stop: CancellationToken) {
        let mut looks = 0_u32;
        let mut failing = false;
        while stop
            .run_until_cancelled(tokio::time::sleep(LOOK_EVERY))
            .await
            .is_some()
        {
            match self.tell().await {
                Ok(()) => failing = false,
                Err(error) if !failing => {
                    tracing::warn!(%error, "the queue cannot be looked at");
                    failing = true;
                }
                Err(_) => {}
            }
            looks = looks.wrapping_add(1);
            if looks.is_multiple_of(FORGET_EVERY)
                && let Err(error) = self.forget_waits().await
            {
                tracing::debug!(%error, "old waits stay for now");
            }
        }
    }

    /// Tells those whose place is another one than they were told, or who were told long ago. Of several
    /// instances one changes the row, and that one tells.
    async fn tell(&self) -> sqlx::Result<()> {
        let (pool, now) = (&self.0.pool, self.0.clock.now());
        let told = sqlx::query_as!(
            Told,
            r#"WITH places AS (
                 SELECT workspace_id, id, team_id,
                        row_number() OVER (PARTITION BY workspace_id, team_id
                                           ORDER BY priority DESC, coalesce(queued_at, opened_at), id) AS place
                 FROM chat.channels WHERE owner = 'queued' AND snoozed_until IS NULL
               ), told AS (
                 INSERT INTO chat.queue_places AS q (workspace_id, channel_id, place, told_at)
                 SELECT workspace_id, id, place, clock_timestamp() FROM places ORDER BY workspace_id, id
                 ON CONFLICT (workspace_id, channel_id)
                   DO UPDATE SET place = EXCLUDED.place, told_at = EXCLUDED.told_at
                   WHERE q.place <> EXCLUDED.place OR q.told_at < EXCLUDED.told_at - interval '15 seconds'
                 RETURNING q.workspace_id, q.channel_id, q.place
               ), ended AS (
                 DELETE FROM chat.queue_places q
                 WHERE NOT EXISTS (SELECT FROM places p
                                   WHERE p.workspace_id = q.workspace_id AND p.id = q.channel_id)
               )
               SELECT told.workspace_id AS "workspace_id!: WorkspaceId", told.channel_id AS "channel_id!: ChannelId",
                      told.place AS "place!", places.team_id AS "team_id?: TeamId"
               FROM told JOIN places ON places.workspace_id = told.workspace_id AND places.id = told.channel_id"#,
        )
        .fetch_all(pool)
        .await?;
        let mut known: HashMap<(WorkspaceId, Option<TeamId>), QueuePlace> = HashMap::new();
        for told in told {
            let line = (told.workspace_id, told.team_id);
            let common = match known.get(&line) {
                Some(common) => *common,
                None => {
                    let common = with_wait(pool, line, (None, now)).await?;
                    known.insert(line, common);
                    common
                }
            };
            let place = Place {
                workspace: told.workspace_id,
                channel: told.channel_id,
            };
            let position = Some(told.place);
            self.0.hub.queue(place, QueuePlace { position, ..common });
        }
        Ok(())
    }

    async fn forget_waits(&self) -> sqlx::Result<()> {
        let before = self.0.clock.now() - KEEP;
        sqlx::query!("DELETE FROM chat.waits WHERE ended_at < $1", before)
            .execute(&self.0.pool)
            .await?;
        Ok(())
    }
}
