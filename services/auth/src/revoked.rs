//! Telling the gateway and chat at once which sessions ended.
//!
//! They ask PostgreSQL's list twice a second anyway, and that list decides. Redis only makes it faster,
//! so a message that is lost is no fault.

use std::time::Duration;

use common::tokens::RevokedSession;
use stores::redis::Redis;

/// Where ended sessions are told: a JSON array of [`RevokedSession`].
const CHANNEL: &str = "auth:revoked";
const TELL_WITHIN: Duration = Duration::from_millis(200);

/// Tells of ended sessions. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Revoked(Redis);

impl Revoked {
    /// Over this Redis.
    pub(crate) const fn new(redis: Redis) -> Self {
        Self(redis)
    }

    /// Tells of sessions whose end is committed.
    pub(crate) async fn publish(&self, ended: &[RevokedSession]) {
        if ended.is_empty() {
            return;
        }
        let Ok(text) = serde_json::to_string(ended) else {
            return;
        };
        let mut command = redis::cmd("PUBLISH");
        command.arg(CHANNEL).arg(text);
        if let Err(error) = self.0.run::<i64>(&command, TELL_WITHIN).await {
            tracing::debug!(%error, "ended sessions get around by PostgreSQL only");
        }
    }
}
