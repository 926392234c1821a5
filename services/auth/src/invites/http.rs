//! The HTTP side of invitations.

use auth_api::{AcceptInvite, CreateInvite, Invite, InviteDetails, LookUpInvite};
use axum::extract::State;
use common::{
    problem::{Document, Result},
    tokens::{Caller, Permission},
};
use http::StatusCode;
use ids::InviteId;
use rest::{Json, NoStore, Page, PageQuery, Path, Query};

use super::{accept, create, open, resend, store, withdraw};
use crate::{access, app::App, client::Client};

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
    params(PageQuery),
    responses((status = 200, description = "a page of invitations", body = Page<Invite>)),
)]
pub(super) async fn list_invites(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<Invite>>> {
    let before = page.after::<InviteId>()?;
    let (workspace, limit) = (caller.workspace_id, page.limit);
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
) -> Result<NoStore<InviteDetails>> {
    Ok(NoStore(accept::look_up(&app, &body.token).await?))
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
