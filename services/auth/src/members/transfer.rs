//! Giving the workspace to another member.

use auth_api::TransferWorkspace;
use common::tokens::{Caller, Role};
use serde_json::json;

use super::{Error, find, lock, store};
use crate::{
    access,
    app::App,
    audit::{self, Action, Actor, Change, Target},
    client::Client,
    reauth,
    sessions::{self, EndReason},
};

/// Makes a member an owner, and the caller an admin. Both sign in again.
pub(super) async fn transfer(
    app: &App,
    caller: &Caller,
    body: TransferWorkspace,
    client: &Client,
) -> Result<(), Error> {
    {
        // Before the password: what somebody may not do, no password lets them do.
        let mut connection = app.pool.acquire().await?;
        access::owner(&mut connection, caller).await?;
    }
    let heir = body.user_id;
    if heir == caller.user_id {
        return Err(Error::HeirToOneself);
    }
    reauth::require(app, caller.user_id, body.password, client).await?;
    let (workspace, now) = (caller.workspace_id, app.clock.now());
    let mut transaction = app.pool.begin().await?;
    lock(&mut transaction, workspace).await?;
    access::owner(&mut transaction, caller).await?;
    find(&mut transaction, workspace, heir)
        .await?
        .ok_or(Error::NoHeir)?;
    if !store::is_verified(&mut transaction, workspace, heir).await? {
        return Err(Error::HeirNotVerified);
    }
    let mut ended = Vec::new();
    for (user, role) in [(heir, Role::Owner), (caller.user_id, Role::Admin)] {
        store::set_role(&mut transaction, workspace, user, (role, None)).await?;
        let reason = EndReason::RoleChanged;
        ended.extend(
            sessions::end_in_workspace(&mut transaction, workspace, user, reason, now).await?,
        );
    }
    let change = Change::new(Action::WorkspaceTransferred, Target::Workspace(workspace))
        .before(json!({ "owner_id": caller.user_id }))
        .after(json!({ "owner_id": heir }));
    let actor = Actor::of(caller, client);
    audit::record(app, &mut transaction, workspace, &actor, change).await?;
    transaction.commit().await?;
    app.revoked.publish(&ended).await;
    Ok(())
}
