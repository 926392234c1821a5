//! Adding, renaming and removing passkeys.

use auth_api::{CreatePasskey, Passkey, PasskeyChallenge};
use chrono::Duration;
use common::tokens::Caller;
use ids::PasskeyId;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use webauthn_rs::prelude::{PasskeyRegistration, RegisterPublicKeyCredential};

use super::{METHOD, error::Error, store};
use crate::{
    access,
    app::App,
    audit::{self, Action, Actor, Change, Target},
    client::Client,
    factors,
    mail::Letter,
    people, reauth,
    tickets::{self, Purpose, Ticket},
};

/// How long a challenge is good; browsers are told five minutes, too.
pub(super) const CHALLENGE: Duration = Duration::minutes(5);
/// How many passkeys a person may have.
const MOST: usize = 20;

/// Begins to add a passkey.
pub(super) async fn start(
    app: &App,
    caller: &Caller,
    password: Option<SecretString>,
    client: &Client,
) -> Result<PasskeyChallenge, Error> {
    let (user, present) = {
        let mut connection = app.pool.acquire().await?;
        let user = access::own_account(&mut connection, caller).await?;
        (user, store::credential_ids(&mut connection, user).await?)
    };
    if present.len() >= MOST {
        return Err(Error::TooMany);
    }
    reauth::require(app, user, password, client).await?;
    let person = people::read(app, user).await?.ok_or(Error::Gone)?;
    let (options, state) =
        app.passkeys
            .begin_registration(user, (&person.email, &person.name), present)?;
    let good_for = (app.clock.now() + CHALLENGE, 1);
    let purpose = Purpose::PasskeyRegistration;
    let ticket = Ticket::new(app, purpose, Some(user), &state, good_for).await?;
    let mut transaction = app.pool.begin().await?;
    tickets::forget(&mut transaction, user, purpose).await?;
    ticket.insert(&mut transaction).await?;
    transaction.commit().await?;
    Ok(challenge(&ticket, options))
}

/// Adds a passkey that a device made.
pub(super) async fn finish(
    app: &App,
    caller: &Caller,
    body: CreatePasskey,
    client: &Client,
) -> Result<Passkey, Error> {
    let user = access::check_own_account(app, caller).await?;
    let credential: RegisterPublicKeyCredential =
        serde_json::from_value(body.credential).map_err(|_| Error::Shape)?;
    let purpose = Purpose::PasskeyRegistration;
    let ticket = tickets::read::<PasskeyRegistration>(app, purpose, &body.challenge_id).await?;
    if ticket.user != Some(user) {
        return Err(tickets::Error::Gone.into());
    }
    {
        // A challenge is answered once, right or wrong.
        let mut connection = app.pool.acquire().await?;
        tickets::spend(&mut connection, &ticket.hash).await?;
    }
    let made = app
        .passkeys
        .finish_registration(&credential, &ticket.data)?
        .map_err(Error::NotAccepted)?;
    let now = app.clock.now();
    let passkey = Passkey {
        id: PasskeyId::new(),
        name: body.name.trim().to_owned(),
        created_at: now,
        last_used_at: None,
    };
    let name = passkey.name.clone();
    let letter = people::write_to(app, user, &Letter::PasskeyAdded { name }).await?;
    let mut transaction = app.pool.begin().await?;
    if store::lock_all(&mut transaction, user).await?.len() >= MOST {
        return Err(Error::TooMany);
    }
    let kept = serde_json::to_value(&made)?;
    store::insert(&mut transaction, user, &passkey, (made.cred_id(), &kept)).await?;
    let session = (caller.workspace_id, caller.session_id);
    factors::note_added(&mut transaction, session, METHOD).await?;
    let change = Change::new(Action::PasskeyAdded, Target::Passkey(passkey.id));
    let actor = Actor::of(caller, client);
    audit::record_everywhere(app, &mut transaction, &actor, &change).await?;
    app.mail.commit(transaction, letter).await?;
    Ok(passkey)
}

/// Renames a passkey.
pub(super) async fn rename(
    app: &App,
    caller: &Caller,
    (id, name): (PasskeyId, &str),
    client: &Client,
) -> Result<Passkey, Error> {
    let mut transaction = app.pool.begin().await?;
    let user = access::own_account(&mut transaction, caller).await?;
    let passkey = store::rename(&mut transaction, user, id, name.trim())
        .await?
        .ok_or(Error::NotFound)?;
    let change = Change::new(Action::PasskeyRenamed, Target::Passkey(id));
    let actor = Actor::of(caller, client);
    audit::record_everywhere(app, &mut transaction, &actor, &change).await?;
    transaction.commit().await?;
    Ok(passkey)
}

/// Removes a passkey.
pub(super) async fn remove(
    app: &App,
    caller: &Caller,
    (id, password): (PasskeyId, Option<SecretString>),
    client: &Client,
) -> Result<(), Error> {
    let user = access::check_own_account(app, caller).await?;
    let name = {
        let mut connection = app.pool.acquire().await?;
        store::name(&mut connection, user, id).await?
    };
    let name = name.ok_or(Error::NotFound)?;
    reauth::require(app, user, password, client).await?;
    let letter = people::write_to(app, user, &Letter::PasskeyRemoved { name }).await?;
    let mut transaction = app.pool.begin().await?;
    if !store::delete(&mut transaction, user, id).await? {
        return Err(Error::NotFound);
    }
    let change = Change::new(Action::PasskeyRemoved, Target::Passkey(id));
    let actor = Actor::of(caller, client);
    audit::record_everywhere(app, &mut transaction, &actor, &change).await?;
    app.mail.commit(transaction, letter).await?;
    Ok(())
}

/// What a browser is given.
pub(super) fn challenge(ticket: &Ticket, options: Value) -> PasskeyChallenge {
    PasskeyChallenge {
        challenge_id: ticket.secret.expose_secret().to_owned(),
        options,
        expires_in: CHALLENGE.num_seconds(),
    }
}
