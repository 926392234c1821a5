//! The HTTP side of visitors.

use auth_api::{VisitorSession, VisitorTokens};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use common::problem::{Document, Result};
use http::{HeaderMap, HeaderValue, header};
use rest::Json;

use super::{Error, let_in};
use crate::app::App;

/// Open or renew a visitor's session
///
/// With `visitor_secret` the visitor stays the same; the answer carries it again. A browser's `Origin`
/// must be one of the key's, and becomes part of the token: it is good on that site only.
#[utoipa::path(
    post,
    path = "/auth/visitors",
    operation_id = "create_visitor_session",
    tag = "visitors",
    security(()),
    params(("Origin" = Option<String>, Header, description = "set by browsers: the site that asks")),
    request_body = VisitorSession,
    responses(
        (status = 200, description = "the visitor and a token", body = VisitorTokens),
        (status = 401, description = "the key or the secret is unknown",
         body = Document, content_type = "application/problem+json"),
        (status = 403, description = "the key is not for this origin",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn create_visitor_session(
    State(app): State<App>,
    headers: HeaderMap,
    Json(body): Json<VisitorSession>,
) -> Result<Response> {
    let origin = origin(&headers)?;
    let tokens = let_in(&app, &body.key, body.visitor_secret, origin).await?;
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((no_store, Json(tokens)).into_response())
}

/// The site that a browser names; none for a program. One that cannot be read is none of ours.
fn origin(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let Some(value) = headers.get(header::ORIGIN) else {
        return Ok(None);
    };
    let text = value.to_str().map_err(|_| Error::OriginNotAllowed)?;
    Ok(Some(text.to_owned()))
}
