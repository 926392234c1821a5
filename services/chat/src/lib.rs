//! Chat: channels, their logs, and the sockets that follow them.
//!
//! A channel is what people see of a conversation. Its history is one append-only log in MongoDB, dense
//! and in one order; everything else follows from it: who answers, what sockets get, and the events
//! that other services hear of. The rest lies in PostgreSQL, with the keys that seal what people write.

pub mod access;
pub mod app;
pub mod attachments;
pub mod availability;
pub mod canned;
pub mod channels;
pub mod config;
pub mod consents;
pub mod drafts;
pub mod hub;
pub mod inbox;
pub mod internal;
pub mod introductions;
pub mod log;
pub mod markdown;
pub mod messages;
pub mod metrics;
pub mod replies;
pub mod reseal;
pub mod routing;
pub mod scheduled;
pub mod settings;
pub mod sockets;
pub mod teams;
pub mod work;

use std::{future::ready, sync::Arc, time::Duration};

use axum::Router;
use bus::Bus;
use clock::Clock;
use common::{
    server::{self, Health, Lifecycle, Service, with_deadline},
    telemetry::Telemetry,
    tokens::{Revocations, ServiceSigner, Tokens},
};
use object_store::ObjectStore;
use outbox::Outbox;
use rest::Idempotency;
use sqlx::{PgPool, migrate::Migrator};
use stores::{postgres, redis::Redis};
use utoipa_axum::router::OpenApiRouter;
use vault::Vault;

use crate::{
    app::{App, SCHEMA},
    config::{Config, MigrateConfig},
    hub::Hub,
    inbox::Inbox,
    log::Log,
    settings::Settings,
    sockets::Sockets,
};

/// The public port by default.
pub const PORT: u16 = 4004;
/// The schema's history.
pub static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/chat");
/// The time that a request has; appends answer within three seconds.
const DEADLINE: Duration = Duration::from_secs(5);

/// What the gateway publishes, with its document.
fn api() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(messages::routes())
        .merge(channels::routes())
        .merge(inbox::routes())
        .merge(settings::routes())
        .merge(consents::routes())
        .merge(introductions::routes())
        .merge(teams::routes())
        .merge(availability::routes())
        .merge(canned::routes())
        .merge(drafts::routes())
        .merge(scheduled::routes())
        .merge(sockets::routes())
}

/// What the gateway publishes.
pub fn public(app: App) -> Router {
    let (router, _) = api().split_for_parts();
    let (files, _) = attachments::routes().split_for_parts();
    with_deadline(router.with_state(app.clone()), DEADLINE).merge(files.with_state(app))
}

/// What only other services may ask.
pub fn internal(app: App) -> Router {
    let router = internal::routes().merge(introductions::internal_routes());
    let router = with_deadline(router.with_state(app.clone()), DEADLINE);
    router.merge(replies::routes().with_state(app))
}

/// The OpenAPI document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let (_, spec) = api().merge(attachments::routes()).split_for_parts();
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
    let (pool, vault) = config.kept.open("chat", &clock)?;
    let parts = Parts {
        database: stores::mongo::connect(&config.mongo, "chat").await?,
        pool,
        vault,
        objects: attachments::open(&config.attachments)?,
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

/// Brings the schema up to date, creates the indexes, and the shard keys where the server knows
/// sharding, and makes rows of the inbox that are behind the log.
///
/// # Errors
/// When PostgreSQL or MongoDB is not there or refuses.
pub async fn migrate(config: MigrateConfig) -> anyhow::Result<()> {
    postgres::migrate(&config.database, &MIGRATOR).await?;
    let database = stores::mongo::connect(&config.mongo, "migrate").await?;
    log::migrate(&database).await?;
    let pool = postgres::connect(&config.database, "migrate")?;
    inbox::rebuild(&database, &pool).await?;
    Ok(())
}

/// What an instance is made of.
pub struct Parts {
    /// The log.
    pub database: mongodb::Database,
    /// Everything that is not the log.
    pub pool: PgPool,
    /// What seals what people write.
    pub vault: Vault,
    /// Where files are kept; none when that is not configured.
    pub objects: Option<Arc<dyn ObjectStore>>,
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
        let settings = Settings::new(self.redis.clone());
        let outbox = Outbox::new(
            SCHEMA,
            self.pool.clone(),
            self.bus.clone(),
            self.clock.clone(),
        );
        let (hub, behind) = Hub::start(self.redis, cut.clone());
        let stores = log::Stores {
            database: self.database,
            pool: self.pool.clone(),
            vault: self.vault.clone(),
            bus: self.bus,
        };
        let log = Log::new(stores, hub.clone(), self.clock.clone(), lifecycle);
        log.work(behind, self.idle_after);
        let inbox = Inbox::start(
            self.pool.clone(),
            hub.clone(),
            self.clock.clone(),
            lifecycle,
        );
        let sockets = Sockets::default();
        let watch = sockets
            .clone()
            .watch_until(self.revocations.clone(), self.clock.clone(), cut);
        lifecycle.spawn_background(watch);
        let idempotency = Idempotency::new(SCHEMA, self.clock.clone());
        let cleaning = idempotency.clone();
        lifecycle.spawn_background(cleaning.clean_until(self.pool.clone(), lifecycle.stop_token()));
        let app = App {
            pool: self.pool,
            vault: self.vault,
            idempotency,
            outbox,
            settings,
            objects: self.objects,
            log,
            hub,
            inbox,
            sockets,
            tokens: self.tokens,
            revocations: self.revocations,
            clock: self.clock,
            lifecycle: lifecycle.clone(),
        };
        work::start(&app);
        app
    }

    /// What must be there. Redis and the broker may be away for a while: entries reach the sockets from
    /// the log, and events wait in it. Without PostgreSQL, conversations go on whose keys are in memory.
    /// So all three are named when they are down, and chat goes on.
    #[must_use]
    pub fn health(&self) -> Health {
        let (database, redis, bus) = (self.database.clone(), self.redis.clone(), self.bus.clone());
        let (tokens, revocations) = (self.tokens.clone(), self.revocations.clone());
        let pool = self.pool.clone();
        Health::new()
            .check("mongodb", move || {
                let database = database.clone();
                async move { stores::mongo::check(&database).await }
            })
            .check("auth", move || {
                ready(tokens.healthy().and_then(|()| revocations.healthy()))
            })
            .notice("postgres", move || {
                let pool = pool.clone();
                async move { postgres::check(&pool).await }
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
