//! The public halves of the keys that sign access tokens.

use auth_api::PublicKeys;
use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use common::problem::Result;
use http::{HeaderValue, header};
use rest::Json;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::app::App;

/// Readers may keep the set this long. A new key is published for longer before it signs.
const MAX_AGE: &str = "public, max-age=300";

/// The routes that the gateway publishes.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_key_set))
}

/// The routes for other services. They need no token: what they give is public, and whoever asks
/// needs it to check tokens at all.
pub(crate) fn internal_routes() -> Router<App> {
    Router::new().route("/internal/jwks", get(get_key_set))
}

/// Get the key set
///
/// The keys that verify access tokens (RFC 7517). Tokens name theirs by `kid`. A new key is in the set
/// for six minutes before it signs, an old one until its last token has ended.
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    operation_id = "get_key_set",
    tag = "keys",
    security(()),
    responses((status = 200, description = "the keys", body = PublicKeys)),
)]
async fn get_key_set(State(app): State<App>) -> Result<Response> {
    let keys = app.signer.public_keys(app.clock.now())?;
    let cache = [(header::CACHE_CONTROL, HeaderValue::from_static(MAX_AGE))];
    Ok((cache, Json(keys)).into_response())
}
