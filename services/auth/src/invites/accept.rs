//! Opening the link of an invitation.
//!
//! An address that nobody has proven says nothing about whose account it is: somebody else may have
//! registered with it, to be there when its owner is invited. So such an account is treated as none: the
//! person with the link chooses its name and password, and whatever else signed in to it is gone.

use auth_api::{AcceptInvite, InviteAccount, InviteDetails};
use common::telemetry::Personal;
use ids::UserId;
use secrecy::SecretString;
use serde_json::json;

use super::{
    Error, open,
    store::{self, Offer},
};
use crate::{
    accounts::{self, NewPerson},
    app::App,
    audit::{self, Action, Actor, Change, Target},
    client::Client,
    factors, members,
    passwords::OwnWords,
    people,
    roles::Grant,
    secrets::Hash,
    sessions::{self, EndReason, Spare},
    workspaces,
};

/// Who accepts.
enum Guest {
    /// A person whose address is proven.
    Known(UserId),
    /// The owner of an address that an account has which nobody has proven.
    Unproven(UserId, Personal<String>, String),
    /// Somebody without an account.
    New(Box<NewPerson>),
}

impl Guest {
    fn user(&self) -> UserId {
        match self {
            Self::Known(user) | Self::Unproven(user, ..) => *user,
            Self::New(person) => person.user,
        }
    }
}

/// What the invitation of a link is about.
pub(super) async fn look_up(app: &App, token: &SecretString) -> Result<InviteDetails, Error> {
    let (offer, email) = read(app, &Hash::of(token)).await?;
    let account = match account(app, &email).await? {
        Some((_, true)) => InviteAccount::Exists,
        Some((_, false)) | None => InviteAccount::None,
    };
    Ok(InviteDetails {
        workspace_name: offer.workspace_name,
        email,
        role: offer.role,
        role_name: offer.role_name,
        account,
    })
}

/// Lets the person with the link into the workspace.
pub(super) async fn accept(app: &App, body: AcceptInvite, client: &Client) -> Result<(), Error> {
    let hash = Hash::of(&body.token);
    let (offer, email) = read(app, &hash).await?;
    let guest = guest(app, (&email, &offer.workspace_name), body).await?;
    let (user, now) = (guest.user(), app.clock.now());
    let workspace = offer.workspace;
    let mut transaction = app.pool.begin().await?;
    if !workspaces::hold(&mut transaction, workspace).await? {
        return Err(Error::Gone);
    }
    // Whoever takes the row joins; whoever comes second finds the link used.
    if !store::spend(&mut transaction, &hash, now).await? {
        return Err(Error::Gone);
    }
    let mut ended = Vec::new();
    let proven = match &guest {
        Guest::New(person) => {
            if !accounts::insert_person(&mut transaction, person).await? {
                return Err(Error::AccountMade);
            }
            true
        }
        Guest::Unproven(user, name, password_hash) => {
            let proven = people::verify(&mut transaction, *user, now).await?;
            // If not, then its owner has proven it at this moment, and it is theirs as it is.
            if proven {
                factors::forget_all(&mut transaction, *user).await?;
                store::take_over(&mut transaction, *user, (name, password_hash)).await?;
                let reason = EndReason::PasswordChanged;
                ended = sessions::end_of_user(&mut transaction, *user, Spare::None, reason, now)
                    .await?;
            }
            proven
        }
        Guest::Known(user) => {
            // The account may have been deleted since the link was read.
            if !store::hold_person(&mut transaction, *user).await? {
                return Err(Error::Gone);
            }
            false
        }
    };
    let role = (offer.role, offer.role_id);
    let grant = Grant::find(&mut transaction, workspace, role).await?;
    let actor = Actor::person(user, client);
    if members::insert(&mut transaction, workspace, user, &grant, now).await? {
        let mut after = grant.told();
        after["invite_id"] = json!(offer.invite);
        let change = Change::new(Action::MemberJoined, Target::User(user)).after(after);
        audit::record(app, &mut transaction, workspace, &actor, change).await?;
    }
    if proven {
        let change = Change::new(Action::EmailVerified, Target::User(user));
        audit::record_everywhere(app, &mut transaction, &actor, &change).await?;
    }
    transaction.commit().await?;
    app.revoked.publish(&ended).await;
    Ok(())
}

/// Who accepts, with what an account needs that is to be made or made theirs.
async fn guest(
    app: &App,
    (email, workspace): (&Personal<String>, &str),
    body: AcceptInvite,
) -> Result<Guest, Error> {
    let unproven = match account(app, email).await? {
        Some((user, true)) => return Ok(Guest::Known(user)),
        Some((user, false)) => Some(user),
        None => None,
    };
    let (name, password) = match (body.name, body.password) {
        (Some(name), Some(password)) => (name, password),
        (name, password) => {
            let missing = [("/name", name.is_none()), ("/password", password.is_none())];
            let missing = missing.into_iter().filter(|(_, missing)| *missing);
            return Err(Error::Incomplete(missing.map(|(at, _)| at).collect()));
        }
    };
    let name = Personal::new(name.expose().trim().to_owned());
    let own = OwnWords::of(&[email.expose().as_str(), name.expose(), workspace]);
    let password_hash = app.passwords.hash_new(password, own).await?;
    if let Some(user) = unproven {
        return Ok(Guest::Unproven(user, name, password_hash));
    }
    let (user, now) = (UserId::new(), app.clock.now());
    Ok(Guest::New(Box::new(NewPerson {
        user,
        email: people::seal_email(&app.vault, user, email).await?,
        name,
        password_hash: Some(password_hash),
        verified_at: Some(now),
        at: now,
    })))
}

/// What a link is good for, and whose it is.
async fn read(app: &App, hash: &Hash) -> Result<(Offer, Personal<String>), Error> {
    let offer = {
        let mut connection = app.pool.acquire().await?;
        store::offer(&mut connection, hash, app.clock.now()).await?
    };
    let offer = offer.ok_or(Error::Gone)?;
    let email = open(app, offer.workspace, (offer.invite, &offer.email)).await?;
    Ok((offer, email))
}

/// The account of an address, and whether it is proven.
async fn account(app: &App, email: &Personal<String>) -> Result<Option<(UserId, bool)>, Error> {
    let index = people::email_index(&app.vault, email.expose()).await?;
    let mut connection = app.pool.acquire().await?;
    Ok(store::account(&mut connection, &index).await?)
}
