//! The HTTP side of keys.

use auth_api::{CreateKey, Key, KeyKind, NewKey};
use axum::extract::State;
use common::{
    problem::{Document, Result},
    tokens::{Caller, Permission},
};
use http::StatusCode;
use ids::KeyId;
use rest::{Json, ListQuery, NoStore, Page, PageQuery, Path};
use secrecy::ExposeSecret;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{create, revoke, store};
use crate::{access, app::App, client::Client};

/// Which keys.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filters {
    /// Only keys of this kind.
    kind: Option<KeyKind>,
}

/// List keys
///
/// The keys of the workspace that were not revoked, newest first. The keys themselves are not shown
/// again.
#[utoipa::path(
    get,
    path = "/auth/keys",
    operation_id = "list_keys",
    tag = "keys",
    security(("bearer" = ["keys:read"])),
    params(Filters, PageQuery),
    responses((status = 200, description = "a page of keys", body = Page<Key>)),
)]
pub(super) async fn list_keys(
    State(app): State<App>,
    caller: Caller,
    query: ListQuery<Filters>,
) -> Result<Json<Page<Key>>> {
    let before = query.page.after::<KeyId>()?;
    let limit = query.page.limit;
    let mut connection = app.pool.acquire().await?;
    access::require(&mut connection, &caller, Permission::KeysRead).await?;
    let rows = store::list(
        &mut connection,
        caller.workspace_id,
        query.filters.kind,
        before,
        limit.rows(),
    )
    .await?;
    Ok(Json(Page::cut(rows, limit, |last| last.id)))
}

/// Create a key
///
/// The answer is the only time that the key is shown. A publishable key may stand in a page: from other
/// origins than those named it is refused, and it opens visitors' sessions and nothing else. A secret
/// key is for a program, which sends it as `Authorization: Bearer sk_…`; it has the permissions that its
/// scopes name, none that its creator lacks, and belongs to the workspace: it lives on when its creator
/// loses them or leaves.
#[utoipa::path(
    post,
    path = "/auth/keys",
    operation_id = "create_key",
    tag = "keys",
    security(("bearer" = ["keys:write"])),
    request_body = CreateKey,
    responses(
        (status = 201, description = "the key", body = NewKey),
        (status = 403, description = "the caller may not do this, has not verified their e-mail address, \
         lacks one of the scopes, or is a program that asks for a secret key",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn create_key(
    State(app): State<App>,
    caller: Caller,
    client: Client,
    Json(body): Json<CreateKey>,
) -> Result<(StatusCode, NoStore<NewKey>)> {
    let (key, details) = create(&app, &caller, &client, body).await?;
    let body = NewKey {
        key: key.expose_secret().to_owned(),
        details,
    };
    Ok((StatusCode::CREATED, NoStore(body)))
}

/// Revoke a key
///
/// Nobody is let in by it any more, and the sessions that it opened end: its visitors', or its
/// program's.
#[utoipa::path(
    delete,
    path = "/auth/keys/{id}",
    operation_id = "delete_key",
    tag = "keys",
    security(("bearer" = ["keys:write"])),
    params(("id" = KeyId, Path, description = "the key's id")),
    responses((status = 204, description = "revoked")),
)]
pub(super) async fn delete_key(
    State(app): State<App>,
    caller: Caller,
    client: Client,
    Path(id): Path<KeyId>,
) -> Result<StatusCode> {
    revoke(&app, &caller, &client, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
