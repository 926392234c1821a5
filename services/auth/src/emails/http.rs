//! The HTTP side of e-mail addresses.

use auth_api::{ChangeEmail, VerifyEmail};
use axum::extract::State;
use common::{
    problem::{Document, Result},
    tokens::Caller,
};
use http::StatusCode;
use rest::Json;

use super::{change, resend, verify};
use crate::{app::App, client::Client};

/// Verify an e-mail address
///
/// By the link that came by mail: after registering, or after asking for another address.
#[utoipa::path(
    post,
    path = "/auth/email/verify",
    operation_id = "verify_email",
    tag = "accounts",
    security(()),
    request_body = VerifyEmail,
    responses(
        (status = 204, description = "the address is proven"),
        (status = 410, description = "the link was used, or is too old",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn verify_email(
    State(app): State<App>,
    client: Client,
    Json(body): Json<VerifyEmail>,
) -> Result<StatusCode> {
    verify(&app, body, &client).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Send the link again
///
/// Earlier links are no longer good. Nothing is sent when the address is proven already.
#[utoipa::path(
    post,
    path = "/auth/email/verification",
    operation_id = "resend_verification",
    tag = "accounts",
    responses((status = 202, description = "a letter is on its way")),
)]
pub(super) async fn resend_verification(
    State(app): State<App>,
    caller: Caller,
    client: Client,
) -> Result<StatusCode> {
    resend(&app, &caller, &client).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Change my e-mail address
///
/// Wants the password, if there is one, and sends a link to the new address; it counts once the link is
/// opened. The answer is the same for an address that another account has.
#[utoipa::path(
    post,
    path = "/auth/email/change",
    operation_id = "change_email",
    tag = "accounts",
    request_body = ChangeEmail,
    responses((status = 202, description = "a letter is on its way")),
)]
pub(super) async fn change_email(
    State(app): State<App>,
    caller: Caller,
    client: Client,
    Json(body): Json<ChangeEmail>,
) -> Result<StatusCode> {
    change(&app, &caller, body, &client).await?;
    Ok(StatusCode::ACCEPTED)
}
