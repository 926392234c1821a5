//! Forgetting what nobody goes on with.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::store;
use crate::app::App;

/// A draft is kept for so long after its last change.
const KEEP: chrono::Duration = chrono::Duration::days(90);
const CLEAN_EVERY: Duration = Duration::from_secs(3600);
const PORTION: i64 = 1000;

/// Forgets old drafts now and then, until `stop`.
pub(crate) async fn clean_until(app: App, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = clean(&app).await {
            tracing::warn!(%error, "old drafts were not forgotten");
        }
        stop.run_until_cancelled(tokio::time::sleep(CLEAN_EVERY))
            .await;
    }
}

async fn clean(app: &App) -> sqlx::Result<()> {
    let before = app.clock.now() - KEEP;
    while store::clean(&app.pool, before, PORTION).await? >= PORTION.unsigned_abs() {}
    Ok(())
}
