//! The HTTP side of roles.

use auth_api::{CreateRole, CustomRole, PatchRole};
use axum::extract::State;
use common::{
    problem::{Document, Result},
    tokens::{Caller, Permission},
};
use http::StatusCode;
use ids::RoleId;
use rest::{IfMatch, Json, Page, PageQuery, Path, Query, Tagged};

use super::{Error, create, delete, store, update};
use crate::{access, app::App, client::Client};

/// List roles
///
/// The roles that the workspace made for itself, newest first. `GET /auth/permissions` has the built-in
/// ones.
#[utoipa::path(
    get,
    path = "/auth/roles",
    operation_id = "list_roles",
    tag = "roles",
    security(("bearer" = ["roles:read"])),
    params(PageQuery),
    responses((status = 200, description = "a page of roles", body = Page<CustomRole>)),
)]
pub(super) async fn list_roles(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<CustomRole>>> {
    let before = page.after::<RoleId>()?;
    let mut connection = app.pool.acquire().await?;
    access::require(&mut connection, &caller, Permission::RolesRead).await?;
    let rows = store::list(
        &mut connection,
        caller.workspace_id,
        before,
        page.limit.rows(),
    )
    .await?;
    Ok(Json(Page::cut(rows, page.limit, |last| last.id)))
}

/// Create a role
///
/// Nobody gives away more than they have: the caller needs each permission of the role.
#[utoipa::path(
    post,
    path = "/auth/roles",
    operation_id = "create_role",
    tag = "roles",
    security(("bearer" = ["roles:write"])),
    request_body = CreateRole,
    responses(
        (status = 201, description = "the role", body = CustomRole,
         headers(("ETag" = String, description = "its version"))),
        (status = 409, description = "another role has this name",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn create_role(
    State(app): State<App>,
    caller: Caller,
    client: Client,
    Json(body): Json<CreateRole>,
) -> Result<(StatusCode, Tagged<CustomRole>)> {
    let created = create(&app, &caller, body, &client).await?;
    let tagged = Tagged::new(created.role, created.version);
    Ok((StatusCode::CREATED, tagged))
}

/// Get a role
#[utoipa::path(
    get,
    path = "/auth/roles/{id}",
    operation_id = "get_role",
    tag = "roles",
    security(("bearer" = ["roles:read"])),
    params(("id" = RoleId, Path, description = "the role")),
    responses((status = 200, description = "the role", body = CustomRole,
               headers(("ETag" = String, description = "its version")))),
)]
pub(super) async fn get_role(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<RoleId>,
) -> Result<Tagged<CustomRole>> {
    let mut connection = app.pool.acquire().await?;
    access::require(&mut connection, &caller, Permission::RolesRead).await?;
    let found = store::find(&mut connection, caller.workspace_id, id)
        .await?
        .ok_or(Error::NotFound)?;
    Ok(Tagged::new(found.role, found.version))
}

/// Change a role
///
/// A JSON merge patch (RFC 7396): what is absent stays. The caller needs each permission that the role
/// has, before and after. What is taken away is gone at once: members with the role are signed out of
/// the workspace.
#[utoipa::path(
    patch,
    path = "/auth/roles/{id}",
    operation_id = "update_role",
    tag = "roles",
    security(("bearer" = ["roles:write"])),
    params(
        ("id" = RoleId, Path, description = "the role"),
        ("If-Match" = Option<String>, Header, description = "change it only if this is still its ETag"),
    ),
    request_body(content(
        (PatchRole = "application/merge-patch+json"),
        (PatchRole = "application/json"),
    )),
    responses(
        (status = 200, description = "the role after the change", body = CustomRole,
         headers(("ETag" = String, description = "its version"))),
        (status = 409, description = "another role has this name",
         body = Document, content_type = "application/problem+json"),
        (status = 412, description = "it has changed since you read it",
         body = Document, content_type = "application/problem+json",
         headers(("ETag" = String, description = "its version now"))),
    ),
)]
pub(super) async fn update_role(
    State(app): State<App>,
    caller: Caller,
    target: (Path<RoleId>, IfMatch),
    client: Client,
    Json(patch): Json<PatchRole>,
) -> Result<Tagged<CustomRole>> {
    let (Path(id), if_match) = target;
    let updated = update(&app, &caller, (id, if_match), patch, &client).await?;
    Ok(Tagged::new(updated.role, updated.version))
}

/// Delete a role
///
/// Only one that no member has, and with which nobody is invited.
#[utoipa::path(
    delete,
    path = "/auth/roles/{id}",
    operation_id = "delete_role",
    tag = "roles",
    security(("bearer" = ["roles:write"])),
    params(("id" = RoleId, Path, description = "the role")),
    responses(
        (status = 204, description = "deleted"),
        (status = 409, description = "somebody has it, or is invited with it",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn delete_role(
    State(app): State<App>,
    caller: Caller,
    client: Client,
    Path(id): Path<RoleId>,
) -> Result<StatusCode> {
    delete(&app, &caller, id, &client).await?;
    Ok(StatusCode::NO_CONTENT)
}
