//! Members: who belongs to which workspace, and what their role lets them do.
//!
//! A workspace has an owner at all times: whatever takes one away happens under the lock of the
//! workspace's row.

mod error;
mod http;
mod list;
mod membership;
mod model;
mod store;
mod transfer;

use auth_api::{Member, PatchMember};
use common::tokens::{Caller, Permission, Role};
use ids::{UserId, WorkspaceId};
use sqlx::PgConnection;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    access,
    app::App,
    audit::{self, Action, Actor, Change, Target},
    client::Client,
    roles::{self, Grant},
    sessions::{self, EndReason},
    workspaces,
};

use error::Error;
pub(crate) use membership::{Membership, find, hold, home, role};
pub(crate) use store::insert;

/// The routes that the gateway publishes.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::list_members))
        .routes(routes!(http::update_member, http::delete_member))
        .routes(routes!(http::transfer_workspace))
}

/// Gives a member another role, and answers the member as they are now.
async fn update(
    app: &App,
    caller: &Caller,
    user: UserId,
    body: PatchMember,
    client: &Client,
) -> Result<Member, Error> {
    let (workspace, now) = (caller.workspace_id, app.clock.now());
    let mut transaction = app.pool.begin().await?;
    lock(&mut transaction, workspace).await?;
    let standing = access::require(&mut transaction, caller, Permission::MembersWrite).await?;
    let member = find(&mut transaction, workspace, user)
        .await?
        .ok_or(Error::NotFound)?;
    let grant = Grant::find(&mut transaction, workspace, (body.role, body.role_id)).await?;
    model::may_touch(&standing, &member)?;
    grant.by(&standing)?;
    if (member.role, member.role_id) != (grant.role, grant.role_id) {
        if member.role == Role::Owner {
            require_other_owner(&mut transaction, workspace, user).await?;
        }
        let given = (grant.role, grant.role_id);
        store::set_role(&mut transaction, workspace, user, given).await?;
        let reason = EndReason::RoleChanged;
        let ended =
            sessions::end_in_workspace(&mut transaction, workspace, user, reason, now).await?;
        let change = Change::new(Action::MemberUpdated, Target::User(user))
            .before(roles::told(member.role, member.role_id))
            .after(grant.told());
        let actor = Actor::of(caller, client);
        audit::record(app, &mut transaction, workspace, &actor, change).await?;
        transaction.commit().await?;
        app.revoked.publish(&ended).await;
    } else {
        transaction.rollback().await?;
    }
    list::one(app, workspace, user)
        .await?
        .ok_or(Error::NotFound)
}

/// Removes a member; whoever names themselves leaves.
async fn remove(app: &App, caller: &Caller, user: UserId, client: &Client) -> Result<(), Error> {
    let (workspace, now) = (caller.workspace_id, app.clock.now());
    let leaves = user == caller.user_id;
    let mut transaction = app.pool.begin().await?;
    lock(&mut transaction, workspace).await?;
    let standing = if leaves {
        access::standing(&mut transaction, caller).await?
    } else {
        access::require(&mut transaction, caller, Permission::MembersWrite).await?
    };
    let member = find(&mut transaction, workspace, user)
        .await?
        .ok_or(Error::NotFound)?;
    // Whoever lacks the second factor that is demanded may do nothing but leave.
    if !leaves {
        model::may_touch(&standing, &member)?;
    }
    if member.role == Role::Owner {
        require_other_owner(&mut transaction, workspace, user).await?;
    }
    store::delete(&mut transaction, workspace, user).await?;
    let reason = EndReason::MembershipEnded;
    let ended = sessions::end_in_workspace(&mut transaction, workspace, user, reason, now).await?;
    let action = if leaves {
        Action::MemberLeft
    } else {
        Action::MemberRemoved
    };
    let change =
        Change::new(action, Target::User(user)).before(roles::told(member.role, member.role_id));
    let actor = Actor::of(caller, client);
    audit::record(app, &mut transaction, workspace, &actor, change).await?;
    transaction.commit().await?;
    app.revoked.publish(&ended).await;
    Ok(())
}

/// Keeps everybody else from changing who owns the workspace, until the transaction ends.
async fn lock(connection: &mut PgConnection, workspace: WorkspaceId) -> Result<(), access::Error> {
    workspaces::lock(connection, workspace)
        .await?
        .map(drop)
        .ok_or(access::Error::SessionEnded)
}

/// Lets an owner go if another one stays. Under the lock of the workspace.
async fn require_other_owner(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    user: UserId,
) -> Result<(), Error> {
    if store::has_other_owner(connection, workspace, user).await? {
        Ok(())
    } else {
        Err(Error::LastOwner)
    }
}
