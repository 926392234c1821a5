//! Waiting for a condition: the only way that a test waits.

use std::time::Duration;

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks until `condition` gives something, for ten seconds at most.
pub async fn eventually<T, F>(what: &str, condition: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    eventually_within(Duration::from_secs(10), what, condition).await
}

/// Looks until `condition` gives something, for `limit` at most; then it fails the test.
pub async fn eventually_within<T, F>(
    limit: Duration,
    what: &str,
    mut condition: impl FnMut() -> F,
) -> T
where
    F: Future<Output = Option<T>>,
{
    let look = async {
        loop {
            if let Some(found) = condition().await {
                return found;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(limit, look)
        .await
        .unwrap_or_else(|_| panic!("not within {limit:?}: {what}"))
}
