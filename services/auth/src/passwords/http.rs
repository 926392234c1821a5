//! The HTTP side of passwords.

use auth_api::{ChangePassword, ForgottenPassword, ResetPassword};
use axum::extract::State;
use common::{
    problem::{Document, Result},
    tokens::Caller,
};
use http::StatusCode;
use rest::Json;

use super::{change, forget, reset};
use crate::{app::App, client::Client};

/// Change the password
///
/// Wants the present one, if there is one. The session of the caller stays; all others end.
#[utoipa::path(
    post,
    path = "/auth/password/change",
    operation_id = "change_password",
    tag = "passwords",
    request_body = ChangePassword,
    responses((status = 204, description = "changed")),
)]
pub(super) async fn change_password(
    State(app): State<App>,
    caller: Caller,
    client: Client,
    Json(body): Json<ChangePassword>,
) -> Result<StatusCode> {
    change(&app, &caller, body, &client).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ask for a link to set a new password
///
/// The answer is the same whether the address has an account or not. The link comes by mail, is good
/// for an hour and once, and replaces earlier ones.
#[utoipa::path(
    post,
    path = "/auth/password/forgotten",
    operation_id = "forget_password",
    tag = "passwords",
    security(()),
    request_body = ForgottenPassword,
    responses((status = 202, description = "a link is on its way, if the address has an account")),
)]
pub(super) async fn forget_password(
    State(app): State<App>,
    client: Client,
    Json(body): Json<ForgottenPassword>,
) -> Result<StatusCode> {
    forget(&app, body, &client).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Set a new password
///
/// By the link of `POST /auth/password/forgotten`. All sessions end, and the e-mail address counts as
/// verified.
#[utoipa::path(
    post,
    path = "/auth/password/reset",
    operation_id = "reset_password",
    tag = "passwords",
    security(()),
    request_body = ResetPassword,
    responses(
        (status = 204, description = "set; now sign in"),
        (status = 410, description = "the link was used, or is too old",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn reset_password(
    State(app): State<App>,
    client: Client,
    Json(body): Json<ResetPassword>,
) -> Result<StatusCode> {
    reset(&app, body, &client).await?;
    Ok(StatusCode::NO_CONTENT)
}
