//! The gateway: the only public port.
//!
//! It looks a request up in the route table, checks its origin and its token, and forwards it. What it
//! answers itself are the built web files, the merged OpenAPI document, and problems.

mod access;
mod app;
pub mod config;
pub mod demo;
pub mod forward;
mod openapi;
pub mod routes;
mod site;

use std::{future::ready, time::Duration};

use anyhow::Context;
use axum::{Router, routing::any};
use clock::Clock;
use common::{
    server::{self, Health, Lifecycle, Service},
    telemetry::Telemetry,
    tokens::{Revocations, ServiceSigner, Tokens},
};

pub use app::{App, Parts};
use config::Config;
use forward::Upstreams;
use routes::Upstream;

/// The public port by default.
pub const PORT: u16 = 4000;

/// Everything behind the public port.
pub fn public(app: App) -> Router {
    Router::new()
        .route("/api/v1/openapi.json", axum::routing::get(openapi::serve))
        .route("/api/v1/{*path}", any(forward::handle))
        .route("/.well-known/jwks.json", any(forward::handle))
        .merge(site::router(&app))
        .with_state(app)
}

/// Serves until told to stop.
///
/// # Errors
/// When a setting cannot be used or a listener cannot be bound.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    let telemetry = Telemetry::start("gateway", &config.telemetry)?;
    let lifecycle = Lifecycle::until_signalled()?;
    let clock = Clock::system();
    let stop = lifecycle.stop_token();
    let tokens = Tokens::start("gateway", &config.tokens, clock.clone(), stop.clone())?;
    let signer = ServiceSigner::read("gateway", &config.service_key_file, clock.clone())?;
    let revocations = Revocations::start(&config.tokens.auth_internal_url, signer, clock, stop)?;
    let health = health(&tokens, &revocations);
    let urls = config.upstreams;
    let upstreams = Upstreams::new(
        [
            (Upstream::Auth, urls.auth_url),
            (Upstream::Agent, urls.agent_url),
            (Upstream::Crm, urls.crm_url),
            (Upstream::Chat, urls.chat_url),
            (Upstream::Analytics, urls.analytics_url),
        ],
        lifecycle.clone(),
    )
    .context("an upstream URL cannot be used")?;
    let app = App::new(Parts {
        tokens,
        revocations,
        upstreams,
        public_url: config.public.public_url,
        trusted_proxies: config.trusted_proxies,
        web_dir: config.web_dir,
        demo_file: config.demo_file,
    });
    let service = Service {
        port: PORT,
        public: public(app),
        internal: Router::new(),
        health,
    };
    let result = server::serve(&config.server, service, lifecycle).await;
    telemetry.stop().await;
    result
}

/// Ready when tokens can be checked. A service behind that is down is its own affair: its routes answer
/// 503, the others work.
fn health(tokens: &Tokens, revocations: &Revocations) -> Health {
    let (tokens, revocations) = (tokens.clone(), revocations.clone());
    Health::new()
        .check("keys", move || ready(tokens.healthy()))
        .check("revocations", move || ready(revocations.healthy()))
}

/// Prints the merged document.
///
/// # Errors
/// When a part is not JSON.
#[expect(clippy::print_stdout, reason = "the subcommand's output")]
pub fn print_openapi() -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(openapi::merged())?);
    Ok(())
}

/// A connection to a service that nobody uses is closed after this time.
const IDLE_CONNECTIONS: Duration = Duration::from_secs(60);
