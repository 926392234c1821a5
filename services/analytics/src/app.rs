//! What the handlers and the consumer work with.

use axum::extract::FromRef;
use clock::Clock;
use common::tokens::Tokens;
use sqlx::PgPool;

use crate::reports::Cache;

/// The schema and the role of this service.
pub const SCHEMA: &str = "analytics";

/// The dependencies of this service. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// PostgreSQL's primary, for what is written.
    pub pool: PgPool,
    /// Where metrics and reports are read: a replica where there is one, else the primary.
    pub replica: PgPool,
    /// Reports of a moment ago.
    pub cache: Cache,
    /// Who is calling.
    pub tokens: Tokens,
    /// The time.
    pub clock: Clock,
}

impl FromRef<App> for Tokens {
    fn from_ref(app: &App) -> Self {
        app.tokens.clone()
    }
}
