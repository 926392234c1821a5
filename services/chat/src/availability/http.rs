//! Availability over HTTP.

use axum::extract::State;
use chat_api::{Availability, SetAvailability, Status};
use common::{
    problem::Result,
    tokens::{Caller, Permission},
};
use ids::{TeamId, UserId};
use rest::{Json, ListQuery, Page, PageQuery};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::store::{self, Filter};
use crate::{app::App, settings};

/// Get one's availability
#[utoipa::path(
    get, path = "/availability", operation_id = "get_availability", tag = "teams",
    security(("bearer" = ["conversations:read"])),
    responses((status = 200, description = "whether the caller takes conversations", body = Availability)),
)]
pub(super) async fn get_availability(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<Availability>> {
    caller.require(Permission::ConversationsRead)?;
    mine(&app, &caller).await
}

/// Set one's availability
///
/// Who is online, and has a socket open, is given conversations that want a person.
#[utoipa::path(
    put, path = "/availability", operation_id = "set_availability", tag = "teams",
    security(("bearer" = ["conversations:write"])),
    request_body = SetAvailability,
    responses((status = 200, description = "whether the caller takes conversations", body = Availability)),
)]
pub(super) async fn set_availability(
    State(app): State<App>,
    caller: Caller,
    Json(body): Json<SetAvailability>,
) -> Result<Json<Availability>> {
    caller.require(Permission::ConversationsWrite)?;
    store::set(&app.pool, (caller.workspace_id, caller.user_id), &body).await?;
    mine(&app, &caller).await
}

async fn mine(app: &App, caller: &Caller) -> Result<Json<Availability>> {
    let whose = (caller.workspace_id, caller.user_id);
    let capacity = settings::of(app, caller.workspace_id).await?.capacity;
    Ok(Json(store::find(&app.pool, whose, capacity).await?))
}

/// How the list is sorted; `-` is downwards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
pub(super) enum Sort {
    /// By person.
    #[default]
    #[serde(rename = "user_id")]
    UserId,
    /// By person, backwards.
    #[serde(rename = "-user_id")]
    UserIdDown,
}

/// Whose availability.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListAvailabilities {
    /// Those who say this.
    #[param(inline, value_type = Option<Status>)]
    status: Option<Status>,
    /// Those who are given conversations, or those who are not.
    available: Option<bool>,
    /// Members of this team.
    team_id: Option<TeamId>,
    /// The order.
    #[serde(default)]
    #[param(inline, value_type = Option<Sort>)]
    sort: Sort,
}

/// List availabilities
///
/// People who ever said whether they take conversations, or had a socket open.
#[utoipa::path(
    get, path = "/availabilities", operation_id = "list_availabilities", tag = "teams",
    security(("bearer" = ["conversations:read"])),
    params(ListAvailabilities, PageQuery),
    responses((status = 200, description = "a page of people", body = Page<Availability>)),
)]
pub(super) async fn list_availabilities(
    State(app): State<App>,
    caller: Caller,
    query: ListQuery<ListAvailabilities>,
) -> Result<Json<Page<Availability>>> {
    caller.require(Permission::ConversationsRead)?;
    let ListQuery { filters, page } = query;
    let after = page.after::<UserId>()?;
    let workspace = caller.workspace_id;
    let capacity = settings::of(&app, workspace).await?.capacity;
    let filter = Filter {
        status: filters.status,
        available: filters.available,
        team: filters.team_id,
        user: None,
    };
    let from = (after, page.limit, filters.sort == Sort::UserIdDown);
    let rows = store::page(&app.pool, workspace, (filter, capacity), from).await?;
    Ok(Json(Page::cut(rows, page.limit, |last| last.user_id)))
}
