//! The HTTP side of factors.

use auth_api::{
    ConfirmPassword, ConfirmTotp, Factors, ProveFactor, RecoveryCodes, SecondFactor, TokenResponse,
    TotpSetup,
};
use axum::{extract::State, response::Response};
use common::{
    problem::{Document, Result},
    tokens::Caller,
};
use http::StatusCode;
use rest::{Json, NoStore, OptionalJson};

use super::{setup, sign_in, store};
use crate::{access, app::App, client::Client, sessions};

/// What can I sign in with
///
/// Beside the password: authenticator app, recovery codes, passkeys, and the identity providers of this
/// workspace.
#[utoipa::path(
    get,
    path = "/auth/factors",
    operation_id = "get_factors",
    tag = "factors",
    responses((status = 200, description = "what there is", body = Factors)),
)]
pub(super) async fn get_factors(State(app): State<App>, caller: Caller) -> Result<Json<Factors>> {
    let mut connection = app.pool.acquire().await?;
    let user = access::person(&mut connection, &caller).await?;
    let factors = store::overview(&mut connection, caller.workspace_id, user).await?;
    Ok(Json(factors))
}

/// Begin to set up an authenticator app
///
/// Any app that speaks RFC 6238. It counts once a code has confirmed it; a second beginning replaces the
/// first. Who signed in by an identity provider cannot change how the account signs in: sign in by
/// password or passkey first.
#[utoipa::path(
    post,
    path = "/auth/totp",
    operation_id = "start_totp",
    tag = "factors",
    request_body(content = Option<ConfirmPassword>, description = "leave it out when the account has no password"),
    responses(
        (status = 200, description = "what the app needs; shown this once", body = TotpSetup),
        (status = 401, description = "no valid token, or the password is wrong",
         body = Document, content_type = "application/problem+json"),
        (status = 409, description = "an app is set up already",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn start_totp(
    State(app): State<App>,
    caller: Caller,
    client: Client,
    OptionalJson(body): OptionalJson<ConfirmPassword>,
) -> Result<NoStore<TotpSetup>> {
    let setup = setup::start(&app, &caller, body.password, &client).await?;
    Ok(NoStore(setup))
}

/// Confirm an authenticator app
///
/// With a code that the app shows. From now on a password alone does not sign in.
#[utoipa::path(
    post,
    path = "/auth/totp/confirm",
    operation_id = "confirm_totp",
    tag = "factors",
    request_body = ConfirmTotp,
    responses(
        (status = 200, description = "the recovery codes; shown this once", body = RecoveryCodes),
        (status = 401, description = "no valid token, or the code is wrong",
         body = Document, content_type = "application/problem+json"),
        (status = 409, description = "an app is set up already",
         body = Document, content_type = "application/problem+json"),
        (status = 410, description = "the setup took longer than ten minutes, or had five wrong codes",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn confirm_totp(
    State(app): State<App>,
    caller: Caller,
    client: Client,
    Json(body): Json<ConfirmTotp>,
) -> Result<NoStore<RecoveryCodes>> {
    let codes = setup::confirm(&app, &caller, body, &client).await?;
    Ok(NoStore(codes))
}

/// Remove the authenticator app
///
/// With its recovery codes. Wants a code and the password, if there is one.
#[utoipa::path(
    delete,
    path = "/auth/totp",
    operation_id = "delete_totp",
    tag = "factors",
    request_body = ProveFactor,
    responses(
        (status = 204, description = "removed"),
        (status = 401, description = "no valid token, or the password or the code is wrong",
         body = Document, content_type = "application/problem+json"),
        (status = 409, description = "no app is set up",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn delete_totp(
    State(app): State<App>,
    caller: Caller,
    client: Client,
    Json(body): Json<ProveFactor>,
) -> Result<StatusCode> {
    setup::remove(&app, &caller, body, &client).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make new recovery codes
///
/// Ten, each good once; the old ones are no longer good. Wants a code and the password, if there is one.
#[utoipa::path(
    post,
    path = "/auth/recovery-codes",
    operation_id = "replace_recovery_codes",
    tag = "factors",
    request_body = ProveFactor,
    responses(
        (status = 200, description = "the recovery codes; shown this once", body = RecoveryCodes),
        (status = 401, description = "no valid token, or the password or the code is wrong",
         body = Document, content_type = "application/problem+json"),
        (status = 409, description = "no authenticator app is set up",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn replace_recovery_codes(
    State(app): State<App>,
    caller: Caller,
    client: Client,
    Json(body): Json<ProveFactor>,
) -> Result<NoStore<RecoveryCodes>> {
    let codes = setup::replace_codes(&app, &caller, body, &client).await?;
    Ok(NoStore(codes))
}

/// Sign in, second half
///
/// With the `mfa_token` that `POST /auth/login` answered, and a code of the authenticator app or a
/// recovery code. A code is good once. After five wrong ones begin again with the password.
#[utoipa::path(
    post,
    path = "/auth/login/second-factor",
    operation_id = "finish_sign_in",
    tag = "sessions",
    security(()),
    request_body = SecondFactor,
    responses(
        (status = 200, description = "the tokens of the new session", body = TokenResponse,
         headers(("Set-Cookie" = String, description = "both tokens"))),
        (status = 401, description = "the code is wrong, or was used",
         body = Document, content_type = "application/problem+json"),
        (status = 403, description = "the account belongs to no workspace any more, or the request comes from another \
         site's page",
         body = Document, content_type = "application/problem+json"),
        (status = 410, description = "the first half is over: it took longer than five minutes, or had five wrong codes",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn finish_sign_in(
    State(app): State<App>,
    client: Client,
    Json(body): Json<SecondFactor>,
) -> Result<Response> {
    let (issued, to) = sign_in::finish(&app, body, &client).await?;
    Ok(sessions::answer(&app, StatusCode::OK, &issued, to))
}
