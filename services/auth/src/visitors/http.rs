//! The HTTP side of visitors.

use auth_api::{IdentitySecret, VisitorIdentity, VisitorSession, VisitorTokens};
use axum::extract::State;
use common::{
    Problem,
    problem::{Document, Result},
    tokens::{Caller, ServiceCaller},
};
use http::{HeaderMap, StatusCode, header};
use ids::{VisitorId, WorkspaceId};
use rest::{Json, NoStore, Path};
use secrecy::ExposeSecret;

use super::{Error, identified, identity_secret, let_in};
use crate::{app::App, client::Client};

/// Open or renew a visitor's session
///
/// With `visitor_secret` the visitor stays the same; the answer carries it again. With `identity` the
/// visitor is the person whom the company's server names, on every device: an anonymous visitor becomes
/// that person, and gets another secret; when the person is known already, they are who the answer is
/// for. A workspace with `enforce_identity` demands it each time. A browser's `Origin` must be one of the
/// key's, and becomes part of the token: it is good on that site only.
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
        (status = 401, description = "the key or the secret is unknown, or the identity is not proven",
         body = Document, content_type = "application/problem+json"),
        (status = 403, description = "the key is not for this origin, or the workspace lets in only visitors \
         who prove who they are", body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn create_visitor_session(
    State(app): State<App>,
    headers: HeaderMap,
    Json(body): Json<VisitorSession>,
) -> Result<NoStore<VisitorTokens>> {
    let origin = origin(&headers)?;
    Ok(NoStore(let_in(&app, body, origin).await?))
}

/// The site that a browser names; none for a program. One that cannot be read is none of ours.
fn origin(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let Some(value) = headers.get(header::ORIGIN) else {
        return Ok(None);
    };
    let text = value.to_str().map_err(|_| Error::OriginNotAllowed)?;
    Ok(Some(text.to_owned()))
}

/// Make the identity secret
///
/// What the company's own server signs the identities of its visitors with, by HS256. The answer is the
/// only time that it is shown. It replaces the one before it, whose signatures are refused from then on.
#[utoipa::path(
    post,
    path = "/auth/workspace/identity-secret",
    operation_id = "create_identity_secret",
    tag = "visitors",
    security(("bearer" = ["workspace:write"])),
    responses(
        (status = 201, description = "the secret", body = IdentitySecret),
        (status = 403, description = "the caller may not do this, or has not verified their e-mail address",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn create_identity_secret(
    State(app): State<App>,
    caller: Caller,
    client: Client,
) -> Result<(StatusCode, NoStore<IdentitySecret>)> {
    let secret = identity_secret::replace(&app, &caller, &client).await?;
    let body = IdentitySecret {
        secret: secret.expose_secret().to_owned(),
    };
    Ok((StatusCode::CREATED, NoStore(body)))
}

/// Who an identified visitor is, for the services that know them.
pub(super) async fn get_identity(
    State(app): State<App>,
    _: ServiceCaller,
    Path((workspace, visitor)): Path<(WorkspaceId, VisitorId)>,
) -> Result<Json<VisitorIdentity>> {
    let identity = identified::identity_of(&app, workspace, visitor).await?;
    identity.map(Json).ok_or_else(Problem::not_found)
}
