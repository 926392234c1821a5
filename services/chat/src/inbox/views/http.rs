//! The HTTP side of views.

use axum::{extract::State, http::StatusCode, response::Response};
use chat_api::{CreateView, PatchView, View};
use common::{
    problem::{Document, Result},
    tokens::{Caller, Permission},
};
use ids::ViewId;
use rest::{IdempotencyKey, IfMatch, Json, Page, PageQuery, Path, Query, Tagged};

use super::{Error, MOST, Versioned, may_change, patched, store};
use crate::app::App;

/// The version of a view that was just made.
const FIRST_VERSION: i64 = 1;

/// List views
///
/// The caller's own and shared ones, oldest first.
#[utoipa::path(
    get,
    path = "/views",
    operation_id = "list_views",
    tag = "inbox",
    security(("bearer" = ["conversations:read"])),
    params(PageQuery),
    responses((status = 200, description = "a page of views", body = Page<View>)),
)]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<View>>> {
    caller.require(Permission::ConversationsRead)?;
    let after = page.after::<ViewId>()?;
    let mut connection = app.pool.acquire().await?;
    let rows = store::page(
        &mut connection,
        caller.workspace_id,
        caller.user_id,
        (after, page.limit.rows()),
    )
    .await?;
    Ok(Json(Page::cut(rows, page.limit, |last| last.id)))
}

/// Create a view
///
/// Nobody else sees it, unless it is `shared`, which needs the permission `chat_settings:write`.
#[utoipa::path(
    post,
    path = "/views",
    operation_id = "create_view",
    tag = "inbox",
    security(("bearer" = ["conversations:read"])),
    params(("Idempotency-Key" = Option<String>, Header, max_length = 255,
            description = "repeating the request with the same key has no second effect, for 24 hours")),
    request_body = CreateView,
    responses(
        (status = 201, description = "the view", body = View, headers(
            ("ETag" = String, description = "its version"),
            ("Location" = String, description = "where it is"),
            ("Idempotent-Replayed" = Option<String>, description = "`true` when it was created by an earlier request"),
        )),
        (status = 409, description = "there are too many, or the first request with this key is still running",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Json(body): Json<CreateView>,
) -> Result<Response> {
    caller.require(Permission::ConversationsRead)?;
    may_change(&caller, body.shared)?;
    let (workspace, user) = (caller.workspace_id, caller.user_id);
    let mut transaction = app.pool.begin().await?;
    let whose = (workspace, user.as_uuid());
    let attempt = match app
        .idempotency
        .begin(&mut transaction, whose, "POST /views", (key, &body))
        .await
    {
        Ok(attempt) => attempt,
        Err(answered) => return Ok(answered),
    };
    if store::count(&mut transaction, workspace, user, body.shared).await? >= MOST {
        return Err(Error::TooMany.into());
    }
    let now = app.clock.now();
    let created = Versioned {
        view: View {
            id: ViewId::new(),
            name: body.name.trim().to_owned(),
            shared: body.shared,
            user_id: user,
            filter: body.filter,
            created_at: now,
            updated_at: now,
        },
        version: FIRST_VERSION,
    };
    store::insert(&mut transaction, workspace, &created).await?;
    let answer = (&created.view, Some(FIRST_VERSION));
    let response = attempt
        .finish(&mut transaction, StatusCode::CREATED, answer)
        .await?;
    transaction.commit().await?;
    app.inbox.recount(workspace);
    Ok(response)
}

/// Get a view
#[utoipa::path(
    get,
    path = "/views/{id}",
    operation_id = "get_view",
    tag = "inbox",
    security(("bearer" = ["conversations:read"])),
    params(("id" = ViewId, Path, description = "the view")),
    responses((status = 200, description = "the view", body = View,
               headers(("ETag" = String, description = "its version")))),
)]
pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ViewId>,
) -> Result<Tagged<View>> {
    caller.require(Permission::ConversationsRead)?;
    let mut connection = app.pool.acquire().await?;
    let found = store::find(&mut connection, caller.workspace_id, caller.user_id, id)
        .await?
        .ok_or(Error::NotFound)?;
    Ok(Tagged::new(found.view, found.version))
}

/// Change a view
///
/// A JSON merge patch (RFC 7396): what is absent stays, null clears. To change a shared view, to share one,
/// or to take it from the others needs the permission `chat_settings:write`.
#[utoipa::path(
    patch,
    path = "/views/{id}",
    operation_id = "update_view",
    tag = "inbox",
    security(("bearer" = ["conversations:read"])),
    params(
        ("id" = ViewId, Path, description = "the view"),
        ("If-Match" = Option<String>, Header, description = "change it only if this is still its ETag"),
    ),
    request_body(content(
        (PatchView = "application/merge-patch+json"),
        (PatchView = "application/json"),
    )),
    responses(
        (status = 200, description = "the view after the change", body = View,
         headers(("ETag" = String, description = "its version"))),
        (status = 409, description = "there are too many of the kind that it would become",
         body = Document, content_type = "application/problem+json"),
        (status = 412, description = "it has changed since you read it",
         body = Document, content_type = "application/problem+json",
         headers(("ETag" = String, description = "its version now"))),
    ),
)]
pub(super) async fn update(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ViewId>,
    if_match: IfMatch,
    Json(patch): Json<PatchView>,
) -> Result<Tagged<View>> {
    caller.require(Permission::ConversationsRead)?;
    let (workspace, user) = (caller.workspace_id, caller.user_id);
    let mut transaction = app.pool.begin().await?;
    let current = store::lock(&mut transaction, workspace, user, id)
        .await?
        .ok_or(Error::NotFound)?;
    may_change(&caller, current.view.shared)?;
    if_match.check(current.version)?;
    let view = patched(&current.view, patch, (user, app.clock.now()));
    if view == current.view {
        return Ok(Tagged::new(current.view, current.version));
    }
    if view.shared != current.view.shared {
        may_change(&caller, view.shared)?;
        if store::count(&mut transaction, workspace, user, view.shared).await? >= MOST {
            return Err(Error::TooMany.into());
        }
    }
    let updated = Versioned {
        view,
        version: current.version + 1,
    };
    store::update(&mut transaction, workspace, &updated).await?;
    transaction.commit().await?;
    app.inbox.recount(workspace);
    Ok(Tagged::new(updated.view, updated.version))
}

/// Delete a view
///
/// A shared one needs the permission `chat_settings:write`.
#[utoipa::path(
    delete,
    path = "/views/{id}",
    operation_id = "delete_view",
    tag = "inbox",
    security(("bearer" = ["conversations:read"])),
    params(("id" = ViewId, Path, description = "the view")),
    responses((status = 204, description = "deleted")),
)]
pub(super) async fn delete(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ViewId>,
) -> Result<StatusCode> {
    caller.require(Permission::ConversationsRead)?;
    let workspace = caller.workspace_id;
    let mut transaction = app.pool.begin().await?;
    let found = store::lock(&mut transaction, workspace, caller.user_id, id)
        .await?
        .ok_or(Error::NotFound)?;
    may_change(&caller, found.view.shared)?;
    store::delete(&mut transaction, workspace, id).await?;
    transaction.commit().await?;
    app.inbox.recount(workspace);
    Ok(StatusCode::NO_CONTENT)
}
