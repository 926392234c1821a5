//! E-mail addresses: proven by a link, and changed.

mod error;
mod http;
mod store;

use auth_api::{ChangeEmail, VerifyEmail};
use chrono::Duration;
use common::{telemetry::Personal, tokens::Caller};
use ids::UserId;
use serde::{Deserialize, Serialize};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    access,
    app::App,
    audit::{self, Action, Actor, Change, Target},
    client::Client,
    mail::Letter,
    people, reauth,
    tickets::{self, Purpose, Ticket},
};

use error::Error;

/// A link to prove an address is good for so long.
const VERIFY_WITHIN: Duration = Duration::days(1);

/// The address that a link proves.
#[derive(Serialize, Deserialize)]
struct Proves {
    email: Personal<String>,
}

/// The routes that the gateway publishes.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::verify_email))
        .routes(routes!(http::resend_verification))
        .routes(routes!(http::change_email))
}

/// What a link that proves the address of a new account carries.
pub(crate) async fn link(
    app: &App,
    user: UserId,
    email: &Personal<String>,
) -> Result<Ticket, tickets::Error> {
    ticket(app, Purpose::VerifyEmail, user, email).await
}

async fn ticket(
    app: &App,
    purpose: Purpose,
    user: UserId,
    email: &Personal<String>,
) -> Result<Ticket, tickets::Error> {
    let proves = Proves {
        email: email.clone(),
    };
    let good_for = (app.clock.now() + VERIFY_WITHIN, 1);
    Ticket::new(app, purpose, Some(user), &proves, good_for).await
}

/// Proves an address by its link: that of a new account, or the new one of an account.
async fn verify(app: &App, body: VerifyEmail, client: &Client) -> Result<(), Error> {
    match tickets::read::<Proves>(app, Purpose::VerifyEmail, &body.token).await {
        Ok(found) => verify_present(app, found, client).await,
        Err(tickets::Error::Gone) => {
            let found = tickets::read(app, Purpose::ChangeEmail, &body.token).await?;
            replace(app, found, client).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn verify_present(
    app: &App,
    found: tickets::Found<Proves>,
    client: &Client,
) -> Result<(), Error> {
    let user = found.user.ok_or(tickets::Error::Gone)?;
    let proven = people::email_index(&app.vault, found.data.email.expose()).await?;
    let now = app.clock.now();
    let mut transaction = app.pool.begin().await?;
    tickets::spend(&mut transaction, &found.hash).await?;
    // The address may have been changed since the link was sent.
    if people::find(&mut transaction, &proven).await? != Some(user) {
        return Err(tickets::Error::Gone.into());
    }
    if people::verify(&mut transaction, user, now).await? {
        let change = Change::new(Action::EmailVerified, Target::User(user));
        let actor = Actor::person(user, client);
        audit::record_everywhere(app, &mut transaction, &actor, &change).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Puts a new address that was proven into the place of the old one, and tells the old one.
async fn replace(app: &App, found: tickets::Found<Proves>, client: &Client) -> Result<(), Error> {
    let user = found.user.ok_or(tickets::Error::Gone)?;
    let kept = people::seal_email(&app.vault, user, &found.data.email).await?;
    let letter = people::write_to(app, user, &Letter::EmailChanged).await?;
    let now = app.clock.now();
    let mut transaction = app.pool.begin().await?;
    tickets::spend(&mut transaction, &found.hash).await?;
    // Somebody may have registered with it meanwhile.
    if !store::replace(&mut transaction, user, &kept, now).await? {
        return Err(tickets::Error::Gone.into());
    }
    for purpose in [Purpose::VerifyEmail, Purpose::ResetPassword] {
        tickets::forget(&mut transaction, user, purpose).await?;
    }
    let change = Change::new(Action::EmailChanged, Target::User(user));
    let actor = Actor::person(user, client);
    audit::record_everywhere(app, &mut transaction, &actor, &change).await?;
    app.mail.commit(transaction, letter).await?;
    Ok(())
}

/// Sends the link of an address that was not proven yet once more. Earlier ones are no longer good.
async fn resend(app: &App, caller: &Caller, client: &Client) -> Result<(), Error> {
    let user = {
        let mut connection = app.pool.acquire().await?;
        access::person(&mut connection, caller).await?
    };
    let person = people::read(app, user)
        .await?
        .ok_or(access::Error::SessionEnded)?;
    if person.email_verified {
        return Ok(());
    }
    app.attempts
        .letter(user.as_uuid().as_bytes(), client.address)
        .await?;
    let ticket = link(app, user, &person.email).await?;
    let token = ticket.secret.clone();
    let letter = Letter::VerifyEmail { token };
    let sealed = app
        .mail
        .seal(&person.email, Some(&person.name), &letter)
        .await?;
    let mut transaction = app.pool.begin().await?;
    tickets::forget(&mut transaction, user, Purpose::VerifyEmail).await?;
    ticket.insert(&mut transaction).await?;
    app.mail.commit(transaction, sealed).await?;
    Ok(())
}

/// Sends a link to a new address. Whether another account has it, only its owner learns.
async fn change(
    app: &App,
    caller: &Caller,
    body: ChangeEmail,
    client: &Client,
) -> Result<(), Error> {
    let user = access::check_own_account(app, caller).await?;
    reauth::require(app, user, body.password, client).await?;
    app.attempts
        .letter(user.as_uuid().as_bytes(), client.address)
        .await?;
    let index = people::email_index(&app.vault, body.email.expose()).await?;
    let ticket = ticket(app, Purpose::ChangeEmail, user, &body.email).await?;
    let token = ticket.secret.clone();
    let link = Letter::ConfirmNewEmail { token };
    let link = app.mail.seal(&body.email, None, &link).await?;
    let taken = app
        .mail
        .seal(&body.email, None, &Letter::EmailWanted)
        .await?;
    let now = app.clock.now();
    let mut transaction = app.pool.begin().await?;
    tickets::forget(&mut transaction, user, Purpose::ChangeEmail).await?;
    if people::find(&mut transaction, &index).await?.is_some() {
        taken.queue(&mut transaction, now).await?;
    } else {
        ticket.insert(&mut transaction).await?;
        link.queue(&mut transaction, now).await?;
    }
    let change = Change::new(Action::EmailChangeRequested, Target::User(user));
    let actor = Actor::of(caller, client);
    audit::record_everywhere(app, &mut transaction, &actor, &change).await?;
    transaction.commit().await?;
    app.mail.nudge();
    Ok(())
}
