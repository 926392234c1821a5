//! The life of a service: two listeners, readiness, and a graceful end.
//!
//! The public listener serves what the gateway publishes. The internal one serves `/livez`, `/readyz`,
//! `/metrics` and `/internal/*`, and is never routed to from outside.

mod health;
mod healthcheck;
mod lifecycle;
mod observe;

use std::{net::SocketAddr, process::ExitCode, time::Duration};

use anyhow::Context;
use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    response::IntoResponse,
    routing::get,
    serve::{ListenerExt, TapIo},
};
use http::header;
use tokio::net::{TcpListener, TcpStream};
use tower_http::catch_panic::CatchPanicLayer;

pub use health::{Health, Unhealthy};
pub use healthcheck::Healthcheck;
pub use lifecycle::Lifecycle;
pub use observe::{REQUEST_ID_HEADER, RouteLabel, request_id};

use crate::{
    problem::{self, Panicked},
    telemetry::metrics,
};

/// The largest body that a route takes unless it says otherwise: 1 MiB.
pub const BODY_LIMIT: usize = 1 << 20;
/// The time a handler has to begin its answer unless it says otherwise.
pub const DEADLINE: Duration = Duration::from_secs(10);

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

/// Serves both listeners until the process is told to stop, then drains.
///
/// # Errors
/// When a listener cannot be bound, which says which address.
pub async fn serve(
    config: &ServerConfig,
    service: Service,
    lifecycle: Lifecycle,
) -> anyhow::Result<()> {
    let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let public = bind(config.bind.unwrap_or(local(service.port))).await?;
    let internal = bind(config.internal_bind.unwrap_or(local(service.port + 100))).await?;
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
    tracing::info!(public = %public.local_addr()?, internal = %internal.local_addr()?, "listening");
    let health = service.health;
    let public_app = finish(service.public, "public");
    let internal_app = finish(
        service.internal.merge(operations(health.clone())),
        "internal",
    );

    let delay = Duration::from_secs(config.drain_delay_seconds);
    let stop = lifecycle.stop_token();
    let draining = {
        let (stop, health) = (stop.clone(), health.clone());
        async move {
            stop.cancelled().await;
            health.drain();
            tokio::time::sleep(delay).await;
        }
    };
    // The internal listener outlives the public one, so that /readyz says "draining" meanwhile.
    let drained = tokio_util::sync::CancellationToken::new();
    let internal_task = tokio::spawn({
        let drained = drained.clone();
        axum::serve(at_once(internal), internal_app)
            .with_graceful_shutdown(async move { drained.cancelled().await })
            .into_future()
    });
    let public_task = tokio::spawn(
        axum::serve(
            at_once(public),
            public_app.into_make_service_with_connect_info::<SocketAddr>(),
        )
        .with_graceful_shutdown(draining)
        .into_future(),
    );
    stop.cancelled().await;
    tracing::info!("stopping: no new connections, running requests may finish");
    let grace = delay + Duration::from_secs(config.drain_seconds);
    let finished = tokio::time::timeout(grace, async {
        public_task.await??;
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

/// Answers 503 where the routes of `router` have not begun their answer within `deadline`.
pub fn with_deadline(router: Router, deadline: Duration) -> Router {
    router.layer(middleware::from_fn(
        move |request, next: middleware::Next| async move {
            match tokio::time::timeout(deadline, next.run(request)).await {
                Ok(response) => response,
                Err(_) => crate::Problem::unavailable(format!("no answer within {deadline:?}"))
                    .into_response(),
            }
        },
    ))
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

/// Sends what is written at once. By default the kernel holds a second small packet back until the
/// first is acknowledged, which a client may put off for 40 ms (RFC 1122 §4.2.3.2 and §4.2.3.4): each
/// frame of a socket and each piece of a stream is such a packet.
fn at_once(listener: TcpListener) -> TapIo<TcpListener, fn(&mut TcpStream)> {
    listener.tap_io(|stream| {
        // It fails only on a connection that is gone already.
        let _ = stream.set_nodelay(true);
    })
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))
}
