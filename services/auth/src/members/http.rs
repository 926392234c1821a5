//! The HTTP side of members.

use auth_api::{Member, PatchMember, TransferWorkspace};
use axum::extract::State;
use common::{
    problem::{Document, Result},
    tokens::{Caller, Permission, Role},
};
use http::StatusCode;
use ids::{RoleId, UserId};
use rest::{Check, Cursor, Json, Limit, Page, Path, Query};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    list::{self, PageOf, Position, Sort},
    remove, transfer, update,
};
use crate::{access, app::App, client::Client};

/// Which members, in which order.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListMembers {
    /// Part of the name, in upper or lower case.
    #[param(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// Only those with this role.
    #[param(inline, value_type = Option<Role>)]
    role: Option<Role>,
    /// Only those with this one of the workspace's own roles.
    #[param(value_type = Option<String>, format = Uuid)]
    role_id: Option<RoleId>,
    /// The order; by name by default.
    #[serde(default)]
    #[param(inline, value_type = Option<Sort>)]
    sort: Sort,
    /// How many at most.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100)]
    limit: Limit,
    /// `next_cursor` of the page before, made in the same order.
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
}

impl ListMembers {
    fn page(self) -> Result<PageOf> {
        let mut check = Check::default();
        if let Some(name) = &self.name {
            check.line("name", name, 1..=100);
        }
        check.parameters()?;
        let after = self
            .cursor
            .map(|cursor| Position::read(&cursor, self.sort))
            .transpose()?;
        Ok(PageOf {
            name: self.name,
            role: self.role,
            role_id: self.role_id,
            sort: self.sort,
            after,
            limit: self.limit,
        })
    }
}

/// List members
///
/// A page of the people of the workspace who fit all the filters given.
#[utoipa::path(
    get,
    path = "/auth/members",
    operation_id = "list_members",
    tag = "members",
    security(("bearer" = ["members:read"])),
    params(ListMembers),
    responses((status = 200, description = "a page of members", body = Page<Member>)),
)]
pub(super) async fn list_members(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListMembers>,
) -> Result<Json<Page<Member>>> {
    let (sort, limit) = (query.sort, query.limit);
    let page = query.page()?;
    let rows = {
        let mut connection = app.pool.acquire().await?;
        access::require(&mut connection, &caller, Permission::MembersRead).await?;
        list::fetch(&mut connection, caller.workspace_id, page).await?
    };
    let page = Page::cut(rows, limit, |row| Position::of(row, sort));
    let mut items = Vec::with_capacity(page.items.len());
    for row in page.items {
        items.push(list::opened(&app, row).await?);
    }
    let next_cursor = page.next_cursor;
    Ok(Json(Page { items, next_cursor }))
}

/// Change a member's role
///
/// The member is signed out of the workspace, and signs in again with the new role. Only owners make and
/// unmake owners, nobody gives a role that may do more than they, and nobody changes somebody who may.
#[utoipa::path(
    patch,
    path = "/auth/members/{user_id}",
    operation_id = "update_member",
    tag = "members",
    security(("bearer" = ["members:write"])),
    params(("user_id" = UserId, Path, description = "the member")),
    request_body(content(
        (PatchMember = "application/merge-patch+json"),
        (PatchMember = "application/json"),
    )),
    responses(
        (status = 200, description = "the member after the change", body = Member),
        (status = 409, description = "the workspace would be left without an owner",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn update_member(
    State(app): State<App>,
    caller: Caller,
    client: Client,
    Path(user): Path<UserId>,
    Json(body): Json<PatchMember>,
) -> Result<Json<Member>> {
    Ok(Json(update(&app, &caller, user, body, &client).await?))
}

/// Remove a member, or leave
///
/// The member is signed out of the workspace. Everybody may leave, without any permission. What the
/// member did stays, and so do keys that they created.
#[utoipa::path(
    delete,
    path = "/auth/members/{user_id}",
    operation_id = "delete_member",
    tag = "members",
    security(("bearer" = ["members:write"])),
    params(("user_id" = UserId, Path, description = "the member; oneself, to leave")),
    responses(
        (status = 204, description = "gone"),
        (status = 409, description = "the workspace would be left without an owner",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn delete_member(
    State(app): State<App>,
    caller: Caller,
    client: Client,
    Path(user): Path<UserId>,
) -> Result<StatusCode> {
    remove(&app, &caller, user, &client).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give the workspace to another member
///
/// Only an owner can, with their password. The member becomes an owner and the caller an admin; both sign
/// in again.
#[utoipa::path(
    post,
    path = "/auth/workspace/transfer",
    operation_id = "transfer_workspace",
    tag = "workspaces",
    security(("bearer" = ["workspace:write"])),
    request_body = TransferWorkspace,
    responses(
        (status = 204, description = "given"),
        (status = 401, description = "no valid token, or the password is not right",
         body = Document, content_type = "application/problem+json"),
        (status = 409, description = "the new owner has not verified their e-mail address",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn transfer_workspace(
    State(app): State<App>,
    caller: Caller,
    client: Client,
    Json(body): Json<TransferWorkspace>,
) -> Result<StatusCode> {
    transfer::transfer(&app, &caller, body, &client).await?;
    Ok(StatusCode::NO_CONTENT)
}
