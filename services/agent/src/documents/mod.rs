//! Documents: the texts that an agent answers from, made searchable in the background.
//!
//! A document is written as `pending`. A worker cuts it into chunks that know their headings, embeds
//! them, and puts them in place in one transaction, which makes the document `ready`. Search is in
//! [`search`].

pub mod chunks;
mod error;
mod http;
mod language;
pub mod search;
mod store;
pub mod worker;

use axum::extract::DefaultBodyLimit;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::app::App;

pub use error::Error;
pub(crate) use language::search_config;
pub(crate) use store::requeue_of_agent;

/// 400,000 characters of any script, escaped as JSON.
const BODY_LIMIT: usize = 4 << 20;

/// The routes that the gateway publishes.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::list_documents, http::create_document))
        .routes(routes!(http::get_document, http::delete_document))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
}
