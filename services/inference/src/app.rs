//! The dependencies of the handlers.

use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use secrecy::SecretString;

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
