//! Answers that are for their reader alone.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use serde::Serialize;

/// A JSON body that nobody keeps on its way: it shows a secret, or what only the caller may see (RFC 9111
/// §5.2.2.5).
#[derive(Debug, Clone, Copy)]
pub struct NoStore<T>(pub T);

impl<T: Serialize> IntoResponse for NoStore<T> {
    fn into_response(self) -> Response {
        let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
        (no_store, axum::Json(self.0)).into_response()
    }
}
