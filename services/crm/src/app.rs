//! What the handlers and the consumer work with.

use axum::extract::FromRef;
use bus::Bus;
use chat_api::ChatClient;
use clock::Clock;
use common::tokens::Tokens;
use outbox::Outbox;
use rest::Idempotency;
use sqlx::PgPool;

/// The schema and the role of this service.
pub const SCHEMA: &str = "crm";

/// The dependencies of this service. Cheap to clone.
#[derive(Clone, FromRef)]
pub struct App {
    /// PostgreSQL, as the role of this service.
    pub pool: PgPool,
    /// Events, written beside the rows that make them true.
    pub outbox: Outbox,
    /// Answers to repeated requests.
    pub idempotency: Idempotency,
    /// What visitors say of themselves.
    pub chat: ChatClient,
    /// Who is calling.
    pub tokens: Tokens,
    /// The time.
    pub clock: Clock,
}

impl App {
    /// The dependencies over these connections.
    #[must_use]
    pub fn new(pool: PgPool, bus: Bus, tokens: Tokens, chat: ChatClient, clock: Clock) -> Self {
        Self {
            outbox: Outbox::new(SCHEMA, pool.clone(), bus, clock.clone()),
            idempotency: Idempotency::new(SCHEMA, clock.clone()),
            pool,
            chat,
            tokens,
            clock,
        }
    }
}
