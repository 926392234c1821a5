//! Conversations: starting them, what is wanted and done in them, and the agent's own log of them.

mod error;
mod http;
mod log;
mod scribe;
pub(crate) mod store;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::app::App;

pub use error::Error;
pub use log::ConversationLog;
pub(crate) use log::Turn as LoggedTurn;
pub use scribe::run as keep_log;

/// The routes that the gateway publishes.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(http::start_conversation))
}
