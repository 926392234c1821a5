//! The HTTP side of providers, for those who look after them.

use auth_api::{CreateIssuer, Issuer, LoginOptions, LookUpLogin, PatchIssuer};
use axum::extract::State;
use common::{
    problem::{Document, Result},
    tokens::{Caller, Permission},
};
use http::StatusCode;
use ids::IssuerId;
use rest::{IfMatch, Json, Page, PageQuery, Path, Query, Tagged};

use super::{error::Error, manage, model, model::Kept, store};
use crate::{access, app::App, client::Client};

/// List identity providers
///
/// Those of the workspace, newest first.
#[utoipa::path(
    get,
    path = "/auth/issuers",
    operation_id = "list_issuers",
    tag = "issuers",
    security(("bearer" = ["issuers:read"])),
    params(PageQuery),
    responses((status = 200, description = "a page of identity providers", body = Page<Issuer>)),
)]
pub(super) async fn list_issuers(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<Issuer>>> {
    let before = page.after::<IssuerId>()?;
    let (workspace, limit) = (caller.workspace_id, page.limit);
    let mut connection = app.pool.acquire().await?;
    access::require(&mut connection, &caller, Permission::IssuersRead).await?;
    let rows = store::list(&mut connection, workspace, before, limit.rows()).await?;
    let page = Page::cut(rows, limit, |last| last.details.id);
    Ok(Json(page.map(|kept| manage::shown(&app, kept))))
}

/// Add an identity provider
///
/// Any that speaks OpenID Connect with discovery and the authorization code flow. It is asked at once
/// whether it is there. It must be on the internet, and be reached by https. Then register
/// `redirect_uri` of the answer with it.
///
/// It signs in whoever it knows, with a verified address of one of the domains: members, and with
/// `auto_join_role` everybody, also somebody who was removed here; who has an account already is asked by a
/// letter. Its sessions are good in this workspace only, and it signs in nobody who may do more than the
/// caller.
#[utoipa::path(
    post,
    path = "/auth/issuers",
    operation_id = "create_issuer",
    tag = "issuers",
    security(("bearer" = ["issuers:write"])),
    request_body = CreateIssuer,
    responses(
        (status = 201, description = "the identity provider", body = Issuer,
         headers(("ETag" = String, description = "its version"))),
        (status = 409, description = "the workspace has 20 identity providers already",
         body = Document, content_type = "application/problem+json"),
        (status = 422, description = "fields are missing, unknown or not valid; or the identity provider does not answer",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn create_issuer(
    State(app): State<App>,
    caller: Caller,
    client: Client,
    Json(body): Json<CreateIssuer>,
) -> Result<(StatusCode, Tagged<Issuer>)> {
    let kept = manage::create(&app, &caller, body, &client).await?;
    Ok((StatusCode::CREATED, tagged(&app, kept)))
}

/// Get an identity provider
#[utoipa::path(
    get,
    path = "/auth/issuers/{id}",
    operation_id = "get_issuer",
    tag = "issuers",
    security(("bearer" = ["issuers:read"])),
    params(("id" = IssuerId, Path, description = "the identity provider")),
    responses((status = 200, description = "the identity provider", body = Issuer,
               headers(("ETag" = String, description = "its version")))),
)]
pub(super) async fn get_issuer(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<IssuerId>,
) -> Result<Tagged<Issuer>> {
    let mut connection = app.pool.acquire().await?;
    access::require(&mut connection, &caller, Permission::IssuersRead).await?;
    let kept = store::find(&mut connection, caller.workspace_id, id)
        .await?
        .ok_or(Error::NotFound)?;
    Ok(tagged(&app, kept))
}

/// Change an identity provider
///
/// A merge patch (RFC 7396). Whoever changes something stands by the provider, which may then sign in
/// everybody who may do no more than they.
#[utoipa::path(
    patch,
    path = "/auth/issuers/{id}",
    operation_id = "update_issuer",
    tag = "issuers",
    security(("bearer" = ["issuers:write"])),
    params(
        ("id" = IssuerId, Path, description = "the identity provider"),
        ("If-Match" = Option<String>, Header, description = "the ETag that was read, so that nobody's change is lost"),
    ),
    request_body = PatchIssuer,
    responses(
        (status = 200, description = "the identity provider", body = Issuer,
         headers(("ETag" = String, description = "its version"))),
        (status = 412, description = "it has changed since it was read",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn update_issuer(
    State(app): State<App>,
    caller: Caller,
    client: Client,
    Path(id): Path<IssuerId>,
    if_match: IfMatch,
    Json(body): Json<PatchIssuer>,
) -> Result<Tagged<Issuer>> {
    let kept = manage::update(&app, &caller, (id, body, if_match), &client).await?;
    Ok(tagged(&app, kept))
}

/// Remove an identity provider
///
/// Nobody signs in by it any more, and the sessions that it opened end. The members stay members.
#[utoipa::path(
    delete,
    path = "/auth/issuers/{id}",
    operation_id = "delete_issuer",
    tag = "issuers",
    security(("bearer" = ["issuers:write"])),
    params(("id" = IssuerId, Path, description = "the identity provider")),
    responses((status = 204, description = "removed")),
)]
pub(super) async fn delete_issuer(
    State(app): State<App>,
    caller: Caller,
    client: Client,
    Path(id): Path<IssuerId>,
) -> Result<StatusCode> {
    manage::remove(&app, &caller, id, &client).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How can somebody sign in
///
/// Answers the identity providers that speak for the domain of an address. Whether the address has an
/// account makes no difference.
#[utoipa::path(
    post,
    path = "/auth/login/options",
    operation_id = "look_up_login",
    tag = "sessions",
    security(()),
    request_body = LookUpLogin,
    responses((status = 200, description = "the ways to sign in, beside password and passkey", body = LoginOptions)),
)]
pub(super) async fn look_up_login(
    State(app): State<App>,
    Json(body): Json<LookUpLogin>,
) -> Result<Json<LoginOptions>> {
    let issuers = match model::domain(&body.email) {
        Some(domain) => {
            let mut connection = app.pool.acquire().await?;
            store::for_domain(&mut connection, &domain).await?
        }
        None => Vec::new(),
    };
    Ok(Json(LoginOptions { issuers }))
}

fn tagged(app: &App, kept: Kept) -> Tagged<Issuer> {
    let version = kept.version;
    Tagged::new(manage::shown(app, kept), version)
}
