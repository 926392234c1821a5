//! Who takes which conversation, and when.

use std::{sync::Arc, time::Duration};

use ids::InstanceId;
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{run, store};
use crate::app::App;

/// Leases that are taken at a time.
const BATCH: usize = 16;
/// What a crash, an outage or a lost wake-up left is found within this time.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Answers customers until `stop`, through every outage. Turns that run then may finish; what the end
/// of the process cuts off, another process goes on with.
pub async fn dispatch(app: App, stop: CancellationToken) {
    let instance = InstanceId::new();
    let places = Arc::new(Semaphore::new(app.turns.turn_concurrency));
    let turns = TaskTracker::new();
    while !stop.is_cancelled() {
        let free = places.available_permits().min(BATCH);
        let taken = if free == 0 {
            0
        } else {
            take(&app, instance, (free, &places, &turns)).await
        };
        if taken == free && free > 0 {
            continue;
        }
        let wake = tokio::time::timeout(SWEEP_EVERY, app.wake.turns.notified());
        stop.run_until_cancelled(wake).await;
    }
    turns.close();
    turns.wait().await;
}

/// Takes leases and starts their turns; answers how many.
async fn take(
    app: &App,
    instance: InstanceId,
    (most, places, turns): (usize, &Arc<Semaphore>, &TaskTracker),
) -> usize {
    let leases = async {
        let mut connection = app.pool.acquire().await?;
        store::take(
            &mut connection,
            (instance, i64::try_from(most).unwrap_or(i64::MAX)),
        )
        .await
    };
    let leases = match leases.await {
        Ok(leases) => leases,
        Err(error) => {
            tracing::debug!(%error, "no lease could be taken");
            return 0;
        }
    };
    let taken = leases.len();
    for lease in leases {
        // Only this loop takes places, so those that were free still are.
        let Ok(place) = places.clone().try_acquire_owned() else {
            break;
        };
        let app = app.clone();
        turns.spawn(async move {
            run::run(&app, lease).await;
            drop(place);
            app.wake.turns.notify_one();
        });
    }
    taken
}
