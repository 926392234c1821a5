//! Canned replies: texts that people answer with again and again.

mod error;
mod http;
mod list;
mod model;
mod render;
mod store;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::app::App;

pub use error::Error;

/// The routes that the gateway publishes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(
            http::list_canned_replies,
            http::create_canned_reply
        ))
        .routes(routes!(
            http::get_canned_reply,
            http::update_canned_reply,
            http::delete_canned_reply
        ))
        .routes(routes!(render::render_canned_reply))
}
