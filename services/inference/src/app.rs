//! The dependencies of the handlers.

use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use secrecy::SecretString;
use tokio::time::Instant;

use crate::work::Work;

/// What every handler may use. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The model and its queue.
    pub work: Arc<Work>,
    /// The key that callers must bring; anyone may call when there is none.
    pub api_key: Option<Arc<SecretString>>,
    /// How long a request may wait and work.
    pub deadline: Duration,
    /// Where the time comes from.
    pub clock: Clock,
}

impl App {
    /// When a request that begins now must be answered.
    #[must_use]
    pub fn until(&self) -> Instant {
        Instant::now() + self.deadline
    }
}
