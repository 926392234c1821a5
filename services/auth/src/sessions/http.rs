//! The HTTP side of sessions.

use auth_api::{Logout, Refresh, TokenResponse};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use common::{
    ErrorCode, Problem,
    problem::{Document, Result},
    tokens::{Identity, RevocationList, ServiceCaller, bearer},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use rest::{Json, OptionalJson, Query, Timestamp};
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::{Error, Issued, end_by_identity, end_by_token, model::NAMED_AS_ENDED, refresh, store};
use crate::{app::App, signing};

/// Where the refresh token goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokensTo {
    /// Into the cookies.
    Cookies,
    /// Into the body, for a program that keeps no cookies.
    Body,
    /// Into both.
    Both,
}

/// The answer that carries a session's tokens.
pub(crate) fn answer(app: &App, status: StatusCode, issued: &Issued, to: TokensTo) -> Response {
    let in_body = to != TokensTo::Cookies;
    let body = TokenResponse {
        access_token: issued.access.expose_secret().to_owned(),
        token_type: "Bearer".to_owned(),
        expires_in: signing::PERSON.num_seconds(),
        refresh_token: in_body.then(|| issued.refresh.expose_secret().to_owned()),
    };
    let mut response = (status, Json(body)).into_response();
    let headers = response.headers_mut();
    // RFC 6749 §5.1.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if to != TokensTo::Body {
        app.cookies
            .set(headers, issued.access.expose_secret(), &issued.refresh);
    }
    response
}

/// Renew the access token
///
/// Every use of a refresh token gives its successor. A token that comes back within ten seconds, from a
/// second tab or as a retry, gets the same successor; later, or once the successor was used, it ends
/// the session. A token from the cookie is answered by cookies; one from the body by the body.
#[utoipa::path(
    post,
    path = "/auth/refresh",
    operation_id = "refresh_session",
    tag = "sessions",
    security(()),
    request_body(content = Option<Refresh>, description = "leave it out to use the cookie"),
    responses(
        (status = 200, description = "a new access token", body = TokenResponse,
         headers(("Set-Cookie" = Option<String>, description = "both tokens, when the cookie was used"))),
        (status = 401, description = "no refresh token, or one that is unknown, too old or used already; or \
         the session has ended", body = Document, content_type = "application/problem+json"),
        (status = 403, description = "the request comes from another site's page",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn refresh_session(
    State(app): State<App>,
    headers: HeaderMap,
    OptionalJson(body): OptionalJson<Refresh>,
) -> Result<Response> {
    let (token, to) = match body.refresh_token {
        Some(token) => (token, TokensTo::Body),
        None => (
            app.cookies.refresh_token(&headers).ok_or(Error::Unknown)?,
            TokensTo::Cookies,
        ),
    };
    let issued = refresh(&app, &token).await?;
    Ok(answer(&app, StatusCode::OK, &issued, to))
}

/// Sign out
///
/// Ends the session that a refresh token or an access token names, from the body, the header or the
/// cookies, and forgets the cookies. Without any, only the cookies are forgotten.
#[utoipa::path(
    post,
    path = "/auth/logout",
    operation_id = "end_session",
    tag = "sessions",
    security(()),
    request_body(content = Option<Logout>, description = "leave it out to use the cookies or the access token"),
    responses(
        (status = 204, description = "signed out",
         headers(("Set-Cookie" = String, description = "forgets both tokens"))),
        (status = 401, description = "an access token came that is not valid, and no refresh token",
         body = Document, content_type = "application/problem+json"),
        (status = 403, description = "the request comes from another site's page, or the access token is a \
         visitor's, which cannot sign out", body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn end_session(
    State(app): State<App>,
    headers: HeaderMap,
    OptionalJson(body): OptionalJson<Logout>,
) -> Result<Response> {
    let refresh_token = body
        .refresh_token
        .or_else(|| app.cookies.refresh_token(&headers));
    if let Some(token) = &refresh_token {
        end_by_token(&app, token).await?;
    }
    if let Some(token) = bearer(&headers) {
        match app.tokens.verify(token).await {
            // Who sends nothing else would believe to be signed out.
            Err(problem) if refresh_token.is_none() => return Err(problem),
            Ok(Identity::Visitor(_)) if refresh_token.is_none() => {
                return Err(Problem::new(ErrorCode::Forbidden)
                    .detail("a visitor's token ends by itself; nothing can be signed out"));
            }
            identity => end_by_identity(&app, identity.ok()).await?,
        }
    }
    // A browser's access token is often over by then; so it counts when it is good, and else not.
    if let Some(token) = app.cookies.access_token(&headers) {
        let identity = app.tokens.verify(token.expose_secret()).await;
        end_by_identity(&app, identity.ok()).await?;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    app.cookies.clear(response.headers_mut());
    Ok(response)
}

/// What a follower asks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Since {
    since: Timestamp,
}

/// The sessions that ended since then, for those who accept access tokens.
pub(super) async fn list_revocations(
    State(app): State<App>,
    _: ServiceCaller,
    Query(query): Query<Since>,
) -> Result<Json<RevocationList>> {
    // Taken before the rows are read: what ends meanwhile belongs to the next answer too.
    let as_of = app.clock.now();
    let since = query.since.time().max(as_of - NAMED_AS_ENDED);
    let mut connection = app.pool.acquire().await?;
    let items = store::ended_since(&mut connection, since).await?;
    Ok(Json(RevocationList { items, as_of }))
}
