//! The HTTP side of invitations.

use auth_api::{AcceptInvite, CreateInvite, Invite, InviteDetails, LookUpInvite};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use common::{
    problem::{Document, Result},
    tokens::{Caller, Permission},
};
use http::{HeaderValue, StatusCode, header};
use ids::InviteId;
use rest::{Cursor, Json, Limit, Page, Path, Query};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{accept, create, open, resend, store, withdraw};
use crate::{access, app::App, client::Client};

/// Which page of the invitations.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListInvites {
    /// How many at most.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100)]
    limit: Limit,
    /// `next_cursor` of the page before.
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
}

/// List invitations
///
/// The invitations that nobody accepted yet, newest first. Those that are too old to be accepted stay for
/// a month, to be sent again.
#[utoipa::path(
    get,
    path = "/auth/invites",
    operation_id = "list_invites",
    tag = "members",
    security(("bearer" = ["members:read"])),
    params(ListInvites),
    responses((status = 200, description = "a page of invitations", body = Page<Invite>)),
)]
pub(super) async fn list_invites(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListInvites>,
) -> Result<Json<Page<Invite>>> {
    let before = query
        .cursor
        .map(|cursor| cursor.read::<InviteId>())
        .transpose()?;
    let (workspace, limit) = (caller.workspace_id, query.limit);
    let rows = {
        let mut connection = app.pool.acquire().await?;
        access::require(&mut connection, &caller, Permission::MembersRead).await?;
        store::list(&mut connection, workspace, before, limit.rows()).await?
    };
    let page = Page::cut(rows, limit, |last| last.id);
    let mut items = Vec::with_capacity(page.items.len());
    for kept in page.items {
        let email = open(&app, workspace, (kept.id, &kept.email)).await?;
        items.push(kept.shown(email));
    }
    let next_cursor = page.next_cursor;
    Ok(Json(Page { items, next_cursor }))
}

/// Invite somebody
///
/// Sends a letter with a link that is good for seven days. The caller's own address must be verified; only
/// owners invite owners, and nobody gives a role that may do more than they.
#[utoipa::path(
    post,
    path = "/auth/invites",
    operation_id = "create_invite",
    tag = "members",
    security(("bearer" = ["members:write"])),
    request_body = CreateInvite,
    responses(
        (status = 201, description = "the invitation", body = Invite),
        (status = 409, description = "the person is a member or invited already",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn create_invite(
    State(app): State<App>,
    caller: Caller,
    client: Client,
    Json(body): Json<CreateInvite>,
) -> Result<(StatusCode, Json<Invite>)> {
    let invite = create(&app, &caller, body, &client).await?;
    Ok((StatusCode::CREATED, Json(invite)))
}

/// Withdraw an invitation
///
/// Its link is no longer good.
#[utoipa::path(
    delete,
    path = "/auth/invites/{id}",
    operation_id = "delete_invite",
    tag = "members",
    security(("bearer" = ["members:write"])),
    params(("id" = InviteId, Path, description = "the invitation")),
    responses((status = 204, description = "withdrawn")),
)]
pub(super) async fn delete_invite(
    State(app): State<App>,
    caller: Caller,
    client: Client,
    Path(id): Path<InviteId>,
) -> Result<StatusCode> {
    withdraw(&app, &caller, id, &client).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Send an invitation again
///
/// With another link, that is good for seven days from now on; the old one is no longer good.
#[utoipa::path(
    post,
    path = "/auth/invites/{id}/resend",
    operation_id = "resend_invite",
    tag = "members",
    security(("bearer" = ["members:write"])),
    params(("id" = InviteId, Path, description = "the invitation")),
    responses((status = 200, description = "the invitation", body = Invite)),
)]
pub(super) async fn resend_invite(
    State(app): State<App>,
    caller: Caller,
    client: Client,
    Path(id): Path<InviteId>,
) -> Result<Json<Invite>> {
    Ok(Json(resend(&app, &caller, id, &client).await?))
}

/// Look at an invitation
///
/// What its link is about, and whether accepting it takes a name and a password.
#[utoipa::path(
    post,
    path = "/auth/invites/lookup",
    operation_id = "look_up_invite",
    tag = "members",
    security(()),
    request_body = LookUpInvite,
    responses(
        (status = 200, description = "what it is about", body = InviteDetails),
        (status = 410, description = "the link was used, was withdrawn, or is too old",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn look_up_invite(
    State(app): State<App>,
    Json(body): Json<LookUpInvite>,
) -> Result<Response> {
    let details = accept::look_up(&app, &body.token).await?;
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((no_store, Json(details)).into_response())
}

/// Accept an invitation
///
/// The link proves the address. Whoever has an account joins; whoever has none, or one whose address
/// nobody has proven, gives a name and a password. Then sign in.
#[utoipa::path(
    post,
    path = "/auth/invites/accept",
    operation_id = "accept_invite",
    tag = "members",
    security(()),
    request_body = AcceptInvite,
    responses(
        (status = 204, description = "joined"),
        (status = 409, description = "an account with the address was made at this moment; try again",
         body = Document, content_type = "application/problem+json"),
        (status = 410, description = "the link was used, was withdrawn, or is too old",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn accept_invite(
    State(app): State<App>,
    client: Client,
    Json(body): Json<AcceptInvite>,
) -> Result<StatusCode> {
    accept::accept(&app, body, &client).await?;
    Ok(StatusCode::NO_CONTENT)
}
