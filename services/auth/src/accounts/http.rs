//! The HTTP side of accounts.

use auth_api::{Login, Me, Register, TokenResponse};
use axum::{extract::State, response::Response};
use common::{
    problem::{Document, Result},
    tokens::Caller,
};
use http::{HeaderMap, StatusCode, header};
use rest::Json;

use super::{Error, log_in, register, store};
use crate::{
    app::App,
    sessions::{self, TokensTo},
};

/// Register
///
/// Creates an account and a workspace that it owns, and signs in.
#[utoipa::path(
    post,
    path = "/auth/register",
    operation_id = "create_account",
    tag = "accounts",
    security(()),
    request_body = Register,
    responses(
        (status = 201, description = "the first tokens of the account", body = TokenResponse,
         headers(("Set-Cookie" = String, description = "both tokens"))),
        (status = 403, description = "the request comes from another site's page",
         body = Document, content_type = "application/problem+json"),
        (status = 409, description = "an account with this e-mail address exists",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn create_account(
    State(app): State<App>,
    headers: HeaderMap,
    Json(body): Json<Register>,
) -> Result<Response> {
    let to = tokens_to(body.return_refresh_token);
    let issued = register(&app, body, user_agent(&headers)).await?;
    Ok(sessions::answer(&app, StatusCode::CREATED, &issued, to))
}

/// Sign in
///
/// An unknown e-mail address and a wrong password have the same answer.
#[utoipa::path(
    post,
    path = "/auth/login",
    operation_id = "create_session",
    tag = "sessions",
    security(()),
    request_body = Login,
    responses(
        (status = 200, description = "the tokens of the new session", body = TokenResponse,
         headers(("Set-Cookie" = String, description = "both tokens"))),
        (status = 401, description = "the e-mail address or the password is not right",
         body = Document, content_type = "application/problem+json"),
        (status = 403, description = "the account belongs to no workspace any more, or the request comes from another \
         site's page",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn create_session(
    State(app): State<App>,
    headers: HeaderMap,
    Json(body): Json<Login>,
) -> Result<Response> {
    let to = tokens_to(body.return_refresh_token);
    let issued = log_in(&app, body, user_agent(&headers)).await?;
    Ok(sessions::answer(&app, StatusCode::OK, &issued, to))
}

/// Who am I
#[utoipa::path(
    get,
    path = "/auth/me",
    operation_id = "get_me",
    tag = "accounts",
    responses((status = 200, description = "the account that the token is for", body = Me)),
)]
pub(super) async fn get_me(State(app): State<App>, caller: Caller) -> Result<Json<Me>> {
    let mut connection = app.pool.acquire().await?;
    let mut me = store::me(&mut connection, &caller)
        .await?
        .ok_or(Error::SessionEnded)?;
    me.email_verified |= !app.email_verification.is_required();
    Ok(Json(me))
}

const fn tokens_to(return_refresh_token: bool) -> TokensTo {
    if return_refresh_token {
        TokensTo::Both
    } else {
        TokensTo::Cookies
    }
}

fn user_agent(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::USER_AGENT)?.to_str().ok()?;
    Some(sessions::user_agent(text))
}
