//! What a deleted team leaves: open channels that are nobody's in particular from then on.

use std::time::Duration;

use ids::{ChannelId, TeamId, WorkspaceId};
use rest::Field;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::{
    app::App,
    log::{Act, Actor, Error, Place},
};

/// How often deleted teams are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// Channels that one look leaves.
const PORTION: i64 = 100;

/// Takes the open channels from deleted teams, until `stop`. Any number of instances may do it: what one
/// of them did is nothing to do for the others.
pub(crate) async fn leave_until(app: App, stop: CancellationToken) {
    let mut failing = false;
    while !stop.is_cancelled() {
        match leave(&app).await {
            Ok(()) => failing = false,
            Err(error) if !failing => {
                tracing::warn!(%error, "channels of deleted teams wait");
                failing = true;
            }
            Err(_) => {}
        }
        stop.run_until_cancelled(tokio::time::sleep(SWEEP_EVERY))
            .await;
    }
}

async fn leave(app: &App) -> anyhow::Result<()> {
    for (workspace, team) in deleted(&app.pool).await? {
        let channels = open_channels(&app.pool, workspace, team).await?;
        for channel in &channels {
            let place = Place {
                workspace,
                channel: *channel,
            };
            // The row follows the log a moment later, so the log is asked whether it is the team's still.
            if app.log.head(place).await?.team != Some(team) {
                continue;
            }
            let nobody = Act::Assign {
                user_id: Field::Absent,
                team_id: Field::Null,
            };
            match app.log.act(place, Actor::System, nobody, None).await {
                // Closed or merged meanwhile: it is nobody's to take care of.
                Ok(_) | Err(Error::Refused(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if channels.is_empty() {
            forget(&app.pool, workspace, team).await?;
        }
    }
    Ok(())
}

async fn deleted(pool: &PgPool) -> sqlx::Result<Vec<(WorkspaceId, TeamId)>> {
    let rows = sqlx::query!(
        r#"SELECT workspace_id AS "workspace_id: WorkspaceId", id AS "id: TeamId" FROM chat.teams
           WHERE deleted_at IS NOT NULL ORDER BY deleted_at LIMIT 20"#,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.workspace_id, row.id))
        .collect())
}

async fn open_channels(
    pool: &PgPool,
    workspace: WorkspaceId,
    team: TeamId,
) -> sqlx::Result<Vec<ChannelId>> {
    sqlx::query_scalar!(
        r#"SELECT id AS "id: ChannelId" FROM chat.channels
           WHERE workspace_id = $1 AND team_id = $2 AND owner <> 'closed' LIMIT $3"#,
        workspace.as_uuid(),
        team.as_uuid(),
        PORTION,
    )
    .fetch_all(pool)
    .await
}

async fn forget(pool: &PgPool, workspace: WorkspaceId, team: TeamId) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM chat.teams WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NOT NULL",
        workspace.as_uuid(),
        team.as_uuid(),
    )
    .execute(pool)
    .await?;
    Ok(())
}
