//! The gateway: the only public port.
//!
//! It looks a request up in the route table, checks its origin and its token, and forwards it. What it
//! answers itself are the built web files, the merged OpenAPI document, and problems.

mod access;
mod app;
mod balance;
pub mod config;
pub mod demo;
pub mod forward;
mod front;
pub mod limits;
mod metrics;
mod openapi;
pub mod routes;
mod site;

use std::future::ready;

use anyhow::Context;
use axum::Router;
use clock::Clock;
use common::{
    server::{FrontService, Health, Lifecycle, Listeners, Tls, Workers, serve_front},
    telemetry::Telemetry,
    tokens::{Revocations, ServiceSigner, Tokens},
};
use stores::redis::Redis;

pub use access::SecretKeys;
pub use app::{App, Parts};
pub use balance::Upstreams;
pub use front::{AccessLog, Gateway};

use config::{Config, UpstreamUrls};
use limits::Limits;
use routes::Upstream;

/// The public port by default.
pub const PORT: u16 = 4000;

/// Serves until told to stop.
///
/// # Errors
/// When a setting cannot be used or a listener cannot be bound.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    let telemetry = Telemetry::start("gateway", &config.telemetry)?;
    let lifecycle = Lifecycle::until_signalled()?;
    let listeners = Listeners::bind(&config.server, PORT).await?;
    let clock = Clock::system();
    let log = if config.access_log {
        AccessLog::stdout(clock.clone())?
    } else {
        AccessLog::none()
    };
    let redis = Redis::connect(&config.redis)?;
    let parts = parts(&config, clock, redis.clone(), &lifecycle)?;
    let service = FrontService {
        health: health(&parts, redis),
        front: Gateway::new(App::new(parts), log.clone()),
        tls: Tls::start(&config.tls, lifecycle.cut_token())?,
        workers: Some(Workers::start(threads(&config))?),
        internal: Router::new(),
    };
    let result = serve_front(&config.server, service, lifecycle, listeners).await;
    // What it writes may have to wait for whoever reads it.
    let closed = tokio::task::spawn_blocking(move || log.close());
    let _ = tokio::time::timeout(std::time::Duration::from_secs(1), closed).await;
    telemetry.stop().await;
    result
}

fn threads(config: &Config) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, Into::into);
    config.threads.map_or_else(cores, Into::into)
}

/// What the settings describe, with the work behind it started.
fn parts(
    config: &Config,
    clock: Clock,
    redis: Redis,
    lifecycle: &Lifecycle,
) -> anyhow::Result<Parts> {
    let (stop, cut) = (lifecycle.stop_token(), lifecycle.cut_token());
    let auth = &config.tokens.auth_internal_url;
    let tokens = Tokens::start("gateway", &config.tokens, clock.clone(), stop.clone())?;
    let signer = ServiceSigner::read("gateway", &config.service_key_file, clock.clone())?;
    let revocations = Revocations::start(auth, signer.clone(), clock, stop)?;
    let told = stores::revocations::follow(redis.clone(), revocations.clone());
    let until = cut.clone();
    lifecycle.spawn_background(async move {
        until.run_until_cancelled(told).await;
    });
    let (limits, bookkeeper) = Limits::shared(&config.limits, redis);
    lifecycle.spawn_background(async move {
        cut.run_until_cancelled(bookkeeper.run()).await;
    });
    let upstreams = upstreams(&config.upstreams, lifecycle)?;
    upstreams.watch(lifecycle)?;
    let given = |path: &Option<std::path::PathBuf>| {
        let path = path.clone();
        path.filter(|path| !path.as_os_str().is_empty())
    };
    Ok(Parts {
        tokens,
        token_cache: config.token_cache,
        revocations,
        keys: SecretKeys::new(auth, signer)?,
        limits,
        upstreams,
        public_url: config.public.public_url.clone(),
        trusted_proxies: config.trusted_proxies.clone(),
        web_dir: config.web_dir.clone(),
        demo_file: given(&config.demo_file),
        mail_dir: given(&config.mail_dir),
    })
}

fn upstreams(urls: &UpstreamUrls, lifecycle: &Lifecycle) -> anyhow::Result<Upstreams> {
    let urls = [
        (Upstream::Auth, urls.auth_url.clone()),
        (Upstream::Agent, urls.agent_url.clone()),
        (Upstream::Crm, urls.crm_url.clone()),
        (Upstream::Chat, urls.chat_url.clone()),
        (Upstream::Analytics, urls.analytics_url.clone()),
    ];
    Upstreams::new(urls, lifecycle).context("an upstream URL cannot be used")
}

/// Ready when tokens can be checked. A service behind that is down is its own affair: its routes answer
/// 503, the others work. Without Redis each gateway enforces its share of the limits.
fn health(parts: &Parts, redis: Redis) -> Health {
    let (tokens, revocations) = (parts.tokens.clone(), parts.revocations.clone());
    Health::new()
        .check("keys", move || ready(tokens.healthy()))
        .check("revocations", move || ready(revocations.healthy()))
        .notice("redis", move || {
            let redis = redis.clone();
            async move { redis.check().await }
        })
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
