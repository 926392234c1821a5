//! Chat: channels, their logs, and the sockets that follow them.
//!
//! A channel is what people see of a conversation. Its history is one append-only log in MongoDB, dense
//! and in one order; everything else follows from it: who answers, what sockets get, and the events
//! that other services hear of.

pub mod access;
pub mod app;
pub mod channels;
pub mod config;
pub mod hub;
pub mod internal;
pub mod log;
pub mod messages;
pub mod metrics;
pub mod replies;
pub mod sockets;

use std::{future::ready, time::Duration};

use axum::Router;
use bus::Bus;
use clock::Clock;
use common::{
    server::{self, Health, Lifecycle, Service, with_deadline},
    telemetry::Telemetry,
    tokens::{Revocations, ServiceSigner, Tokens},
};
use stores::redis::Redis;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    app::App,
    config::{Config, MigrateConfig},
    hub::Hub,
    log::Log,
    sockets::Sockets,
};

/// The public port by default.
pub const PORT: u16 = 4004;
/// The time that a request has; appends answer within three seconds.
const DEADLINE: Duration = Duration::from_secs(5);

/// What the gateway publishes, with its document.
fn api() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(messages::routes())
        .merge(channels::routes())
        .merge(sockets::routes())
}

/// What the gateway publishes.
pub fn public(app: App) -> Router {
    let (router, _) = api().split_for_parts();
    with_deadline(router.with_state(app), DEADLINE)
}

/// What only other services may ask.
pub fn internal(app: App) -> Router {
    let router = with_deadline(internal::routes().with_state(app.clone()), DEADLINE);
    router.merge(replies::routes().with_state(app))
}

/// The OpenAPI document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let (_, spec) = api().split_for_parts();
    rest::document(
        spec,
        "Chat",
        "Channels, their logs, and the socket that follows them.",
    )
}

/// Serves until told to stop.
///
/// # Errors
/// When a setting cannot be used or a listener cannot be bound.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    let telemetry = Telemetry::start("chat", &config.telemetry)?;
    let lifecycle = Lifecycle::until_signalled()?;
    let stop = lifecycle.stop_token();
    let clock = Clock::system();
    let signer = ServiceSigner::read("chat", &config.service_key_file, clock.clone())?;
    let auth = &config.tokens.auth_internal_url;
    let parts = Parts {
        database: stores::mongo::connect(&config.mongo, "chat").await?,
        redis: Redis::connect(&config.redis)?,
        bus: Bus::new("chat", &config.bus),
        tokens: Tokens::start("chat", &config.tokens, clock.clone(), stop.clone())?,
        revocations: Revocations::start(auth, signer, clock.clone(), stop)?,
        clock,
        idle_after: chrono::Duration::seconds(config.idle_seconds.into()),
    };
    let health = parts.health();
    let app = parts.start(&lifecycle);
    let service = Service {
        port: PORT,
        public: public(app.clone()),
        internal: internal(app),
        health,
    };
    let result = server::serve(&config.server, service, lifecycle).await;
    telemetry.stop().await;
    result
}

/// Creates the indexes, and the shard keys where the server knows sharding.
///
/// # Errors
/// When MongoDB is not there or refuses.
pub async fn migrate(config: MigrateConfig) -> anyhow::Result<()> {
    let database = stores::mongo::connect(&config.mongo, "migrate").await?;
    log::migrate(&database).await
}

/// What an instance is made of.
pub struct Parts {
    /// The log.
    pub database: mongodb::Database,
    /// The way to the other instances.
    pub redis: Redis,
    /// The way to the other services.
    pub bus: Bus,
    /// Checks tokens.
    pub tokens: Tokens,
    /// Ended sessions.
    pub revocations: Revocations,
    /// The time.
    pub clock: Clock,
    /// A channel without an entry for so long is closed.
    pub idle_after: chrono::Duration,
}

impl Parts {
    /// Starts the work behind the requests, which ends with `lifecycle`.
    #[must_use]
    pub fn start(self, lifecycle: &Lifecycle) -> App {
        metrics::register();
        // As long as clients may connect, sockets stay and are told what happens.
        let cut = lifecycle.cut_token();
        let told = stores::revocations::follow(self.redis.clone(), self.revocations.clone());
        let until = cut.clone();
        lifecycle.spawn_background(async move {
            until.run_until_cancelled(told).await;
        });
        let (hub, behind) = Hub::start(self.redis, cut.clone());
        let log = Log::new(
            self.database,
            self.bus,
            hub.clone(),
            self.clock.clone(),
            lifecycle,
        );
        log.work(behind, self.idle_after);
        let sockets = Sockets::default();
        let watch = sockets
            .clone()
            .watch_until(self.revocations.clone(), self.clock.clone(), cut);
        lifecycle.spawn_background(watch);
        App {
            log,
            hub,
            sockets,
            tokens: self.tokens,
            revocations: self.revocations,
            clock: self.clock,
            lifecycle: lifecycle.clone(),
        }
    }

    /// What must be there. Redis and the broker may be away for a while: entries reach the sockets from
    /// the log, and events wait in it. So they are named when they are down, and chat goes on.
    #[must_use]
    pub fn health(&self) -> Health {
        let (database, redis, bus) = (self.database.clone(), self.redis.clone(), self.bus.clone());
        let (tokens, revocations) = (self.tokens.clone(), self.revocations.clone());
        Health::new()
            .check("mongodb", move || {
                let database = database.clone();
                async move { stores::mongo::check(&database).await }
            })
            .check("auth", move || {
                ready(tokens.healthy().and_then(|()| revocations.healthy()))
            })
            .notice("redis", move || {
                let redis = redis.clone();
                async move { redis.check().await }
            })
            .notice("rabbitmq", move || {
                let bus = bus.clone();
                async move { Ok(bus.check().await?) }
            })
    }
}
