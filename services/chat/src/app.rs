//! The dependencies of every handler.

use std::sync::Arc;

use axum::extract::FromRef;
use clock::Clock;
use common::{
    server::Lifecycle,
    tokens::{Revocations, Tokens},
};
use object_store::ObjectStore;
use outbox::Outbox;
use rest::Idempotency;
use sqlx::PgPool;
use vault::Vault;

use crate::{hub::Hub, inbox::Inbox, log::Log, settings::Settings, sockets::Sockets};

/// The schema and the role of this service.
pub const SCHEMA: &str = "chat";

/// What handlers work with. Cheap to clone.
#[derive(Clone, FromRef)]
pub struct App {
    /// PostgreSQL, as the role of this service.
    pub pool: PgPool,
    /// What seals what people write.
    pub vault: Vault,
    /// Answers to repeated requests.
    pub idempotency: Idempotency,
    /// Events of what lies in PostgreSQL, written beside it.
    pub outbox: Outbox,
    /// What workspaces decided, as far as this instance knows.
    pub settings: Settings,
    /// Where files are kept; none when that is not configured.
    pub objects: Option<Arc<dyn ObjectStore>>,
    /// The logs of all channels.
    pub log: Log,
    /// The rooms of this instance.
    pub hub: Hub,
    /// The inbox of this instance.
    pub inbox: Inbox,
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

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("App")
    }
}
