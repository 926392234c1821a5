//! Contacts and their interactions.
//!
//! A contact is made by a person, or by the first message of a visitor. When a conversation ends it
//! becomes an interaction of its contact, which is what analytics counts.

pub mod app;
pub mod config;
pub mod consumers;
pub mod contacts;
pub mod interactions;

use std::{future::ready, time::Duration};

use axum::Router;
use bus::Bus;
use chat_api::ChatClient;
use clock::Clock;
use common::{
    server::{Health, Lifecycle, Service, with_deadline},
    telemetry::Telemetry,
    tokens::{ServiceSigner, Tokens},
};
use rest::ServiceClient;
use sqlx::migrate::Migrator;
use stores::postgres::{self, DatabaseConfig};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::{app::App, config::Config};

/// The public port; the internal one is 100 higher.
pub const PORT: u16 = 4003;
/// The schema's history.
pub static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/crm");

/// Every route needs PostgreSQL and nothing slower: who waits longer would wait in vain.
const DEADLINE: Duration = Duration::from_secs(3);

fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(contacts::routes())
        .merge(interactions::routes())
}

/// What the gateway publishes.
pub fn public(app: App) -> Router {
    let (router, _) = routes().split_for_parts();
    with_deadline(router.with_state(app), DEADLINE)
}

/// `/internal/*`.
pub fn internal(app: App) -> Router {
    with_deadline(contacts::internal_routes().with_state(app), DEADLINE)
}

/// The OpenAPI document of what the gateway publishes.
#[must_use]
pub fn openapi() -> OpenApi {
    let (_, spec) = routes().split_for_parts();
    rest::document(spec, "Syntera CRM", "Contacts and their interactions.")
}

/// Serves until the process is told to stop.
///
/// # Errors
/// When a setting cannot be used, or a listener fails.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    let telemetry = Telemetry::start("crm", &config.telemetry)?;
    let lifecycle = Lifecycle::until_signalled()?;
    let stop = lifecycle.stop_token();
    let clock = Clock::system();
    let pool = postgres::connect(&config.database, "crm")?;
    let bus = Bus::new("crm", &config.bus);
    let tokens = Tokens::start("crm", &config.tokens, clock.clone(), stop.clone())?;
    let signer = ServiceSigner::read("crm", &config.service_key_file, clock.clone())?;
    let chat = ChatClient::new(ServiceClient::new(
        "chat",
        config.chat_internal_url,
        signer,
    )?);
    let app = App::new(pool, bus.clone(), tokens, chat, clock);

    lifecycle.spawn_background(app.outbox.clone().relay(stop.clone()));
    lifecycle.spawn_background(consumers::run(app.clone(), bus.clone(), stop.clone()));
    lifecycle.spawn_background(app.idempotency.clone().clean_until(app.pool.clone(), stop));
    let service = Service {
        port: PORT,
        health: health(&app, &bus),
        public: public(app.clone()),
        internal: internal(app),
    };
    let result = common::server::serve(&config.server, service, lifecycle).await;
    telemetry.stop().await;
    result
}

/// What must be there for this service to be ready. The broker may be away for a while: events wait in
/// the outbox and in their queues.
#[must_use]
pub fn health(app: &App, bus: &Bus) -> Health {
    let (pool, bus, tokens) = (app.pool.clone(), bus.clone(), app.tokens.clone());
    Health::new()
        .check("postgres", move || {
            let pool = pool.clone();
            async move { postgres::check(&pool).await }
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
