//! An OpenAI-compatible server for models on this machine.
//!
//! Optional: the other services only know a base URL and a key, and a company that sets its own
//! provider runs without this one. Text only so far: embeddings by all-MiniLM-L6-v2, and chat
//! answers that quote the given sources word by word.

pub mod app;
pub mod body;
pub mod chat;
pub mod config;
pub mod deadline;
pub mod embedder;
pub mod embeddings;
pub mod error;
pub mod extract;
pub mod install;
pub mod manifest;
pub mod metrics;
pub mod models;
pub mod work;

use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use clock::Clock;
use common::server::{self, Health, Lifecycle, Service};
use common::telemetry::Telemetry;
use http::{StatusCode, header};
use secrecy::ExposeSecret;
use subtle::ConstantTimeEq;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Spec;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::embedder::Embedder;
use crate::error::Error;
use crate::work::Work;

/// The public port; the internal one is 100 higher.
pub const PORT: u16 = 4010;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Syntera inference",
        version = "v1",
        description = "Models on this machine behind the OpenAI API. Errors have OpenAI's shape.",
        license(name = "Proprietary"),
    ),
    servers((url = "http://127.0.0.1:4010", description = "the default listener")),
    modifiers(&Key),
)]
struct Document;

/// The key is optional: it is asked for where the server was given one.
struct Key;

impl utoipa::Modify for Key {
    fn modify(&self, spec: &mut Spec) {
        use utoipa::openapi::security::{
            Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
        };
        let components = spec.components.get_or_insert_default();
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        components
            .security_schemes
            .insert("api_key".to_owned(), bearer.into());
        let key = SecurityRequirement::new::<_, [&str; 0], &str>("api_key", []);
        spec.security = Some(vec![key, SecurityRequirement::default()]);
    }
}

fn routes() -> (Router<App>, Spec) {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(models::list_models))
        .routes(routes!(models::get_model))
        .routes(routes!(embeddings::http::create_embeddings))
        .routes(routes!(chat::http::create_chat_completion))
        .split_for_parts()
}

/// The OpenAPI document of this service.
pub fn openapi() -> Spec {
    routes().1
}

/// The public routes. Everything under `/v1`, unknown paths too, answers in OpenAI's shape;
/// the rest of the listener answers problems, as everywhere.
pub fn router(app: App) -> Router {
    let unknown =
        || async { Error::refused(StatusCode::NOT_FOUND, "there is nothing at this path") };
    let method = || async {
        Error::refused(
            StatusCode::METHOD_NOT_ALLOWED,
            "this path does not take this method",
        )
    };
    routes()
        .0
        .route("/v1", any(unknown))
        .route("/v1/{*rest}", any(unknown))
        .method_not_allowed_fallback(method)
        .layer(DefaultBodyLimit::max(body::LIMIT))
        .layer(middleware::from_fn_with_state(app.clone(), check_key))
        .with_state(app)
}

/// Lets a request pass that brings the configured key, or any where none is configured.
async fn check_key(State(app): State<App>, request: Request, next: Next) -> Response {
    if let Some(key) = &app.api_key {
        let sent = request.headers().get(header::AUTHORIZATION);
        let sent = sent.and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        // In constant time: a comparison that stops early would tell how much of a guess is right.
        let right = sent.is_some_and(|sent| sent.ct_eq(key.expose_secret().as_bytes()).into());
        if !right {
            return Error::no_key().into_response();
        }
    }
    next.run(request).await
}

/// Serves until the process is told to stop.
///
/// # Errors
/// When a model file is missing or not the pinned one, a setting cannot be used, or a listener
/// fails.
pub async fn serve(config: config::Serve) -> anyhow::Result<()> {
    let telemetry = Telemetry::start("inference", &config.telemetry)?;
    let lifecycle = Lifecycle::until_signalled()?;
    let (dir, limits) = (config.models.dir()?, config.limits());
    let embedder = tokio::task::spawn_blocking(move || {
        install::verify(&dir, manifest::FILES)?;
        let embedder = Embedder::load(&dir)?;
        // The first run is slow, and a model that cannot run should stop the start.
        embedder.embed("ready")?;
        anyhow::Ok(embedder)
    })
    .await
    .context("the loading thread died")??;
    let api_key = config.api_key.clone();
    let app = App {
        work: Work::new(embedder, limits),
        api_key: api_key
            .filter(|key| !key.expose_secret().is_empty())
            .map(Arc::new),
        deadline: config.deadline(),
        clock: Clock::system(),
    };
    let service = Service {
        port: PORT,
        public: router(app),
        internal: Router::new(),
        // Ready as soon as it serves: the model is loaded, and nothing else is needed.
        health: Health::new(),
    };
    let served = server::serve(&config.server, service, lifecycle).await;
    telemetry.stop().await;
    served
}
