//! Workspaces: the companies that people work in, and going from one to another.

mod error;
mod http;
mod store;

use auth_api::events::WorkspaceDeleted;
use auth_api::{CreateWorkspace, DeleteWorkspace, PatchWorkspace, Workspace, WorkspaceSettings};
use common::tokens::{Caller, Permission};
use ids::WorkspaceId;
use rest::IfMatch;
use serde_json::{Value, json};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    access,
    accounts::{self, NewWorkspace},
    app::App,
    audit::{self, Action, Actor, Change, Target},
    client::Client,
    factors, members, reauth,
    sessions::{self, EndReason, Issued, Opening},
};

use error::Error;
use store::Versioned;
pub(crate) use store::{hold, lock};

/// The routes that the gateway publishes.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::list_workspaces, http::create_workspace))
        .routes(routes!(http::enter_workspace))
        .routes(routes!(
            http::get_workspace,
            http::update_workspace,
            http::delete_workspace
        ))
}

/// Creates another workspace, which the caller owns.
async fn create(
    app: &App,
    caller: &Caller,
    body: CreateWorkspace,
    client: &Client,
) -> Result<Workspace, Error> {
    let mut transaction = app.pool.begin().await?;
    let owner = access::own_account(&mut transaction, caller).await?;
    let workspace = NewWorkspace {
        id: WorkspaceId::new(),
        owner,
        name: body.name.trim().to_owned(),
        at: app.clock.now(),
    };
    let actor = Actor::of(caller, client);
    accounts::create_workspace(&app.clock, &mut transaction, &workspace, &actor).await?;
    app.outbox.commit(transaction).await?;
    Ok(Workspace {
        id: workspace.id,
        name: workspace.name,
        created_at: workspace.at,
    })
}

/// Goes on in another workspace: a new session there, by the same proofs, in the place of this one.
async fn enter(
    app: &App,
    caller: &Caller,
    workspace: WorkspaceId,
    client: &Client,
) -> Result<Issued, Error> {
    let mut transaction = app.pool.begin().await?;
    let user = access::own_account(&mut transaction, caller).await?;
    let membership = members::hold(&mut transaction, workspace, user)
        .await?
        .ok_or(Error::NotFound)?;
    let (from, session, now) = (caller.workspace_id, caller.session_id, app.clock.now());
    let (methods, began_at) = store::proofs(&mut transaction, from, session).await?;
    let reason = EndReason::Moved;
    let ended = sessions::end(&mut transaction, from, session, reason, now).await?;
    if ended.is_empty() {
        // It ended, or went on elsewhere, while this was asked.
        return Err(access::Error::SessionEnded.into());
    }
    let change = Change::new(Action::SessionEnded, Target::Session(session));
    let actor = Actor::of(caller, client);
    audit::record(app, &mut transaction, from, &actor, change).await?;
    let methods: Vec<&str> = methods.iter().map(String::as_str).collect();
    let opening = Opening {
        user,
        workspace,
        membership,
        methods: &methods,
        began_at: Some(began_at),
        client,
    };
    let issued = sessions::open(app, &mut transaction, opening).await?;
    transaction.commit().await?;
    app.revoked.publish(&ended).await;
    Ok(issued)
}

/// Changes the settings of a workspace.
async fn update(
    app: &App,
    caller: &Caller,
    if_match: &IfMatch,
    patch: PatchWorkspace,
    client: &Client,
) -> Result<Versioned, Error> {
    let workspace = caller.workspace_id;
    let mut transaction = app.pool.begin().await?;
    let current = store::lock(&mut transaction, workspace)
        .await?
        .ok_or(access::Error::SessionEnded)?;
    access::require(&mut transaction, caller, Permission::WorkspaceWrite).await?;
    if_match.check(current.version).map_err(Error::Stale)?;
    let settings = patched(&current.settings, patch);
    if settings == current.settings {
        return Ok(current);
    }
    if settings.enforce_identity && !settings.has_identity_secret {
        return Err(Error::NoIdentitySecret);
    }
    let demands = settings.require_second_factor && !current.settings.require_second_factor;
    if demands && !factors::is_strong(&mut transaction, workspace, caller.session_id).await? {
        return Err(Error::NoSecondFactor);
    }
    let updated = Versioned {
        settings,
        version: current.version + 1,
    };
    store::update(&mut transaction, &updated).await?;
    // Their tokens say more than they may do from now on.
    let ended = if demands {
        factors::end_weak_sessions(&mut transaction, workspace, app.clock.now()).await?
    } else {
        Vec::new()
    };
    let change = Change::new(Action::WorkspaceUpdated, Target::Workspace(workspace))
        .before(told(&current.settings))
        .after(told(&updated.settings));
    let actor = Actor::of(caller, client);
    audit::record(app, &mut transaction, workspace, &actor, change).await?;
    transaction.commit().await?;
    app.revoked.publish(&ended).await;
    Ok(updated)
}

/// Deletes the workspace: nobody gets in any more, and other services hear of it. What they keep of it
/// is theirs to destroy.
async fn delete(
    app: &App,
    caller: &Caller,
    body: DeleteWorkspace,
    client: &Client,
) -> Result<(), Error> {
    {
        // Before the password: what somebody may not do, no password lets them do.
        let mut connection = app.pool.acquire().await?;
        access::owner(&mut connection, caller).await?;
    }
    reauth::require(app, caller.user_id, body.password, client).await?;
    let (workspace, now) = (caller.workspace_id, app.clock.now());
    let mut transaction = app.pool.begin().await?;
    let current = store::lock(&mut transaction, workspace)
        .await?
        .ok_or(access::Error::SessionEnded)?;
    access::owner(&mut transaction, caller).await?;
    if body.name.trim() != current.settings.workspace.name {
        return Err(Error::OtherName);
    }
    let deleted = WorkspaceDeleted {
        workspace_id: workspace,
        deleted_by: caller.user_id,
        version: current.version + 1,
        deleted_at: now,
    };
    // People and keys first: after that nobody opens a session any more, and the end of those that
    // there are is the end of all.
    store::delete(&mut transaction, &deleted).await?;
    let reason = EndReason::WorkspaceDeleted;
    let ended = sessions::end_workspace(&mut transaction, workspace, reason, now).await?;
    let change = Change::new(Action::WorkspaceDeleted, Target::Workspace(workspace))
        .before(told(&current.settings));
    let actor = Actor::of(caller, client);
    audit::record(app, &mut transaction, workspace, &actor, change).await?;
    app.outbox
        .append(&mut transaction, workspace, &deleted)
        .await?;
    app.outbox.commit(transaction).await?;
    app.revoked.publish(&ended).await;
    Ok(())
}

/// The settings after a merge patch.
fn patched(current: &WorkspaceSettings, patch: PatchWorkspace) -> WorkspaceSettings {
    let mut settings = current.clone();
    if let Some(name) = patch.name.value() {
        settings.workspace.name = name.trim().to_owned();
    }
    if let Some(enforce) = patch.enforce_identity.value() {
        settings.enforce_identity = *enforce;
    }
    if let Some(require) = patch.require_second_factor.value() {
        settings.require_second_factor = *require;
    }
    settings
}

/// What the audit log keeps of a workspace.
fn told(settings: &WorkspaceSettings) -> Value {
    json!({
        "name": settings.workspace.name,
        "enforce_identity": settings.enforce_identity,
        "require_second_factor": settings.require_second_factor,
    })
}
