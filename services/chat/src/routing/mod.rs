//! Giving conversations that want a person to somebody who is there.
//!
//! A queued channel goes to whoever of its team, or of the workspace, has room and was given one longest
//! ago. It stays queued until that person writes or takes over; if they do not in time, or go away, it is
//! given to somebody else. So is what people gave each other, and what somebody had before it was queued
//! again. One instance at a time does it for a workspace.
//!
//! The log decides, the rows follow: what is given away is noted before the entry is written, and whoever
//! finds the note without the entry waits a moment before they do it again.

mod model;
mod store;

use std::time::Duration;

use chat_api::OwnerState;
use ids::{ChannelId, UserId, WorkspaceId};
use rest::Field;
use tokio::sync::broadcast::{
    Receiver,
    error::{RecvError, TryRecvError},
};
use tokio_util::sync::CancellationToken;

use self::model::Then;
use crate::{
    app::App,
    log::{Act, Actor, Error, Head, Place},
};

/// It is looked at least so often.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// And at most so often, however much changes.
const PAUSE: Duration = Duration::from_millis(200);

/// Gives queued channels to people, until `stop`.
pub(crate) async fn route_until(app: App, stop: CancellationToken) {
    let mut changes = app.hub.changes();
    let mut failing = false;
    while !stop.is_cancelled() {
        match route_all(&app).await {
            Ok(()) => failing = false,
            Err(error) if !failing => {
                tracing::warn!(%error, "conversations wait for somebody to be given to");
                failing = true;
            }
            Err(_) => {}
        }
        let woken = async {
            tokio::time::sleep(PAUSE).await;
            let _ = tokio::time::timeout(LOOK_EVERY, changed(&mut changes)).await;
        };
        stop.run_until_cancelled(woken).await;
    }
}

/// Waits for a change of some channel.
async fn changed(changes: &mut Receiver<Place>) {
    if let Err(RecvError::Closed) = changes.recv().await {
        // The hub is gone: the service stops.
        std::future::pending::<()>().await;
    }
    // What came meanwhile is looked at together.
    while matches!(changes.try_recv(), Ok(_) | Err(TryRecvError::Lagged(_))) {}
}

async fn route_all(app: &App) -> anyhow::Result<()> {
    for workspace in store::workspaces(&app.pool).await? {
        route(app, workspace).await?;
    }
    Ok(())
}

/// Looks at one workspace, unless another instance does.
async fn route(app: &App, workspace: WorkspaceId) -> anyhow::Result<()> {
    let mut lock = app.pool.begin().await?;
    if !store::try_lock(&mut lock, workspace).await? {
        return Ok(());
    }
    let settings = app.settings.known(&app.pool, workspace).await?;
    let people = store::people(&mut lock, workspace, settings.capacity).await?;
    store::adopt(&app.pool, workspace).await?;
    let requeue_seconds = i64::from(settings.requeue_minutes) * 60;
    for routed in store::routed(&mut lock, workspace).await? {
        let available = people.iter().any(|person| Some(person.user) == routed.user);
        match model::then(&routed, available, requeue_seconds) {
            Then::Keep => {}
            Then::Forget => store::forget(&app.pool, workspace, routed.channel).await?,
            Then::TakeBack(user) => take_back(app, workspace, (routed.channel, user)).await?,
        }
    }
    if !people.is_empty() {
        let waiting = store::waiting(&mut lock, workspace).await?;
        let teams = store::teams(&mut lock, workspace, &waiting).await?;
        for (channel, user) in model::assign(&waiting, people, &teams) {
            give(app, workspace, (channel, user)).await?;
        }
    }
    lock.commit().await?;
    Ok(())
}

/// Gives a channel to somebody, if it still waits for one.
async fn give(
    app: &App,
    workspace: WorkspaceId,
    (channel, user): (ChannelId, UserId),
) -> anyhow::Result<()> {
    let place = Place { workspace, channel };
    if !waits(&app.log.head(place).await?) {
        return Ok(());
    }
    store::note(&app.pool, workspace, (channel, user)).await?;
    assign(app, place, Field::Value(user)).await
}

/// Takes a channel from somebody who did not take it, if it is still theirs.
async fn take_back(
    app: &App,
    workspace: WorkspaceId,
    (channel, user): (ChannelId, UserId),
) -> anyhow::Result<()> {
    let place = Place { workspace, channel };
    let head = app.log.head(place).await?;
    if head.owner == OwnerState::Queued && head.assignee == Some(user) {
        assign(app, place, Field::Null).await?;
    }
    store::passed_by(&app.pool, workspace, (channel, user)).await?;
    Ok(())
}

async fn assign(app: &App, place: Place, user_id: Field<UserId>) -> anyhow::Result<()> {
    let act = Act::Assign {
        user_id,
        team_id: Field::Absent,
    };
    match app.log.act(place, Actor::System, act, None).await {
        // Closed, merged or taken meanwhile: there is nothing to give.
        Ok(_) | Err(Error::Refused(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whether a channel waits for somebody to be given to.
fn waits(head: &Head) -> bool {
    head.owner == OwnerState::Queued
        && head.assignee.is_none()
        && head.snoozed_until.is_none()
        && head.merged_into.is_none()
}
