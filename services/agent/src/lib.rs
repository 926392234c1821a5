//! Agents, the texts that they answer from, and their answers.
//!
//! Agents and documents are rows; documents become searchable in the background. Conversations begin
//! here and live in chat; a customer's message wants an answer, which a turn gives.

pub mod agents;
pub mod app;
pub mod config;
pub mod consumers;
pub mod conversations;
pub mod documents;
pub mod turns;

use std::{future::ready, sync::Arc, time::Duration};

use anyhow::Context;
use axum::Router;
use bus::Bus;
use chat_api::ChatClient;
use clock::Clock;
use common::{
    server::{Health, Lifecycle, Service, with_deadline},
    telemetry::Telemetry,
    tokens::{ServiceSigner, Tokens},
};
use crm_api::CrmClient;
use llm::OpenAi;
use rest::ServiceClient;
use sqlx::migrate::Migrator;
use stores::{mongo, postgres};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    app::{App, Parts, SCHEMA},
    config::{Config, StoresConfig},
    conversations::ConversationLog,
};

/// The public port; the internal one is 100 higher.
pub const PORT: u16 = 4002;
/// The schema's history.
pub static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/agent");

/// Every route needs PostgreSQL or chat, and nothing slower: who waits longer would wait in vain.
const DEADLINE: Duration = Duration::from_secs(3);

fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(agents::routes())
        .merge(documents::routes())
        .merge(conversations::routes())
}

/// What the gateway publishes.
pub fn public(app: App) -> Router {
    let (router, _) = routes().split_for_parts();
    with_deadline(router.with_state(app), DEADLINE)
}

/// `/internal/*`: nobody calls this service but the gateway.
pub fn internal() -> Router {
    Router::new()
}

/// The OpenAPI document of what the gateway publishes.
#[must_use]
pub fn openapi() -> OpenApi {
    let (_, spec) = routes().split_for_parts();
    rest::document(
        spec,
        "Syntera agents",
        "Agents, the texts that they answer from, and conversations with them.",
    )
}

/// Serves until the process is told to stop.
///
/// # Errors
/// When a setting cannot be used, or a listener fails.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    let telemetry = Telemetry::start(SCHEMA, &config.telemetry)?;
    let lifecycle = Lifecycle::until_signalled()?;
    let stop = lifecycle.stop_token();
    let clock = Clock::system();
    let bus = Bus::new(SCHEMA, &config.bus);
    let signer = ServiceSigner::read(SCHEMA, &config.service_key_file, clock.clone())?;
    let model = Arc::new(OpenAi::new(&config.llm)?);
    let app = App::new(Parts {
        pool: postgres::connect(&config.stores.database, SCHEMA)?,
        mongo: mongo::connect(&config.stores.mongo, SCHEMA).await?,
        bus: bus.clone(),
        tokens: Tokens::start(SCHEMA, &config.tokens, clock.clone(), stop.clone())?,
        chat: ChatClient::new(ServiceClient::new(
            "chat",
            config.chat_internal_url,
            signer.clone(),
        )?),
        crm: CrmClient::new(ServiceClient::new("crm", config.crm_internal_url, signer)?),
        clock,
        model: model.clone(),
        embedder: model,
        turns: config.turns,
    });
    start(&app, &bus, &lifecycle);
    let service = Service {
        port: PORT,
        health: health(&app, &bus),
        public: public(app),
        internal: internal(),
    };
    let result = common::server::serve(&config.server, service, lifecycle).await;
    telemetry.stop().await;
    result
}

/// Starts everything that works in the background.
pub fn start(app: &App, bus: &Bus, lifecycle: &Lifecycle) {
    let stop = lifecycle.stop_token();
    lifecycle.spawn_background(app.outbox.clone().relay(stop.clone()));
    lifecycle.spawn_background(consumers::run(app.clone(), bus.clone(), stop.clone()));
    lifecycle.spawn_background(turns::dispatch(app.clone(), stop.clone()));
    lifecycle.spawn_background(documents::worker::run(app.clone(), stop.clone()));
    lifecycle.spawn_background(conversations::keep_log(app.clone(), stop.clone()));
    lifecycle.spawn_background(app.idempotency.clone().clean_until(app.pool.clone(), stop));
}

/// What must be there for this service to be ready. Chat, the CRM and the model may be away for a while:
/// conversations wait, and customers are told. So may the broker and MongoDB: no request asks for them,
/// events wait in the outbox and in their queues, and the record of a conversation is written later.
#[must_use]
pub fn health(app: &App, bus: &Bus) -> Health {
    let (pool, bus, tokens, log) = (
        app.pool.clone(),
        bus.clone(),
        app.tokens.clone(),
        app.log.clone(),
    );
    Health::new()
        .check("postgres", move || {
            let pool = pool.clone();
            async move { postgres::check(&pool).await }
        })
        .notice("mongodb", move || {
            let log = log.clone();
            async move { mongo::check(log.database()).await }
        })
        .notice("rabbitmq", move || {
            let bus = bus.clone();
            async move { Ok(bus.check().await?) }
        })
        .check("auth", move || ready(tokens.healthy()))
}

/// Brings the schema and the collection up to date.
///
/// # Errors
/// When a store is not there, or a migration fails.
pub async fn migrate(stores: &StoresConfig) -> anyhow::Result<()> {
    postgres::migrate(&stores.database, &MIGRATOR).await?;
    let database = mongo::connect(&stores.mongo, "migrate").await?;
    ConversationLog::new(&database)
        .set_up()
        .await
        .context("the indexes of MongoDB's conversations")
}
