//! The time that a request may wait and work.

use tokio::time::{Instant, timeout_at};

use crate::error::{Error, Result};
use crate::work;

/// The result of the work, or 503 at `until`; what had not begun is dropped then.
///
/// Not `common::server::with_deadline`: its answer is a problem document, and under `/v1` errors
/// have OpenAI's shape.
pub async fn within<T>(
    until: Instant,
    work: impl Future<Output = std::result::Result<T, work::Error>>,
) -> Result<T> {
    match timeout_at(until, work).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(Error::too_slow()),
    }
}
