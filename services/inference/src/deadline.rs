//! The time that a request may wait and work.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::work;

/// The result of the work, or 503 once the time is over; what had not begun is dropped then.
///
/// Not `common::server::with_deadline`: its answer is a problem document, and under `/v1` errors
/// have OpenAI's shape.
pub async fn within<T>(
    deadline: Duration,
    work: impl Future<Output = std::result::Result<T, work::Error>>,
) -> Result<T> {
    match tokio::time::timeout(deadline, work).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(Error::too_slow()),
    }
}
