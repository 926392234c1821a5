//! The HTTP side of signing in by a provider. The caller is a browser that goes from page to page, so
//! every answer leads to a page.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use common::{
    ErrorCode, Problem,
    problem::{Document, FieldError, Result},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use ids::IssuerId;
use rest::{Path, Query};
use secrecy::ExposeSecret;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    model,
    refusal::Error,
    sign_in::{self, AWAY, Back},
    state,
};
use crate::{app::App, client::Client};

/// Where people sign in.
const SIGN_IN: &str = "/account/sign-in";

/// Where to go afterwards.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wish {
    /// A path of our own pages to go to once signed in; `/` by default.
    #[param(max_length = 2000, example = "/inbox")]
    return_to: Option<String>,
}

/// What a provider sends back (OpenID Connect Core §3.1.2.5). It may send more.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Answer {
    /// The code to be exchanged.
    code: Option<String>,
    /// What was sent along.
    state: Option<String>,
    /// Who it is (RFC 9207).
    iss: Option<String>,
    /// Why there is no code.
    error: Option<String>,
}

/// Sign in by an identity provider
///
/// To be opened by a browser. Leads to the provider, and from there back to us and to `return_to`. When
/// nobody can be signed in, it leads to `/account/sign-in#error=<code>`: `issuer_unknown`,
/// `issuer_unavailable`.
#[utoipa::path(
    get,
    path = "/auth/oidc/{id}/start",
    operation_id = "start_issuer_sign_in",
    tag = "issuers",
    security(()),
    params(("id" = IssuerId, Path, description = "the identity provider"), Wish),
    responses(
        (status = 303, description = "go to the identity provider, or back to where people sign in", headers(
            ("Location" = String, description = "where to go"),
            ("Set-Cookie" = Option<String>, description = "binds the sign-in to this browser"),
        )),
    ),
)]
pub(super) async fn start_issuer_sign_in(
    State(app): State<App>,
    Path(id): Path<IssuerId>,
    Query(wish): Query<Wish>,
) -> Result<Response> {
    let return_to = wish.return_to.as_deref().unwrap_or("/");
    let return_to = model::local_path(&app.public_url, return_to).ok_or_else(not_local)?;
    match sign_in::start(&app, id, return_to).await {
        Ok((url, ticket)) => {
            let mut response = redirect(url.as_str());
            state::set(&app.public_url, response.headers_mut(), &ticket, AWAY);
            Ok(response)
        }
        Err(error) => refused(id, error),
    }
}

/// Come back from an identity provider
///
/// Where the provider sends the browser. Signs in and leads to where the person wanted to go, or to
/// `/account/sign-in#error=<code>`: `issuer_unknown`, `issuer_unavailable`, `issuer_declined`,
/// `issuer_invalid`, `link_expired` (begin again), `email_not_vouched`, `email_domain_not_vouched`,
/// `email_not_verified` (set a password by mail first), `confirm_by_mail` (who has an account already joins by a
/// link in a letter, which was sent), `not_a_member`, `issuer_not_trusted` (an owner must
/// change the provider first), `identity_conflict` (the provider
/// has two names for this address; an admin may remove and invite the member again).
#[utoipa::path(
    get,
    path = "/auth/oidc/{id}/callback",
    operation_id = "finish_issuer_sign_in",
    tag = "issuers",
    security(()),
    params(("id" = IssuerId, Path, description = "the identity provider"), Answer),
    responses(
        (status = 303, description = "signed in, or not", headers(
            ("Location" = String, description = "where to go"),
            ("Set-Cookie" = String, description = "both tokens when signed in; the sign-in's own cookie ends"),
        )),
        (status = 404, description = "the path names no id that could exist",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn finish_issuer_sign_in(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    Path(id): Path<IssuerId>,
    Query(answer): Query<Answer>,
) -> Result<Response> {
    let back = Back {
        ticket: state::ticket(&app.public_url, &headers),
        state: answer.state,
        // A provider that says why there is no code is not believed if it sends one.
        code: answer.code.filter(|_| answer.error.is_none()),
        iss: answer.iss,
    };
    let mut response = match sign_in::finish(&app, id, back, &client).await {
        Ok((issued, return_to)) => {
            let mut response = redirect(&return_to);
            let access = issued.access.expose_secret();
            app.cookies
                .set(response.headers_mut(), access, &issued.refresh);
            response
        }
        Err(error) => refused(id, error)?,
    };
    state::clear(&app.public_url, response.headers_mut());
    Ok(response)
}

fn refused(id: IssuerId, error: Error) -> Result<Response> {
    tracing::info!(issuer = %id, %error, "nobody was signed in by an identity provider");
    let refusal = error.refusal()?;
    Ok(redirect(&format!("{SIGN_IN}#error={}", refusal.code())))
}

/// Leads a browser on. The address that it comes from may hold a code, which is nobody else's business.
fn redirect(to: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(to) else {
        return Problem::internal("a URL is no header value").into_response();
    };
    let headers = [
        (header::LOCATION, location),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        ),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}

fn not_local() -> Problem {
    let detail = "must be a path of our own pages, such as /inbox";
    Problem::new(ErrorCode::InvalidQuery)
        .detail("return_to: must be a path of our own pages")
        .field(FieldError::parameter("return_to", detail))
}
