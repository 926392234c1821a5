//! The dependencies of every handler.

use axum::extract::FromRef;
use clock::Clock;
use common::{
    server::Lifecycle,
    tokens::{Revocations, Tokens},
};

use crate::{hub::Hub, log::Log, sockets::Sockets};

/// What handlers work with. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The logs of all channels.
    pub log: Log,
    /// The rooms of this instance.
    pub hub: Hub,
    /// The sockets of this instance.
    pub sockets: Sockets,
    /// Checks tokens.
    pub tokens: Tokens,
    /// Ended sessions.
    pub revocations: Revocations,
    /// The time.
    pub clock: Clock,
    /// The life of the process.
    pub lifecycle: Lifecycle,
}

impl FromRef<App> for Tokens {
    fn from_ref(app: &App) -> Self {
        app.tokens.clone()
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("App")
    }
}
