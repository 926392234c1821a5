//! The HTTP side of accounts.

use auth_api::{AfterRegistration, DeleteMe, Me, Register, Registered, UpdateMe};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use common::{
    problem::{Document, Result},
    tokens::Caller,
};
use http::StatusCode;
use rest::{Json, OptionalJson};

use super::{delete, me, register, update};
use crate::{app::App, client::Client};

/// Register
///
/// Creates an account and a workspace that it owns, and sends a link to prove the address. Then sign in
/// by `POST /auth/login`. The answer is the same for an address that has an account already; its owner
/// gets a letter, and nothing is changed.
#[utoipa::path(
    post,
    path = "/auth/register",
    operation_id = "create_account",
    tag = "accounts",
    security(()),
    request_body = Register,
    responses((status = 201, description = "a letter is on its way", body = Registered)),
)]
pub(super) async fn create_account(
    State(app): State<App>,
    client: Client,
    Json(body): Json<Register>,
) -> Result<(StatusCode, Json<Registered>)> {
    register(&app, body, &client).await?;
    let next = AfterRegistration::VerifyEmail;
    Ok((StatusCode::CREATED, Json(Registered { next })))
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
    Ok(Json(me(&app, &caller).await?))
}

/// Change my account
///
/// In all its workspaces; so whoever signed in by an identity provider, which speaks for one, cannot.
#[utoipa::path(
    patch,
    path = "/auth/me",
    operation_id = "update_me",
    tag = "accounts",
    request_body = UpdateMe,
    responses((status = 200, description = "the account as it is now", body = Me)),
)]
pub(super) async fn update_me(
    State(app): State<App>,
    caller: Caller,
    client: Client,
    Json(body): Json<UpdateMe>,
) -> Result<Json<Me>> {
    Ok(Json(update(&app, &caller, body, &client).await?))
}

/// Delete my account
///
/// Wants the password, if there is one. Name, address and sign-ins are gone at once and for good; what
/// the person wrote in a workspace stays there.
#[utoipa::path(
    delete,
    path = "/auth/me",
    operation_id = "delete_me",
    tag = "accounts",
    request_body(content = Option<DeleteMe>, description = "the password, if the account has one"),
    responses(
        (status = 204, description = "deleted",
         headers(("Set-Cookie" = String, description = "forgets both tokens"))),
        (status = 409, description = "a workspace would have no owner",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn delete_me(
    State(app): State<App>,
    caller: Caller,
    client: Client,
    OptionalJson(body): OptionalJson<DeleteMe>,
) -> Result<Response> {
    delete(&app, &caller, body, &client).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    app.cookies.clear(response.headers_mut());
    Ok(response)
}
