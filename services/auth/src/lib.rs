//! Users, workspaces, sessions, permissions and keys; the only signer of people's and visitors' tokens.
//!
//! Other services never ask who somebody is: the token says it, they verify it by the published keys,
//! and the gateway and chat follow the list of sessions that ended.

pub mod app;
pub mod config;
pub mod generate;
pub mod passwords;
pub mod sessions;
pub mod signing;

mod accounts;
mod cookies;
mod key_set;
mod keys;
mod members;
mod secrets;
mod visitors;

use std::{fs, time::Duration};

use anyhow::Context;
use axum::Router;
use bus::Bus;
use clock::Clock;
use common::{
    server::{Health, Lifecycle, Service, with_deadline},
    telemetry::Telemetry,
};
use sqlx::{PgPool, migrate::Migrator};
use stores::postgres::{self, DatabaseConfig};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    app::{App, Parts},
    config::{Config, IdentityConfig},
    passwords::Passwords,
    signing::Signer,
};

/// The public port; the internal one is 100 higher.
pub const PORT: u16 = 4001;
/// The schema's history.
pub static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/auth");

/// PostgreSQL has two seconds to give a connection, a password the rest.
const DEADLINE: Duration = Duration::from_secs(5);

fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(accounts::routes())
        .merge(sessions::routes())
        .merge(keys::routes())
        .merge(visitors::routes())
        .merge(key_set::routes())
}

/// What the gateway publishes.
pub fn public(app: App) -> Router {
    let (router, _) = routes().split_for_parts();
    with_deadline(router.with_state(app), DEADLINE)
}

/// `/internal/*`.
pub fn internal(app: App) -> Router {
    let router = key_set::internal_routes().merge(sessions::internal_routes());
    with_deadline(router.with_state(app), DEADLINE)
}

/// The OpenAPI document of what the gateway publishes.
#[must_use]
pub fn openapi() -> OpenApi {
    let (_, spec) = routes().split_for_parts();
    rest::document(
        spec,
        "Syntera Auth",
        "Accounts, sessions, publishable keys and visitors.",
    )
}

/// Serves until the process is told to stop.
///
/// # Errors
/// When a setting cannot be used, or a listener fails.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    let telemetry = Telemetry::start("auth", &config.telemetry)?;
    let lifecycle = Lifecycle::until_signalled()?;
    let stop = lifecycle.stop_token();
    let pool = postgres::connect(&config.database, "auth")?;
    let bus = Bus::new("auth", &config.bus);
    let app = App::new(
        pool.clone(),
        bus.clone(),
        parts(config.identity, Clock::system())?,
    )?;

    lifecycle.spawn_background(app.outbox().clone().relay(stop.clone()));
    lifecycle.spawn_background(sessions::clean(app.clone(), stop));
    let service = Service {
        port: PORT,
        health: health(pool, bus),
        public: public(app.clone()),
        internal: internal(app),
    };
    let result = common::server::serve(&config.server, service, lifecycle).await;
    telemetry.stop().await;
    result
}

/// Reads what the settings name.
fn parts(config: IdentityConfig, clock: Clock) -> anyhow::Result<Parts> {
    let file = &config.service_jwks_file;
    let text = fs::read(file)
        .with_context(|| format!("cannot read the services' public keys {}", file.display()))?;
    let service_keys = serde_json::from_slice(&text)
        .with_context(|| format!("{} is not a JWK set", file.display()))?;
    Ok(Parts {
        signer: Signer::read(&config.token_issuer, &config.auth_signing_key_file)?,
        service_keys,
        refresh_secret: config.refresh_secret,
        public_url: config.public.public_url,
        email_verification: config.email_verification,
        passwords: Passwords::new(),
        clock,
    })
}

/// What must be there for this service to be ready. The broker may be away for a while: events wait in
/// the outbox.
pub fn health(pool: PgPool, bus: Bus) -> Health {
    Health::new()
        .check("postgres", move || {
            let pool = pool.clone();
            async move { postgres::check(&pool).await }
        })
        .notice("rabbitmq", move || {
            let bus = bus.clone();
            async move { Ok(bus.check().await?) }
        })
}

/// Brings the schema up to date.
///
/// # Errors
/// When PostgreSQL is not there, or a migration fails.
pub async fn migrate(database: &DatabaseConfig) -> anyhow::Result<()> {
    postgres::migrate(database, &MIGRATOR).await
}
