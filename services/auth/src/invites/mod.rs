//! Invitations: somebody is let into a workspace by a link in a letter.
//!
//! The link is good for a week and once. It proves the address, so whoever opens it needs no other
//! proof to join; an account is made on the way if there is none.

mod accept;
mod ask;
mod error;
mod http;
mod store;

use auth_api::{CreateInvite, Invite};
use chrono::Duration;
use common::{
    telemetry::Personal,
    tokens::{Caller, Permission, Role},
};
use ids::{InviteId, RoleId, WorkspaceId};
use secrecy::{ExposeSecret, SecretString};
use sqlx::PgConnection;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use vault::{BlindIndex, Context, Scope, Sealed, VaultError};

use crate::{
    access,
    app::App,
    audit::{self, Action, Actor, Change, Target},
    client::Client,
    mail::{Letter, SealedLetter},
    people,
    roles::Grant,
    secrets::{self, Hash},
    workspaces,
};

pub(crate) use ask::{Joining, ask};
pub(crate) use error::Error;
use store::Kept;
pub(crate) use store::delete_old;

const EMAIL: &str = "auth.invites.email";
/// A link is good for so long.
const GOOD_FOR: Duration = Duration::days(7);
/// What nobody accepted in time stays for so long, to be sent again.
const KEPT: Duration = Duration::days(30);

/// The routes that the gateway publishes.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::list_invites, http::create_invite))
        .routes(routes!(http::delete_invite))
        .routes(routes!(http::resend_invite))
        .routes(routes!(http::look_up_invite))
        .routes(routes!(http::accept_invite))
}

/// Invites somebody.
async fn create(
    app: &App,
    caller: &Caller,
    body: CreateInvite,
    client: &Client,
) -> Result<Invite, Error> {
    let workspace = caller.workspace_id;
    let (grant, sender) = {
        let mut connection = app.pool.acquire().await?;
        let wanted = (body.role, body.role_id);
        may_send(&mut connection, caller, wanted).await?
    };
    let email = Personal::new(body.email.expose().trim().to_owned());
    let account = people::email_index(&app.vault, email.expose()).await?;
    let secret = secrets::fresh(secrets::TICKET);
    let letter = write(app, (&email, &account), (sender, &secret), client).await?;
    let role = (grant.role, grant.role_id);
    let (kept, index) = sealed(app, workspace, &email, role, caller.user_id.as_uuid()).await?;
    let id = kept.id;
    let mut transaction = app.pool.begin().await?;
    if !workspaces::hold(&mut transaction, workspace).await? {
        return Err(access::Error::SessionEnded.into());
    }
    if let Some(user) = store::member(&mut transaction, workspace, &account).await? {
        return Err(Error::AlreadyMember(user));
    }
    let found_by = (&index, &Hash::of(&secret));
    store::insert(&mut transaction, workspace, &kept, found_by).await?;
    let change = Change::new(Action::InviteCreated, Target::Invite(id)).after(grant.told());
    let actor = Actor::of(caller, client);
    audit::record(app, &mut transaction, workspace, &actor, change).await?;
    app.mail.commit(transaction, letter).await?;
    Ok(kept.shown(email))
}

/// Sends an invitation again, by a new link; the old one is no longer good.
async fn resend(
    app: &App,
    caller: &Caller,
    id: InviteId,
    client: &Client,
) -> Result<Invite, Error> {
    let (workspace, now) = (caller.workspace_id, app.clock.now());
    let (kept, grant, sender) = {
        let mut connection = app.pool.acquire().await?;
        access::require(&mut connection, caller, Permission::MembersWrite).await?;
        let kept = store::find(&mut connection, workspace, id)
            .await?
            .ok_or(Error::NotFound)?;
        let wanted = (kept.role, kept.role_id);
        let (grant, sender) = may_send(&mut connection, caller, wanted).await?;
        (kept, grant, sender)
    };
    let email = open(app, workspace, (kept.id, &kept.email)).await?;
    let account = people::email_index(&app.vault, email.expose()).await?;
    let secret = secrets::fresh(secrets::TICKET);
    let letter = write(app, (&email, &account), (sender, &secret), client).await?;
    let mut transaction = app.pool.begin().await?;
    let times = (now, now + GOOD_FOR);
    let renewed = store::renew(&mut transaction, workspace, id, (&Hash::of(&secret), times))
        .await?
        .ok_or(Error::NotFound)?;
    let change = Change::new(Action::InviteResent, Target::Invite(id)).after(grant.told());
    let actor = Actor::of(caller, client);
    audit::record(app, &mut transaction, workspace, &actor, change).await?;
    app.mail.commit(transaction, letter).await?;
    Ok(renewed.shown(email))
}

/// Withdraws an invitation: its link is no longer good.
async fn withdraw(app: &App, caller: &Caller, id: InviteId, client: &Client) -> Result<(), Error> {
    let workspace = caller.workspace_id;
    let mut transaction = app.pool.begin().await?;
    access::require(&mut transaction, caller, Permission::MembersWrite).await?;
    if !store::delete(&mut transaction, workspace, id).await? {
        return Err(Error::NotFound);
    }
    let change = Change::new(Action::InviteRevoked, Target::Invite(id));
    let actor = Actor::of(caller, client);
    audit::record(app, &mut transaction, workspace, &actor, change).await?;
    transaction.commit().await?;
    Ok(())
}

/// Who invites, and where to, as the letter says it.
struct Sender {
    workspace: String,
    inviter: Personal<String>,
}

/// Lets pass whoever may invite somebody to this role now.
async fn may_send(
    connection: &mut PgConnection,
    caller: &Caller,
    role: (Role, Option<RoleId>),
) -> Result<(Grant, Sender), Error> {
    let workspace = caller.workspace_id;
    let standing = access::require(connection, caller, Permission::MembersWrite)
        .await?
        .verified()?;
    let grant = Grant::find(connection, workspace, role).await?;
    grant.by(&standing)?;
    let sender = store::sender(connection, workspace, caller.user_id)
        .await?
        .ok_or(access::Error::SessionEnded)?;
    Ok((grant, sender))
}

/// Writes the letter. Nobody gets too many of them, whoever sends.
async fn write(
    app: &App,
    (email, account): (&Personal<String>, &BlindIndex),
    (sender, secret): (Sender, &SecretString),
    client: &Client,
) -> Result<SealedLetter, Error> {
    app.attempts
        .letter(account.as_bytes(), client.address)
        .await?;
    let letter = Letter::Invitation {
        workspace: sender.workspace,
        inviter: sender.inviter,
        token: secret.clone(),
    };
    Ok(app.mail.seal(email, None, &letter).await?)
}

/// A new invitation, and what finds a second one of the same address.
async fn sealed(
    app: &App,
    workspace: WorkspaceId,
    email: &Personal<String>,
    (role, role_id): (Role, Option<RoleId>),
    invited_by: Uuid,
) -> Result<(Kept, BlindIndex), VaultError> {
    let (id, now) = (InviteId::new(), app.clock.now());
    let (scope, context) = (Scope::workspace(workspace), context(id));
    let plain = email.expose().trim();
    let kept = Kept {
        id,
        email: app.vault.seal(scope, &context, plain.as_bytes()).await?,
        role,
        role_id,
        invited_by,
        created_at: now,
        sent_at: now,
        expires_at: now + GOOD_FOR,
    };
    let key = people::email_key(plain);
    let index = app.vault.index(scope, &context, &key).await?;
    Ok((kept, index))
}

/// The address of an invitation.
async fn open(
    app: &App,
    workspace: WorkspaceId,
    (id, sealed): (InviteId, &Sealed),
) -> Result<Personal<String>, VaultError> {
    let scope = Scope::workspace(workspace);
    let text = app.vault.open_text(scope, &context(id), sealed).await?;
    Ok(Personal::new(text.expose_secret().to_owned()))
}

fn context(id: InviteId) -> Context {
    Context {
        field: EMAIL,
        row: id.as_uuid(),
    }
}
