//! Agents: who answers customers, and how.

mod error;
mod http;
mod list;
mod store;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::app::App;

pub use error::Error;
pub use store::Versioned;
pub(crate) use store::{exists, find};

/// The version of a new agent.
const FIRST_VERSION: i64 = 1;

/// The routes that the gateway publishes.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::list_agents, http::create_agent))
        .routes(routes!(http::get_agent, http::update_agent))
}
