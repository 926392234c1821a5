//! What people are writing, kept on the server, so that it is there on their next device too. Sealed, and
//! seen by its writer alone.

mod http;
mod store;
mod sweep;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::app::App;

pub(crate) use sweep::clean_until;

/// The routes that the gateway publishes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(
        http::get_draft,
        http::put_draft,
        http::delete_draft
    ))
}
