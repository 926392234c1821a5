//! Metrics: single measured values, as they were counted.

mod http;
mod store;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::app::App;

/// The routes that the gateway publishes.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(http::list_metrics))
}
