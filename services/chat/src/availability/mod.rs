//! Who is there to take care of conversations.
//!
//! People say whether they take conversations, and how many at a time. They are there while they say so
//! and one of their sockets is open: the instance that has it writes a sign of life now and then. All
//! times are PostgreSQL's, so that instances need not agree on one.

mod http;
mod presence;
mod store;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::app::App;

pub(crate) use presence::tell_until;
pub use store::online;

/// The routes that the gateway publishes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::get_availability, http::set_availability))
        .routes(routes!(http::list_availabilities))
}
