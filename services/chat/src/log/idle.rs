//! What time does: conversations that nobody goes on with end, and those that sleep wake.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use super::{
    Log,
    append::{Decide, Outcome},
    model,
};

/// Channels that one look finds.
const FOUND: i64 = 100;
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How often it is looked whether a sleep is over.
const WAKE_EVERY: Duration = Duration::from_secs(2);

impl Log {
    /// Closes what nobody has written in for `idle_after`. Any number of instances may do so: the end
    /// is an entry like any other, and only one of them gets its place.
    pub(super) async fn close_idle_until(
        self,
        idle_after: chrono::Duration,
        stop: CancellationToken,
    ) {
        let quarter = idle_after.to_std().unwrap_or(LONGEST_WAIT) / 4;
        let wait = quarter.clamp(Duration::from_millis(100), LONGEST_WAIT);
        while stop
            .run_until_cancelled(tokio::time::sleep(wait))
            .await
            .is_some()
        {
            let before = self.0.clock.now() - idle_after;
            // A full page of which some could be closed: there is probably more.
            while self.close_idle(before).await {}
        }
    }

    /// Closes some idle channels; answers whether it is worth looking again at once.
    async fn close_idle(&self, before: DateTime<Utc>) -> bool {
        let found = match self.0.store.idle(before, FOUND).await {
            Ok(found) => found,
            Err(error) => {
                tracing::debug!(%error, "idle channels cannot be looked for now");
                return false;
            }
        };
        let mut closed = 0;
        for place in &found {
            // The projection finds candidates; the log says whether they are idle.
            let decide: Arc<Decide> = Arc::new(move |head| Ok(model::close_idle(head, before)));
            match self.append(*place, None, decide).await {
                Ok(Outcome::Appended(..)) => closed += 1,
                Ok(_) => drop(self.projected_head(*place).await),
                Err(error) => {
                    tracing::warn!(channel = %place.channel, %error, "an idle channel stays open")
                }
            }
        }
        closed > 0 && i64::try_from(found.len()).is_ok_and(|count| count == FOUND)
    }

    /// Wakes channels whose sleep is over.
    pub(super) async fn wake_until(self, stop: CancellationToken) {
        while stop
            .run_until_cancelled(tokio::time::sleep(WAKE_EVERY))
            .await
            .is_some()
        {
            let now = self.0.clock.now();
            let found = match self.0.store.asleep(now, FOUND).await {
                Ok(found) => found,
                Err(error) => {
                    tracing::debug!(%error, "sleeping channels cannot be looked for now");
                    continue;
                }
            };
            for place in found {
                let decide: Arc<Decide> = Arc::new(move |head| Ok(model::wake(head, now)));
                match self.append(place, None, decide).await {
                    // The relay moves the projection, or did not come to it.
                    Ok(Outcome::Appended(..)) => {}
                    Ok(_) => drop(self.projected_head(place).await),
                    Err(error) => {
                        tracing::warn!(channel = %place.channel, %error, "a channel sleeps too long")
                    }
                }
            }
        }
    }
}
