//! Clearing away what nobody sent, and finishing what a crash left.

use std::time::Duration;

use chrono::Duration as Age;
use tokio_util::sync::CancellationToken;

use super::{error::Error, resolve, store, upload};
use crate::app::App;

/// A file that nobody sends for so long is cleared away.
const KEEP: Age = Age::hours(24);
const EVERY: Duration = Duration::from_secs(600);
const BATCH: i64 = 100;

/// Sweeps now and then. Any number of instances may do so: what is gone is gone for all of them.
pub async fn sweep_until(app: App, stop: CancellationToken) {
    while stop
        .run_until_cancelled(tokio::time::sleep(EVERY))
        .await
        .is_some()
    {
        if let Err(error) = sweep(&app).await {
            tracing::debug!(%error, "files that nobody sent cannot be cleared away now");
        }
    }
}

/// Clears away what was left a day ago; answers how many files.
pub(super) async fn sweep(app: &App) -> Result<usize, Error> {
    let Some(objects) = &app.objects else {
        return Ok(0);
    };
    let mut cleared = 0;
    let before = app.clock.now() - KEEP;
    for row in store::left(&app.pool, before, BATCH).await? {
        // A message may have taken it, and its place was not noted because the process ended.
        if row.state == "claimed" && resolve(app, &row).await?.is_some() {
            continue;
        }
        let id = (row.workspace_id, row.id);
        upload::remove(objects, id).await?;
        if store::forget(&app.pool, id, row.touched_at).await? {
            cleared += 1;
        }
    }
    Ok(cleared)
}
