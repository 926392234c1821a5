//! The providers that know a person, as the person sees them: listed, and unlinked.

use auth_api::{ConfirmPassword, Identity};
use axum::extract::State;
use common::{
    problem::{Document, Result},
    tokens::Caller,
};
use http::StatusCode;
use ids::IssuerId;
use rest::{Json, OptionalJson, Page, PageQuery, Path, Query};
use secrecy::SecretString;
use serde_json::json;

use super::{error::Error, identities, store};
use crate::{
    access,
    app::App,
    audit::{self, Action, Actor, Change, Target},
    client::Client,
    mail::Letter,
    people, reauth,
};

/// List the identity providers that know me
///
/// Those that the caller has signed in by, in every workspace, newest first. Whoever signed in by one sees
/// those of its workspace only.
#[utoipa::path(
    get,
    path = "/auth/identities",
    operation_id = "list_identities",
    tag = "factors",
    params(PageQuery),
    responses((status = 200, description = "a page of identity providers", body = Page<Identity>)),
)]
pub(super) async fn list_identities(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<Identity>>> {
    let before = page.after::<IssuerId>()?;
    let mut connection = app.pool.acquire().await?;
    let user = access::person(&mut connection, &caller).await?;
    let by_issuer = access::by_issuer(&mut connection, &caller).await?;
    let only = by_issuer.then_some(caller.workspace_id);
    let rows = identities::list(&mut connection, (user, only), before, page.limit.rows()).await?;
    Ok(Json(Page::cut(rows, page.limit, |last| last.issuer_id)))
}

/// Unlink an identity provider
///
/// It forgets who the caller is, and the sessions that providers opened for them in its workspace end. Wants
/// the password, if there is one. A member whom it signs in again is known to it again; to leave the
/// workspace ends that.
#[utoipa::path(
    delete,
    path = "/auth/identities/{id}",
    operation_id = "delete_identity",
    tag = "factors",
    params(("id" = IssuerId, Path, description = "the identity provider")),
    request_body(content = Option<ConfirmPassword>, description = "leave it out when the account has no password"),
    responses(
        (status = 204, description = "unlinked"),
        (status = 401, description = "no valid token, or the password is wrong",
         body = Document, content_type = "application/problem+json"),
        (status = 409, description = "nothing else signs in to the account",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn delete_identity(
    State(app): State<App>,
    caller: Caller,
    client: Client,
    Path(id): Path<IssuerId>,
    OptionalJson(body): OptionalJson<ConfirmPassword>,
) -> Result<StatusCode> {
    unlink(&app, &caller, (id, body.password), &client).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn unlink(
    app: &App,
    caller: &Caller,
    (id, password): (IssuerId, Option<SecretString>),
    client: &Client,
) -> Result<(), Error> {
    let user = access::check_own_account(app, caller).await?;
    let found = {
        let mut connection = app.pool.acquire().await?;
        identities::of_user(&mut connection, user, id).await?
    };
    let (workspace, issuer) = found.ok_or(Error::NotFound)?;
    reauth::require(app, user, password, client).await?;
    let letter = people::write_to(app, user, &Letter::IssuerUnlinked { issuer }).await?;
    let now = app.clock.now();
    let mut transaction = app.pool.begin().await?;
    if !identities::has_other_way(&mut transaction, user, id).await? {
        return Err(Error::LastWay);
    }
    if !identities::delete(&mut transaction, (workspace, id), user).await? {
        return Err(Error::NotFound);
    }
    let ended = store::end_sessions_of(&mut transaction, workspace, user, now).await?;
    let change =
        Change::new(Action::IssuerUnlinked, Target::User(user)).before(json!({ "issuer_id": id }));
    let actor = Actor::of(caller, client);
    audit::record(app, &mut transaction, workspace, &actor, change).await?;
    app.mail.commit(transaction, letter).await?;
    app.revoked.publish(&ended).await;
    Ok(())
}
