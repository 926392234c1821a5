//! The HTTP side of passkeys.

use auth_api::{
    ConfirmPassword, CreatePasskey, Passkey, PasskeyChallenge, PasskeyLogin, PatchPasskey,
    TokenResponse,
};
use axum::{extract::State, response::Response};
use common::{
    problem::{Document, Result},
    tokens::Caller,
};
use http::StatusCode;
use ids::PasskeyId;
use rest::{Json, NoStore, OptionalJson, Page, PageQuery, Path, Query};

use super::{registration, sign_in, store};
use crate::{
    access,
    app::App,
    client::Client,
    sessions::{self, TokensTo},
};

/// List my passkeys
///
/// Newest first.
#[utoipa::path(
    get,
    path = "/auth/passkeys",
    operation_id = "list_passkeys",
    tag = "passkeys",
    params(PageQuery),
    responses((status = 200, description = "a page of passkeys", body = Page<Passkey>)),
)]
pub(super) async fn list_passkeys(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<Passkey>>> {
    let before = page.after::<PasskeyId>()?;
    let mut connection = app.pool.acquire().await?;
    let user = access::person(&mut connection, &caller).await?;
    let rows = store::list(&mut connection, user, before, page.limit.rows()).await?;
    Ok(Json(Page::cut(rows, page.limit, |last| last.id)))
}

/// Begin to add a passkey
///
/// Answers a challenge for the browser. Who signed in by an identity provider cannot change how the
/// account signs in: sign in by password or passkey first.
#[utoipa::path(
    post,
    path = "/auth/passkeys/options",
    operation_id = "start_passkey",
    tag = "passkeys",
    request_body(content = Option<ConfirmPassword>, description = "leave it out when the account has no password"),
    responses(
        (status = 200, description = "the challenge", body = PasskeyChallenge),
        (status = 401, description = "no valid token, or the password is wrong",
         body = Document, content_type = "application/problem+json"),
        (status = 409, description = "there are 20 passkeys already, or people reach this service by an address and not \
         by a domain", body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn start_passkey(
    State(app): State<App>,
    caller: Caller,
    client: Client,
    OptionalJson(body): OptionalJson<ConfirmPassword>,
) -> Result<NoStore<PasskeyChallenge>> {
    let challenge = registration::start(&app, &caller, body.password, &client).await?;
    Ok(NoStore(challenge))
}

/// Add a passkey
///
/// With what the browser made of the challenge. A challenge is answered once, right or wrong.
#[utoipa::path(
    post,
    path = "/auth/passkeys",
    operation_id = "create_passkey",
    tag = "passkeys",
    request_body = CreatePasskey,
    responses(
        (status = 201, description = "the passkey", body = Passkey),
        (status = 409, description = "the passkey was added already, by anybody, or there are 20 already",
         body = Document, content_type = "application/problem+json"),
        (status = 410, description = "the challenge was answered already, or is older than five minutes",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn create_passkey(
    State(app): State<App>,
    caller: Caller,
    client: Client,
    Json(body): Json<CreatePasskey>,
) -> Result<(StatusCode, Json<Passkey>)> {
    let passkey = registration::finish(&app, &caller, body, &client).await?;
    Ok((StatusCode::CREATED, Json(passkey)))
}

/// Rename a passkey
#[utoipa::path(
    patch,
    path = "/auth/passkeys/{id}",
    operation_id = "update_passkey",
    tag = "passkeys",
    params(("id" = PasskeyId, Path, description = "the passkey")),
    request_body = PatchPasskey,
    responses((status = 200, description = "the passkey", body = Passkey)),
)]
pub(super) async fn update_passkey(
    State(app): State<App>,
    caller: Caller,
    client: Client,
    Path(id): Path<PasskeyId>,
    Json(body): Json<PatchPasskey>,
) -> Result<Json<Passkey>> {
    let passkey = registration::rename(&app, &caller, (id, &body.name), &client).await?;
    Ok(Json(passkey))
}

/// Remove a passkey
///
/// It no longer signs in. Wants the password, if there is one.
#[utoipa::path(
    delete,
    path = "/auth/passkeys/{id}",
    operation_id = "delete_passkey",
    tag = "passkeys",
    params(("id" = PasskeyId, Path, description = "the passkey")),
    request_body(content = Option<ConfirmPassword>, description = "leave it out when the account has no password"),
    responses(
        (status = 204, description = "removed"),
        (status = 401, description = "no valid token, or the password is wrong",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn delete_passkey(
    State(app): State<App>,
    caller: Caller,
    client: Client,
    Path(id): Path<PasskeyId>,
    OptionalJson(body): OptionalJson<ConfirmPassword>,
) -> Result<StatusCode> {
    registration::remove(&app, &caller, (id, body.password), &client).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Begin to sign in by a passkey
///
/// Answers a challenge for any passkey that the device has for this site. It suits the button and the
/// browser's autofill (`mediation: "conditional"`) alike.
#[utoipa::path(
    post,
    path = "/auth/passkeys/login/options",
    operation_id = "start_passkey_sign_in",
    tag = "passkeys",
    security(()),
    responses(
        (status = 200, description = "the challenge", body = PasskeyChallenge),
        (status = 409, description = "people reach this service by an address, for which browsers make no passkeys",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn start_passkey_sign_in(
    State(app): State<App>,
) -> Result<NoStore<PasskeyChallenge>> {
    Ok(NoStore(sign_in::start(&app).await?))
}

/// Sign in by a passkey
///
/// A challenge is answered once. A passkey that is unknown, removed, of somebody else, copied, or answers
/// late has the same answer.
#[utoipa::path(
    post,
    path = "/auth/passkeys/login",
    operation_id = "sign_in_by_passkey",
    tag = "passkeys",
    security(()),
    request_body = PasskeyLogin,
    responses(
        (status = 200, description = "the tokens of the new session", body = TokenResponse,
         headers(("Set-Cookie" = String, description = "both tokens"))),
        (status = 401, description = "the passkey was not accepted",
         body = Document, content_type = "application/problem+json"),
        (status = 403, description = "the account belongs to no workspace any more, or the request comes from another \
         site's page",
         body = Document, content_type = "application/problem+json"),
        (status = 409, description = "people reach this service by an address, for which browsers make no passkeys",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn sign_in_by_passkey(
    State(app): State<App>,
    client: Client,
    Json(body): Json<PasskeyLogin>,
) -> Result<Response> {
    let to = TokensTo::wished(body.return_refresh_token);
    let issued = sign_in::finish(&app, body, &client).await?;
    Ok(sessions::answer(&app, StatusCode::OK, &issued, to))
}
