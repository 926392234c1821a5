//! The HTTP side of workspaces.

use auth_api::{
    CreateWorkspace, DeleteWorkspace, EnterWorkspace, MyWorkspace, PatchWorkspace, TokenResponse,
    Workspace, WorkspaceSettings,
};
use axum::{extract::State, response::Response};
use common::{
    problem::{Document, Result},
    tokens::{Caller, Permission},
};
use http::StatusCode;
use ids::WorkspaceId;
use rest::{IfMatch, Json, OptionalJson, Page, PageQuery, Path, Query, Tagged};

use super::{create, delete, enter, store, update};
use crate::{
    access,
    app::App,
    client::Client,
    sessions::{self, TokensTo},
};

/// List my workspaces
///
/// The workspaces that one belongs to, oldest first. Whoever signed in by a workspace's identity provider
/// sees that workspace only.
#[utoipa::path(
    get,
    path = "/auth/workspaces",
    operation_id = "list_workspaces",
    tag = "workspaces",
    params(PageQuery),
    responses((status = 200, description = "a page of workspaces", body = Page<MyWorkspace>)),
)]
pub(super) async fn list_workspaces(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<MyWorkspace>>> {
    let after = page.after::<WorkspaceId>()?;
    let limit = page.limit;
    let mut connection = app.pool.acquire().await?;
    let user = access::person(&mut connection, &caller).await?;
    let only = access::by_issuer(&mut connection, &caller)
        .await?
        .then_some(caller.workspace_id);
    let rows = store::of_user(&mut connection, user, only, after, limit.rows()).await?;
    Ok(Json(Page::cut(rows, limit, |last| last.workspace.id)))
}

/// Create another workspace
///
/// Whoever creates it owns it. `POST /auth/workspaces/{id}/enter` goes there.
#[utoipa::path(
    post,
    path = "/auth/workspaces",
    operation_id = "create_workspace",
    tag = "workspaces",
    request_body = CreateWorkspace,
    responses((status = 201, description = "the workspace", body = Workspace)),
)]
pub(super) async fn create_workspace(
    State(app): State<App>,
    caller: Caller,
    client: Client,
    Json(body): Json<CreateWorkspace>,
) -> Result<(StatusCode, Json<Workspace>)> {
    let workspace = create(&app, &caller, body, &client).await?;
    Ok((StatusCode::CREATED, Json(workspace)))
}

/// Enter another workspace
///
/// Opens a session in a workspace that one belongs to, and ends the present one.
#[utoipa::path(
    post,
    path = "/auth/workspaces/{id}/enter",
    operation_id = "enter_workspace",
    tag = "workspaces",
    params(("id" = WorkspaceId, Path, description = "the workspace")),
    request_body(content = Option<EnterWorkspace>, description = "leave it out to use the cookies"),
    responses(
        (status = 200, description = "the tokens of the new session", body = TokenResponse,
         headers(("Set-Cookie" = String, description = "both tokens"))),
    ),
)]
pub(super) async fn enter_workspace(
    State(app): State<App>,
    caller: Caller,
    client: Client,
    Path(id): Path<WorkspaceId>,
    OptionalJson(body): OptionalJson<EnterWorkspace>,
) -> Result<Response> {
    let to = TokensTo::wished(body.return_refresh_token);
    let issued = enter(&app, &caller, id, &client).await?;
    Ok(sessions::answer(&app, StatusCode::OK, &issued, to))
}

/// Get the workspace
///
/// The workspace that the token is for, with its settings.
#[utoipa::path(
    get,
    path = "/auth/workspace",
    operation_id = "get_workspace",
    tag = "workspaces",
    security(("bearer" = ["workspace:read"])),
    responses((status = 200, description = "the workspace", body = WorkspaceSettings,
               headers(("ETag" = String, description = "its version")))),
)]
pub(super) async fn get_workspace(
    State(app): State<App>,
    caller: Caller,
) -> Result<Tagged<WorkspaceSettings>> {
    let mut connection = app.pool.acquire().await?;
    access::require(&mut connection, &caller, Permission::WorkspaceRead).await?;
    let found = store::find(&mut connection, caller.workspace_id)
        .await?
        .ok_or(access::Error::SessionEnded)?;
    Ok(Tagged::new(found.settings, found.version))
}

/// Change the workspace
///
/// A JSON merge patch (RFC 7396): what is absent stays. Once it demands a second factor, whoever signed in
/// without one is signed out, and may do nothing here until they have one.
#[utoipa::path(
    patch,
    path = "/auth/workspace",
    operation_id = "update_workspace",
    tag = "workspaces",
    security(("bearer" = ["workspace:write"])),
    params(("If-Match" = Option<String>, Header, description = "change it only if this is still its ETag")),
    request_body(content(
        (PatchWorkspace = "application/merge-patch+json"),
        (PatchWorkspace = "application/json"),
    )),
    responses(
        (status = 200, description = "the workspace after the change", body = WorkspaceSettings,
         headers(("ETag" = String, description = "its version"))),
        (status = 409, description = "there is no secret yet to sign visitors' identities with, or the caller \
         has no second factor to demand of others",
         body = Document, content_type = "application/problem+json"),
        (status = 412, description = "it has changed since you read it",
         body = Document, content_type = "application/problem+json",
         headers(("ETag" = String, description = "its version now"))),
    ),
)]
pub(super) async fn update_workspace(
    State(app): State<App>,
    caller: Caller,
    if_match: IfMatch,
    client: Client,
    Json(patch): Json<PatchWorkspace>,
) -> Result<Tagged<WorkspaceSettings>> {
    let updated = update(&app, &caller, &if_match, patch, &client).await?;
    Ok(Tagged::new(updated.settings, updated.version))
}

/// Delete the workspace
///
/// Only an owner can, with the workspace's name and their password. Everybody is signed out, keys are
/// revoked, invitations withdrawn. There is no way back.
#[utoipa::path(
    delete,
    path = "/auth/workspace",
    operation_id = "delete_workspace",
    tag = "workspaces",
    security(("bearer" = ["workspace:write"])),
    request_body = DeleteWorkspace,
    responses(
        (status = 204, description = "deleted"),
        (status = 401, description = "no valid token, or the password is not right",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn delete_workspace(
    State(app): State<App>,
    caller: Caller,
    client: Client,
    Json(body): Json<DeleteWorkspace>,
) -> Result<StatusCode> {
    delete(&app, &caller, body, &client).await?;
    Ok(StatusCode::NO_CONTENT)
}
