//! The life of a service: two listeners, readiness, and a graceful end.
//!
//! The public listener serves what the gateway publishes. The internal one serves `/livez`, `/readyz`,
//! `/metrics` and `/internal/*`, and is never routed to from outside.

mod body;
mod deadline;
mod front;
mod health;
mod healthcheck;
mod lifecycle;
mod listen;
mod observe;
mod tls;
mod workers;

use std::{net::SocketAddr, process::ExitCode, time::Duration};

use anyhow::Context;
use axum::{Router, extract::DefaultBodyLimit, middleware, routing::get};
use http::header;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use url::Url;

pub use body::RequestBody;
pub use deadline::{Arrival, with_deadline};
pub use front::{Front, Peer};
pub use health::{Health, Unhealthy};
pub use healthcheck::Healthcheck;
pub use lifecycle::Lifecycle;
pub use observe::{REQUEST_ID_HEADER, RouteLabel, method_label, request_id, with_request_id};
pub use tls::{Tls, TlsConfig};
pub use workers::{Workers, worker};

use self::{
    front::Routed,
    listen::{HEAD_WITHIN, listen},
};
use crate::{
    problem::{self, Panicked},
    telemetry::metrics,
};

/// The largest body that a route takes unless it says otherwise: 1 MiB.
pub const BODY_LIMIT: usize = 1 << 20;

/// Where a service listens and how it ends.
#[derive(Debug, Clone, clap::Args)]
pub struct ServerConfig {
    /// The public listener [default: 127.0.0.1 and the service's port].
    #[arg(long, env = "SYNTERA_BIND")]
    pub bind: Option<SocketAddr>,
    /// The internal listener: /livez, /readyz, /metrics, /internal [default: 127.0.0.1, port + 100].
    #[arg(long, env = "SYNTERA_INTERNAL_BIND")]
    pub internal_bind: Option<SocketAddr>,
    /// Seconds that running requests and tasks get after SIGTERM.
    #[arg(long, env = "SYNTERA_DRAIN_SECONDS", default_value_t = 10)]
    pub drain_seconds: u64,
    /// Seconds between answering /readyz with 503 and refusing connections, so that a load balancer
    /// sees it first.
    #[arg(long, env = "SYNTERA_DRAIN_DELAY_SECONDS", default_value_t = 0)]
    pub drain_delay_seconds: u64,
}

/// Where people reach the fleet: one setting for every service that must know it.
#[derive(Debug, Clone, clap::Args)]
pub struct PublicUrl {
    /// Where people reach the gateway. Cookie-borne writes must come from this origin; with https the
    /// cookies become `Secure` and bound to the host.
    #[arg(
        long,
        env = "SYNTERA_PUBLIC_URL",
        default_value = "http://127.0.0.1:4000",
        value_parser = web_address
    )]
    pub public_url: Url,
}

/// An address of the web. Every other scheme has the origin `null`, which any sandboxed page has too.
fn web_address(text: &str) -> Result<Url, String> {
    match text.parse::<Url>() {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
        Ok(_) => Err("it must begin with http:// or https://".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// What a service serves.
#[derive(Debug)]
pub struct Service {
    /// Its port by default; the internal one is 100 higher.
    pub port: u16,
    /// What the gateway publishes.
    pub public: Router,
    /// `/internal/*`; the health and metrics routes are added here.
    pub internal: Router,
    /// What must be there for this service to be ready.
    pub health: Health,
}

/// What a service serves whose public listener is more than a router.
pub struct FrontService<F> {
    /// What answers on the public listener.
    pub front: F,
    /// The public listener's certificate.
    pub tls: Option<Tls>,
    /// The threads of the public listener; without them the runtime's pool serves it.
    pub workers: Option<Workers>,
    /// `/internal/*`; the health and metrics routes are added here.
    pub internal: Router,
    /// What must be there for this service to be ready.
    pub health: Health,
}

/// The sockets of a service.
#[derive(Debug)]
pub struct Listeners {
    /// Of what the gateway publishes; the gateway's own is the one that the world reaches.
    pub public: TcpListener,
    /// Of health, metrics and `/internal/*`.
    pub internal: TcpListener,
}

impl Listeners {
    /// Binds what the configuration says, or loopback with the service's port and 100 above.
    ///
    /// # Errors
    /// When a listener cannot be bound, which says which address.
    pub async fn bind(config: &ServerConfig, port: u16) -> anyhow::Result<Self> {
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Ok(Self {
            public: bind(config.bind.unwrap_or(local(port))).await?,
            internal: bind(config.internal_bind.unwrap_or(local(port + 100))).await?,
        })
    }
}

/// Serves both listeners until the process is told to stop, then drains.
///
/// # Errors
/// When a listener cannot be bound, which says which address.
pub async fn serve(
    config: &ServerConfig,
    service: Service,
    lifecycle: Lifecycle,
) -> anyhow::Result<()> {
    let Listeners { public, internal } = Listeners::bind(config, service.port).await?;
    serve_on(config, service, lifecycle, public, internal).await
}

/// As [`serve`], on listeners that exist; tests pass ephemeral ports.
///
/// # Errors
/// When a listener fails.
pub async fn serve_on(
    config: &ServerConfig,
    service: Service,
    lifecycle: Lifecycle,
    public: TcpListener,
    internal: TcpListener,
) -> anyhow::Result<()> {
    let service = FrontService {
        front: Routed::new(finish(service.public, "public")),
        tls: None,
        workers: None,
        internal: service.internal,
        health: service.health,
    };
    serve_front(config, service, lifecycle, Listeners { public, internal }).await
}

/// As [`serve_on`], for a service whose public listener is more than a router.
///
/// # Errors
/// When a listener fails.
pub async fn serve_front<F: Front>(
    config: &ServerConfig,
    service: FrontService<F>,
    lifecycle: Lifecycle,
    listeners: Listeners,
) -> anyhow::Result<()> {
    let Listeners { public, internal } = listeners;
    tracing::info!(
        public = %public.local_addr()?,
        internal = %internal.local_addr()?,
        tls = service.tls.is_some(),
        "listening"
    );
    let health = service.health;
    let operations = service.internal.merge(operations(health.clone()));
    let operations = Routed::new(finish(operations, "internal"));

    // The internal listener outlives the public one, so that /readyz says "draining" meanwhile.
    let drained = CancellationToken::new();
    let internal_task = tokio::spawn(listen(
        internal,
        operations,
        (None, None),
        drained.clone(),
        HEAD_WITHIN,
    ));
    let public_task = tokio::spawn(listen(
        public,
        service.front,
        (service.tls, service.workers),
        lifecycle.cut_token(),
        HEAD_WITHIN,
    ));
    lifecycle.stop_token().cancelled().await;
    health.drain();
    tokio::time::sleep(Duration::from_secs(config.drain_delay_seconds)).await;
    tracing::info!("stopping: no new connections, running requests may finish");
    lifecycle.cut();
    let grace = Duration::from_secs(config.drain_seconds);
    let finished = tokio::time::timeout(grace, async {
        public_task.await?;
        lifecycle.wait_for_tasks().await;
        anyhow::Ok(())
    })
    .await;
    drained.cancel();
    let _ = tokio::time::timeout(Duration::from_secs(1), internal_task).await;
    match finished {
        Ok(result) => result?,
        Err(_) => tracing::warn!(
            seconds = grace.as_secs(),
            "some requests or tasks did not finish in time"
        ),
    }
    anyhow::ensure!(!lifecycle.is_broken(), "a background task panicked");
    tracing::info!("stopped");
    Ok(())
}

/// Runs a service's `main`: the future, then an exit code that tells whether it failed.
#[must_use]
pub fn run_main(main: impl Future<Output = anyhow::Result<()>>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let result = runtime.block_on(main);
    // A blocking thread that hangs must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

#[expect(
    clippy::print_stderr,
    reason = "the log may not be there yet, or not any more"
)]
fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {}", crate::telemetry::redact(&format!("{error:#}")));
    ExitCode::FAILURE
}

/// What every router gets: answers to unknown routes, problems for panics, limits, and observation.
pub fn finish(router: Router, listener: &'static str) -> Router {
    router
        .fallback(problem::unknown_route)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(CatchPanicLayer::custom(Panicked))
        .layer(middleware::from_fn(move |request, next| {
            observe::observe(listener, request, next)
        }))
}

fn operations(health: Health) -> Router {
    let render = || async {
        (
            [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
            metrics::render(),
        )
    };
    Router::new()
        .route("/livez", get(|| async { "alive" }))
        .route("/readyz", get(move || async move { health.answer().await }))
        .route("/metrics", get(render))
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn served(
        lifecycle: &Lifecycle,
        drain_delay_seconds: u64,
    ) -> (String, tokio::task::JoinHandle<anyhow::Result<()>>) {
        let public = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let internal = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/readyz", internal.local_addr().unwrap());
        let config = ServerConfig {
            bind: None,
            internal_bind: None,
            drain_seconds: 1,
            drain_delay_seconds,
        };
        let service = Service {
            port: 0,
            public: Router::new(),
            internal: Router::new(),
            health: Health::new(),
        };
        let life = lifecycle.clone();
        let task =
            tokio::spawn(async move { serve_on(&config, service, life, public, internal).await });
        (url, task)
    }

    #[test]
    fn an_address_has_an_origin() {
        for good in ["http://127.0.0.1:4000", "https://syntera.example/"] {
            web_address(good).unwrap();
        }
        // The second one is what is left when the scheme is forgotten.
        for bad in [
            "syntera.example",
            "localhost:4000",
            "file:///srv",
            "data:,x",
        ] {
            web_address(bad).unwrap_err();
        }
    }

    #[tokio::test]
    async fn a_panic_in_the_background_ends_the_service_with_a_failure() {
        let lifecycle = Lifecycle::default();
        let (_, task) = served(&lifecycle, 0).await;
        lifecycle.spawn_background(async { panic!("as it happens") });
        let error = task.await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "a background task panicked");
    }

    #[tokio::test]
    async fn sockets_are_cut_only_when_nobody_connects_any_more() {
        let lifecycle = Lifecycle::default();
        let (url, task) = served(&lifecycle, 2).await;
        assert_eq!(reqwest::get(&url).await.unwrap().status(), 200);
        let cut = lifecycle.cut_token();
        let ended = tokio::spawn(async move {
            cut.cancelled().await;
            tokio::time::Instant::now()
        });
        let stopped = tokio::time::Instant::now();
        lifecycle.stop();
        while reqwest::get(&url).await.unwrap().status() != 503 {}
        assert!(!lifecycle.cut_token().is_cancelled());
        assert!(ended.await.unwrap() - stopped >= Duration::from_secs(2));
        task.await.unwrap().unwrap();
    }
}
