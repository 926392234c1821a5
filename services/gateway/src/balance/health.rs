//! Asking replicas how they are: `/readyz` of the internal listener, which is 100 ports above the public
//! one. A replica that is about to stop says so there before it refuses connections. Where it cannot be
//! asked, because a network policy is between us, only its answers count.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use http::StatusCode;

use super::replica::Replica;

const ASK_EVERY: Duration = Duration::from_millis(500);
const WITHIN: Duration = Duration::from_secs(1);
/// Whoever did not answer at all is hardly reachable for us, and asked less often.
const AFTER_SILENCE: Duration = Duration::from_secs(10);

/// Asks a replica for as long as it is polled, and closes the connections to it that nobody uses.
pub(super) async fn watch(replica: Arc<Replica>, http: reqwest::Client) {
    loop {
        let wait = match ask(&replica, &http).await {
            Health::Ready => {
                replica.ready.store(true, Ordering::Relaxed);
                replica.breaker.is_well(Instant::now());
                ASK_EVERY
            }
            Health::Unready => {
                replica.ready.store(false, Ordering::Relaxed);
                ASK_EVERY
            }
            Health::Away => {
                replica.ready.store(true, Ordering::Relaxed);
                ASK_EVERY
            }
            Health::Silent => {
                replica.ready.store(true, Ordering::Relaxed);
                AFTER_SILENCE
            }
        };
        replica.pool.prune();
        tokio::time::sleep(wait).await;
    }
}

enum Health {
    Ready,
    Unready,
    /// Nobody listens there: it is down, or not what we take it for.
    Away,
    Silent,
}

async fn ask(replica: &Replica, http: &reqwest::Client) -> Health {
    let Some(url) = &replica.health else {
        return Health::Silent;
    };
    let answer = http.get(url.clone()).timeout(WITHIN).send().await;
    match answer.map(|answer| answer.status()) {
        Ok(StatusCode::OK) => Health::Ready,
        Ok(StatusCode::SERVICE_UNAVAILABLE) => Health::Unready,
        Err(error) if error.is_timeout() => Health::Silent,
        Ok(_) | Err(_) => Health::Away,
    }
}
