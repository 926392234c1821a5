//! The HTTP side of keys.

use auth_api::{CreateKey, Key, KeyKind, NewKey};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use common::{
    problem::Result,
    tokens::{Caller, Permission},
};
use http::{HeaderValue, StatusCode, header};
use ids::KeyId;
use rest::{Cursor, Json, Limit, Page, Path, Query};
use secrecy::ExposeSecret;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Error, prefix, require_session, require_verified, store};
use crate::{
    app::App,
    secrets::{self, Hash},
    visitors,
};

/// Which page of the keys.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListKeys {
    /// How many at most.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100)]
    limit: Limit,
    /// `next_cursor` of the page before.
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
}

/// List keys
///
/// The keys of the workspace that are in use, newest first. The keys themselves are not shown again.
#[utoipa::path(
    get,
    path = "/auth/keys",
    operation_id = "list_keys",
    tag = "keys",
    params(ListKeys),
    responses((status = 200, description = "a page of keys", body = Page<Key>)),
)]
pub(super) async fn list_keys(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListKeys>,
) -> Result<Json<Page<Key>>> {
    caller.require(Permission::KeysRead)?;
    let before = query
        .cursor
        .map(|cursor| cursor.read::<KeyId>())
        .transpose()?;
    let mut connection = app.pool.acquire().await?;
    require_session(&mut connection, &caller).await?;
    let rows = store::list(
        &mut connection,
        caller.workspace_id,
        before,
        query.limit.rows(),
    )
    .await?;
    Ok(Json(Page::cut(rows, query.limit, |last| last.id)))
}

/// Create a key
///
/// The answer is the only time that the key is shown. It may stand in a page: from other origins than
/// those named it is refused, and it opens visitors' sessions and nothing else.
#[utoipa::path(
    post,
    path = "/auth/keys",
    operation_id = "create_key",
    tag = "keys",
    request_body = CreateKey,
    responses((status = 201, description = "the key", body = NewKey)),
)]
pub(super) async fn create_key(
    State(app): State<App>,
    caller: Caller,
    Json(body): Json<CreateKey>,
) -> Result<Response> {
    caller.require(Permission::KeysWrite)?;
    let key = secrets::fresh(secrets::PUBLISHABLE);
    let details = Key {
        id: KeyId::new(),
        kind: KeyKind::Publishable,
        name: body.name.trim().to_owned(),
        agent_id: body.agent_id,
        allowed_origins: body.allowed_origins,
        prefix: prefix(&key),
        created_at: app.clock.now(),
        last_used_at: None,
    };
    let mut transaction = app.pool.begin().await.map_err(Error::from)?;
    require_verified(&app, &mut transaction, &caller).await?;
    store::insert(
        &mut transaction,
        caller.workspace_id,
        &details,
        &Hash::of(&key),
        caller.user_id,
    )
    .await?;
    transaction.commit().await?;
    let body = NewKey {
        key: key.expose_secret().to_owned(),
        details,
    };
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((StatusCode::CREATED, no_store, Json(body)).into_response())
}

/// Revoke a key
///
/// Nobody is let in by it any more, and the sessions that it opened end.
#[utoipa::path(
    delete,
    path = "/auth/keys/{id}",
    operation_id = "delete_key",
    tag = "keys",
    params(("id" = KeyId, Path, description = "the key's id")),
    responses((status = 204, description = "revoked")),
)]
pub(super) async fn delete_key(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<KeyId>,
) -> Result<StatusCode> {
    caller.require(Permission::KeysWrite)?;
    let (workspace, now) = (caller.workspace_id, app.clock.now());
    let mut transaction = app.pool.begin().await?;
    require_verified(&app, &mut transaction, &caller).await?;
    if !store::revoke(&mut transaction, workspace, id, now).await? {
        return Err(Error::NotFound.into());
    }
    visitors::end_sessions_of_key(&mut transaction, workspace, id, now).await?;
    transaction.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
