//! The secret that a company's own server signs its visitors' identities with. We have to know it to
//! check them, so it is kept, sealed.

use common::tokens::{Caller, Permission};
use ids::WorkspaceId;
use secrecy::{ExposeSecret, SecretString};
use vault::{Context, Scope, Sealed, VaultError};

use super::{Error, store};
use crate::{
    access,
    app::App,
    audit::{self, Action, Actor, Change, Target},
    client::Client,
    secrets,
};

const SEALED: &str = "auth.workspaces.identity_secret";

/// Makes the workspace's secret; the one before it is no longer good.
pub(super) async fn replace(
    app: &App,
    caller: &Caller,
    client: &Client,
) -> Result<SecretString, Error> {
    let workspace = caller.workspace_id;
    let secret = secrets::fresh(secrets::IDENTITY);
    let sealed = app
        .vault
        .seal(
            Scope::workspace(workspace),
            &context(workspace),
            secret.expose_secret().as_bytes(),
        )
        .await?;
    let mut transaction = app.pool.begin().await?;
    access::require(&mut transaction, caller, Permission::WorkspaceWrite)
        .await?
        .verified()?;
    store::set_identity_secret(&mut transaction, workspace, &sealed).await?;
    let change = Change::new(Action::IdentitySecretRotated, Target::Workspace(workspace));
    let actor = Actor::of(caller, client);
    audit::record(app, &mut transaction, workspace, &actor, change).await?;
    transaction.commit().await?;
    Ok(secret)
}

/// The workspace's secret.
pub(super) async fn open(
    app: &App,
    workspace: WorkspaceId,
    sealed: &Sealed,
) -> Result<SecretString, VaultError> {
    app.vault
        .open_text(Scope::workspace(workspace), &context(workspace), sealed)
        .await
}

fn context(workspace: WorkspaceId) -> Context {
    Context {
        field: SEALED,
        row: workspace.as_uuid(),
    }
}
