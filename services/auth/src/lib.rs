//! Users, workspaces, sessions, permissions and keys; the only signer of people's and visitors' tokens.
//!
//! Other services never ask who somebody is: the token says it, they verify it by the published keys,
//! and the gateway and chat follow the list of sessions that ended.

pub mod app;
pub mod config;
pub mod generate;
pub mod passwords;
pub mod reseal;
pub mod sessions;
pub mod signing;

mod access;
mod accounts;
mod attempts;
mod audit;
mod client;
mod cookies;
mod emails;
mod factors;
mod invites;
mod issuers;
mod key_set;
mod keys;
mod mail;
mod members;
mod passkeys;
mod people;
mod permissions;
mod reauth;
mod revoked;
mod roles;
mod secrets;
mod tickets;
mod visitors;
mod workspaces;

use std::{fs, sync::Arc, time::Duration};

use anyhow::Context;
use axum::Router;
use bus::Bus;
use clock::Clock;
use common::{
    server::{Health, Lifecycle, Service, with_deadline},
    telemetry::Telemetry,
};
use sqlx::migrate::Migrator;
use stores::{postgres, redis::Redis};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use vault::EnvKeys;

pub use mail::MailConfig;

use crate::{
    app::{App, Connections, Parts},
    config::{AccountsCommand, Config, IdentityConfig, KeptConfig},
    passwords::Passwords,
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
        .merge(emails::routes())
        .merge(passwords::routes())
        .merge(sessions::routes())
        .merge(factors::routes())
        .merge(passkeys::routes())
        .merge(issuers::routes())
        .merge(workspaces::routes())
        .merge(members::routes())
        .merge(invites::routes())
        .merge(roles::routes())
        .merge(permissions::routes())
        .merge(audit::routes())
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
    let router = key_set::internal_routes()
        .merge(sessions::internal_routes())
        .merge(keys::internal_routes())
        .merge(visitors::internal_routes());
    with_deadline(router.with_state(app), DEADLINE)
}

/// The OpenAPI document of what the gateway publishes.
#[must_use]
pub fn openapi() -> OpenApi {
    let (_, spec) = routes().split_for_parts();
    rest::document(
        spec,
        "Syntera Auth",
        "Accounts, workspaces and their people, sessions, keys, visitors, and the audit log.",
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
    let connections = Connections {
        pool: postgres::connect(&config.kept.database, "auth")?,
        redis: Redis::connect(&config.redis)?,
        bus: Bus::new("auth", &config.bus),
    };
    let key_wrapper = Arc::new(EnvKeys::read(&config.kept.vault)?);
    let parts = Parts {
        token_issuer: config.identity.token_issuer.clone(),
        service_keys: service_keys(&config.identity)?,
        refresh_secret: config.identity.refresh_secret,
        public_url: config.identity.public.public_url,
        allow_private_issuers: config.identity.allow_private_issuers,
        session_lifetime: chrono::Duration::days(config.identity.session_days.into()),
        key_wrapper,
        mail: config.mail,
        passwords: Passwords::new()?,
        clock: Clock::system(),
    };
    let app = App::new(connections.clone(), parts)?;

    lifecycle.spawn_background(app.outbox().clone().relay(stop.clone()));
    lifecycle.spawn_background(app.letters(stop.clone()));
    lifecycle.spawn_background(signing::follow(app.clone(), stop.clone()));
    lifecycle.spawn_background(sessions::clean(app.clone(), stop));
    let service = Service {
        port: PORT,
        health: health(&app, connections),
        public: public(app.clone()),
        internal: internal(app),
    };
    let result = common::server::serve(&config.server, service, lifecycle).await;
    telemetry.stop().await;
    result
}

fn service_keys(config: &IdentityConfig) -> anyhow::Result<jsonwebtoken::jwk::JwkSet> {
    let file = &config.service_jwks_file;
    let text = fs::read(file)
        .with_context(|| format!("cannot read the services' public keys {}", file.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is not a JWK set", file.display()))
}

/// What must be there for this service to be ready. The broker may be away for a while: events wait in
/// the outbox. So may Redis: ended sessions get around by PostgreSQL.
pub fn health(app: &App, connections: Connections) -> Health {
    let signer = app.signer().clone();
    let Connections { pool, redis, bus } = connections;
    Health::new()
        .check("postgres", move || {
            let pool = pool.clone();
            async move { postgres::check(&pool).await }
        })
        .check("signing keys", move || std::future::ready(signer.healthy()))
        .notice("redis", move || {
            let redis = redis.clone();
            async move { redis.check().await }
        })
        .notice("rabbitmq", move || {
            let bus = bus.clone();
            async move { Ok(bus.check().await?) }
        })
}

/// Brings the schema up to date, and seals what an earlier version wrote as it was.
///
/// # Errors
/// When PostgreSQL is not there, a migration fails, or the vault's keys are not the right ones.
pub async fn migrate(config: &KeptConfig) -> anyhow::Result<()> {
    postgres::migrate(&config.database, &MIGRATOR).await?;
    let (pool, vault) = config.open("auth migrate", &Clock::system())?;
    let sealed = accounts::seal_addresses(&vault, &pool).await?;
    if sealed > 0 {
        tracing::info!(sealed, "sealed the e-mail addresses of an earlier version");
    }
    Ok(())
}

/// Runs `auth accounts`.
///
/// # Errors
/// When a value is not valid, or PostgreSQL or the vault fails.
pub async fn accounts(command: &AccountsCommand) -> anyhow::Result<()> {
    match command {
        AccountsCommand::Create(account) => accounts::create(account).await,
    }
}
