//! Asking somebody by a letter whether they want to join, of whom an identity provider says so.
//!
//! Whoever owns a workspace chooses its provider, which may say of anybody that they signed in. So whoever
//! has an account joins by the link in the letter, as if they were invited: until then the workspace learns
//! nothing of the account, and the provider signs nobody in to it.

use common::{telemetry::Personal, tokens::Role};
use ids::{IssuerId, WorkspaceId};
use serde_json::json;

use super::{Error, GOOD_FOR, sealed, store};
use crate::{
    app::App,
    audit::{self, Action, Actor, Change, Target},
    client::Client,
    mail::Letter,
    people, roles,
    secrets::{self, Hash},
    workspaces,
};

/// Somebody with an account, of whom a provider says that they want to join.
#[derive(Debug)]
pub(crate) struct Joining<'j> {
    /// Where they would join.
    pub(crate) workspace: WorkspaceId,
    /// Which provider, and what it is called.
    pub(crate) issuer: (IssuerId, &'j str),
    /// Their address.
    pub(crate) email: &'j Personal<String>,
    /// The role that they would have.
    pub(crate) role: Role,
}

/// Sends the letter. An invitation that is there gets a new link.
pub(crate) async fn ask(app: &App, joining: Joining<'_>, client: &Client) -> Result<(), Error> {
    let (workspace, now) = (joining.workspace, app.clock.now());
    let (issuer, issuer_name) = joining.issuer;
    let account = people::email_index(&app.vault, joining.email.expose()).await?;
    let limited = app.attempts.letter(account.as_bytes(), client.address);
    if limited.await.is_err() {
        // There are enough of them in the box.
        return Ok(());
    }
    let name = {
        let mut connection = app.pool.acquire().await?;
        store::workspace_name(&mut connection, workspace).await?
    };
    let secret = secrets::fresh(secrets::TICKET);
    let letter = Letter::Joining {
        workspace: name.ok_or(Error::Gone)?,
        issuer: issuer_name.to_owned(),
        token: secret.clone(),
    };
    let letter = app.mail.seal(joining.email, None, &letter).await?;
    let role = (joining.role, None);
    let (kept, index) = sealed(app, workspace, joining.email, role, issuer.as_uuid()).await?;
    let hash = Hash::of(&secret);
    let mut transaction = app.pool.begin().await?;
    if !workspaces::hold(&mut transaction, workspace).await? {
        return Err(Error::Gone);
    }
    let written = store::insert(&mut transaction, workspace, &kept, (&index, &hash)).await;
    let (action, id) = match written {
        Ok(()) => (Action::InviteCreated, kept.id),
        Err(Error::AlreadyInvited(id)) => {
            let times = (now, now + GOOD_FOR);
            store::renew(&mut transaction, workspace, id, (&hash, times)).await?;
            (Action::InviteResent, id)
        }
        Err(error) => return Err(error),
    };
    let mut told = roles::told(joining.role, None);
    told["issuer_id"] = json!(issuer);
    let change = Change::new(action, Target::Invite(id)).after(told);
    // Who came by the provider is not known, or there would be nothing to ask.
    let actor = Actor::system_for(client);
    audit::record(app, &mut transaction, workspace, &actor, change).await?;
    app.mail.commit(transaction, letter).await?;
    Ok(())
}
