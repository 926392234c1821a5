//! Adding and removing an authenticator app, and making recovery codes.

use auth_api::{ConfirmTotp, ProveFactor, RecoveryCodes, TotpSetup};
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::Duration;
use common::tokens::Caller;
use ids::UserId;
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};
use serde::{Deserialize, Serialize};
use vault::Scope;

use super::{
    Error,
    model::{self, Typed},
    proof::{self, Proof},
    store::{self, Kept},
};
use crate::{
    access,
    app::App,
    attempts::Attempt,
    audit::{self, Action, Actor, Change, Target},
    client::Client,
    mail::Letter,
    people, reauth,
    tickets::{self, Purpose, Ticket},
};

/// The time to set an app up.
const SETUP: Duration = Duration::minutes(10);
/// Wrong codes before it begins again.
const TRIES: i16 = 5;

/// What the first half of a setup leaves for the second: the secret in base64.
#[derive(Serialize, Deserialize)]
struct Pending {
    secret: String,
}

/// Begins to set up an app: a secret that counts once a code has confirmed it.
pub(super) async fn start(
    app: &App,
    caller: &Caller,
    password: Option<SecretString>,
    client: &Client,
) -> Result<TotpSetup, Error> {
    let user = {
        let mut connection = app.pool.acquire().await?;
        let user = access::own_account(&mut connection, caller).await?;
        if store::has(&mut connection, user).await?.is_some() {
            return Err(Error::Present);
        }
        user
    };
    reauth::require(app, user, password, client).await?;
    let person = people::read(app, user).await?.ok_or(Error::Gone)?;
    let secret = model::fresh_secret();
    let (base32, otpauth_url) = model::for_app(&secret, &person.email).ok_or(Error::Secret)?;
    let pending = Pending {
        secret: STANDARD.encode(&*secret),
    };
    let good_for = (app.clock.now() + SETUP, TRIES);
    let ticket = Ticket::new(app, Purpose::TotpSetup, Some(user), &pending, good_for).await?;
    let mut transaction = app.pool.begin().await?;
    tickets::forget(&mut transaction, user, Purpose::TotpSetup).await?;
    ticket.insert(&mut transaction).await?;
    transaction.commit().await?;
    Ok(TotpSetup {
        setup_id: ticket.secret.expose_secret().to_owned(),
        secret: base32,
        otpauth_url,
        expires_in: SETUP.num_seconds(),
    })
}

/// Confirms that an app is set up. From now on it is asked for.
pub(super) async fn confirm(
    app: &App,
    caller: &Caller,
    body: ConfirmTotp,
    client: &Client,
) -> Result<RecoveryCodes, Error> {
    let user = access::check_own_account(app, caller).await?;
    let ticket = tickets::read::<Pending>(app, Purpose::TotpSetup, &body.setup_id).await?;
    if ticket.user != Some(user) {
        return Err(tickets::Error::Gone.into());
    }
    let id = user.as_uuid();
    app.attempts
        .check(Attempt::Code, id.as_bytes(), client.address)
        .await?;
    let secret = Zeroizing::new(
        STANDARD
            .decode(&ticket.data.secret)
            .map_err(|_| Error::Secret)?,
    );
    let now = app.clock.now();
    let step = match Typed::read(&body.code) {
        Some(Typed::Totp(digits)) => model::step(&secret, &digits, now),
        Some(Typed::Recovery(_)) | None => None,
    };
    let Some(last_step) = step else {
        tickets::miss(app, &ticket.hash).await?;
        proof::count_miss(app, user, client).await;
        return Err(Error::WrongCode);
    };
    let sealed = app
        .vault
        .seal(Scope::FLEET, &proof::context(user), &secret)
        .await?;
    let kept = Kept {
        secret: sealed,
        last_step,
    };
    let (codes, hashes) = fresh_codes(app).await?;
    let letter = people::write_to(app, user, &Letter::TotpEnabled).await?;
    let mut transaction = app.pool.begin().await?;
    tickets::spend(&mut transaction, &ticket.hash).await?;
    if !store::insert(&mut transaction, user, &kept, now).await? {
        return Err(Error::Present);
    }
    store::replace_codes(&mut transaction, user, &hashes).await?;
    let session = (caller.workspace_id, caller.session_id);
    super::note_added(&mut transaction, session, super::TOTP).await?;
    let change = Change::new(Action::TotpEnabled, Target::User(user));
    let actor = Actor::of(caller, client);
    audit::record_everywhere(app, &mut transaction, &actor, &change).await?;
    app.mail.commit(transaction, letter).await?;
    Ok(codes)
}

/// Removes the app with its recovery codes.
pub(super) async fn remove(
    app: &App,
    caller: &Caller,
    body: ProveFactor,
    client: &Client,
) -> Result<(), Error> {
    let (user, proof) = prove(app, caller, body, client).await?;
    let letter = people::write_to(app, user, &Letter::TotpDisabled).await?;
    let mut transaction = app.pool.begin().await?;
    proof.take(app, &mut transaction, user, client).await?;
    store::delete(&mut transaction, user).await?;
    let change = Change::new(Action::TotpDisabled, Target::User(user)).before(proof::shown(&proof));
    let actor = Actor::of(caller, client);
    audit::record_everywhere(app, &mut transaction, &actor, &change).await?;
    app.mail.commit(transaction, letter).await?;
    Ok(())
}

/// Makes new recovery codes; the old ones are no longer good.
pub(super) async fn replace_codes(
    app: &App,
    caller: &Caller,
    body: ProveFactor,
    client: &Client,
) -> Result<RecoveryCodes, Error> {
    let (user, proof) = prove(app, caller, body, client).await?;
    let (codes, hashes) = fresh_codes(app).await?;
    let letter = people::write_to(app, user, &Letter::RecoveryCodesReplaced).await?;
    let mut transaction = app.pool.begin().await?;
    proof.take(app, &mut transaction, user, client).await?;
    store::replace_codes(&mut transaction, user, &hashes).await?;
    let change = Change::new(Action::RecoveryCodesReplaced, Target::User(user));
    let actor = Actor::of(caller, client);
    audit::record_everywhere(app, &mut transaction, &actor, &change).await?;
    app.mail.commit(transaction, letter).await?;
    Ok(codes)
}

/// Lets pass who shows the password, if there is one, and a code.
async fn prove(
    app: &App,
    caller: &Caller,
    body: ProveFactor,
    client: &Client,
) -> Result<(UserId, Proof), Error> {
    let user = access::check_own_account(app, caller).await?;
    reauth::require(app, user, body.password, client).await?;
    let proof = proof::check(app, user, &body.code, client).await?;
    Ok((user, proof))
}

/// New recovery codes, and what is kept of them.
async fn fresh_codes(app: &App) -> Result<(RecoveryCodes, Vec<String>), Error> {
    let recovery_codes = model::fresh_codes();
    let mut hashes = Vec::with_capacity(recovery_codes.len());
    for code in &recovery_codes {
        // Without the hyphen, as a typed one is compared.
        let plain = SecretString::from(code.replace('-', ""));
        hashes.push(app.passwords.hash(plain).await?);
    }
    Ok((RecoveryCodes { recovery_codes }, hashes))
}
