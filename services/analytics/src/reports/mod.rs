//! Reports: facts, added up over a time.

mod cache;
mod error;
mod http;
mod model;
mod store;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::app::App;

pub use cache::Cache;

/// The routes that the gateway publishes.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(http::get_report))
}
