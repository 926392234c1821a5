//! The roles that a workspace makes for itself, beside the built-in ones.
//!
//! Nobody gives away more than they have: whoever makes or changes a role, or gives one to somebody, has
//! each permission of it.

mod error;
mod grant;
mod http;
mod model;
mod store;

use auth_api::{CreateRole, PatchRole};
use common::tokens::{Caller, Permission};
use ids::RoleId;
use rest::IfMatch;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    access,
    app::App,
    audit::{self, Action, Actor, Change, Target},
    client::Client,
    sessions::{self, EndReason},
    workspaces,
};

pub(crate) use error::Error;
use grant::within;
pub(crate) use grant::{Grant, told};
use model::Versioned;

/// The routes that the gateway publishes.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::list_roles, http::create_role))
        .routes(routes!(
            http::get_role,
            http::update_role,
            http::delete_role
        ))
}

/// Makes a role.
async fn create(
    app: &App,
    caller: &Caller,
    body: CreateRole,
    client: &Client,
) -> Result<Versioned, Error> {
    let workspace = caller.workspace_id;
    let created = model::created(body, app.clock.now());
    let mut transaction = app.pool.begin().await?;
    let standing = access::require(&mut transaction, caller, Permission::RolesWrite).await?;
    within(&standing, &created.role.permissions)?;
    store::insert(&mut transaction, workspace, &created).await?;
    let target = Target::Role(created.role.id);
    let change = Change::new(Action::RoleCreated, target).after(model::told(&created.role));
    let actor = Actor::of(caller, client);
    audit::record(app, &mut transaction, workspace, &actor, change).await?;
    transaction.commit().await?;
    Ok(created)
}

/// Changes a role. Whoever has it is signed out of the workspace when it takes something away; what it
/// adds, the next token has.
async fn update(
    app: &App,
    caller: &Caller,
    (id, if_match): (RoleId, IfMatch),
    patch: PatchRole,
    client: &Client,
) -> Result<Versioned, Error> {
    let (workspace, now) = (caller.workspace_id, app.clock.now());
    let mut transaction = app.pool.begin().await?;
    // Ends of sessions happen under the workspace's lock, here and where a member's role changes.
    workspaces::lock(&mut transaction, workspace)
        .await?
        .ok_or(access::Error::SessionEnded)?;
    let standing = access::require(&mut transaction, caller, Permission::RolesWrite).await?;
    let current = store::lock(&mut transaction, workspace, id)
        .await?
        .ok_or(Error::NotFound)?;
    if_match.check(current.version).map_err(Error::Stale)?;
    within(&standing, &current.role.permissions)?;
    let updated = model::patched(&current, patch, now);
    if updated == current {
        return Ok(current);
    }
    within(&standing, &updated.role.permissions)?;
    store::update(&mut transaction, workspace, &updated).await?;
    let mut ended = Vec::new();
    if model::takes_away(&current.role, &updated.role) {
        for user in store::members(&mut transaction, workspace, id).await? {
            let reason = EndReason::RoleChanged;
            ended.extend(
                sessions::end_in_workspace(&mut transaction, workspace, user, reason, now).await?,
            );
        }
    }
    let change = Change::new(Action::RoleUpdated, Target::Role(id))
        .before(model::told(&current.role))
        .after(model::told(&updated.role));
    let actor = Actor::of(caller, client);
    audit::record(app, &mut transaction, workspace, &actor, change).await?;
    transaction.commit().await?;
    app.revoked.publish(&ended).await;
    Ok(updated)
}

/// Deletes a role that nobody has.
async fn delete(app: &App, caller: &Caller, id: RoleId, client: &Client) -> Result<(), Error> {
    let workspace = caller.workspace_id;
    let mut transaction = app.pool.begin().await?;
    access::require(&mut transaction, caller, Permission::RolesWrite).await?;
    let deleted = store::delete(&mut transaction, workspace, id, app.clock.now())
        .await?
        .ok_or(Error::NotFound)?;
    let change = Change::new(Action::RoleDeleted, Target::Role(id)).before(model::told(&deleted));
    let actor = Actor::of(caller, client);
    audit::record(app, &mut transaction, workspace, &actor, change).await?;
    transaction.commit().await?;
    Ok(())
}
