//! Metrics and reports.
//!
//! Everything that is counted arrives as an event. Each is turned into metrics, and the beginning and
//! the end of a conversation also into a row that reports are added up from.

pub mod app;
pub mod config;
pub mod consumers;
mod ingest;
pub mod metrics;
pub mod reports;

use std::{future::ready, time::Duration};

use anyhow::Context;
use axum::Router;
use bus::{Bus, topology::ANALYTICS_INGEST};
use clock::Clock;
use common::{
    server::{Health, Lifecycle, Service, with_deadline},
    telemetry::Telemetry,
    tokens::Tokens,
};
use outbox::Inbox;
use sqlx::migrate::Migrator;
use stores::{
    postgres::{self, DatabaseConfig},
    redis::Redis,
};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    app::{App, SCHEMA},
    config::Config,
    reports::Cache,
};

/// The public port; the internal one is 100 higher.
pub const PORT: u16 = 4005;
/// The schema's history.
pub static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/analytics");

/// Every route needs PostgreSQL and nothing slower: who waits longer would wait in vain.
const DEADLINE: Duration = Duration::from_secs(3);

fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(metrics::routes())
        .merge(reports::routes())
}

/// What the gateway publishes.
pub fn public(app: App) -> Router {
    let (router, _) = routes().split_for_parts();
    with_deadline(router.with_state(app), DEADLINE)
}

/// The OpenAPI document of what the gateway publishes.
#[must_use]
pub fn openapi() -> OpenApi {
    let (_, spec) = routes().split_for_parts();
    rest::document(spec, "Syntera analytics", "Metrics and reports.")
}

/// Serves until the process is told to stop.
///
/// # Errors
/// When a setting cannot be used, or a listener fails.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    let telemetry = Telemetry::start("analytics", &config.telemetry)?;
    let lifecycle = Lifecycle::until_signalled()?;
    let stop = lifecycle.stop_token();
    let clock = Clock::system();
    let pool = postgres::connect(&config.database, "analytics")?;
    let replica = match config.replica() {
        Some(replica) => postgres::connect(&replica, "analytics-reports")
            .context("SYNTERA_REPLICA_DATABASE_URL cannot be used")?,
        None => pool.clone(),
    };
    let bus = Bus::new("analytics", &config.bus);
    let cache = Cache::new(Redis::connect(&config.redis)?, config.report_cache());
    let tokens = Tokens::start("analytics", &config.tokens, clock.clone(), stop.clone())?;
    let app = App {
        pool,
        replica,
        cache,
        tokens,
        clock,
    };

    lifecycle.spawn_background(consumers::run(app.clone(), bus.clone(), stop.clone()));
    let inbox = Inbox::new(SCHEMA, ANALYTICS_INGEST, app.clock.clone());
    lifecycle.spawn_background(inbox.clean_until(app.pool.clone(), stop));
    let service = Service {
        port: PORT,
        health: health(&app, &bus),
        public: public(app),
        internal: Router::new(),
    };
    let result = common::server::serve(&config.server, service, lifecycle).await;
    telemetry.stop().await;
    result
}

/// What must be there for this service to be ready. Redis is not: without it every answer is as right,
/// and a little slower. The broker may be away for a while: what it has to tell waits in its queue, and
/// the numbers are as old as the outage.
#[must_use]
pub fn health(app: &App, bus: &Bus) -> Health {
    let (pool, replica) = (app.pool.clone(), app.replica.clone());
    let (bus, tokens) = (bus.clone(), app.tokens.clone());
    Health::new()
        .check("postgres", move || {
            let pool = pool.clone();
            async move { postgres::check(&pool).await }
        })
        .check("replica", move || {
            let replica = replica.clone();
            async move { postgres::check(&replica).await }
        })
        .notice("rabbitmq", move || {
            let bus = bus.clone();
            async move { Ok(bus.check().await?) }
        })
        .check("auth", move || ready(tokens.healthy()))
}

/// Brings the schema up to date.
///
/// # Errors
/// When PostgreSQL is not there, or a migration fails.
pub async fn migrate(database: &DatabaseConfig) -> anyhow::Result<()> {
    postgres::migrate(database, &MIGRATOR).await
}
