//! Passwords: refused when others would guess them, hashed in a bounded pool, changed by their owners, replaced
//! when they are forgotten.

mod error;
mod http;
mod model;
mod pool;
mod store;

use auth_api::{ChangePassword, ForgottenPassword, ResetPassword};
use chrono::Duration;
use common::{telemetry::Personal, tokens::Caller};
use ids::UserId;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    access,
    app::App,
    audit::{self, Action, Actor, Change, Target},
    client::Client,
    factors,
    mail::Letter,
    people, reauth,
    sessions::{self, EndReason, Spare},
    tickets::{self, Purpose, Ticket},
};

use error::Error;
pub(crate) use error::NotTaken;
pub(crate) use model::{OwnWords, Weakness};
pub use pool::Passwords;
pub(crate) use pool::{Busy, Checked};

/// A link to set a new password is good for so long.
const RESET_WITHIN: Duration = Duration::hours(1);

/// The routes that the gateway publishes.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::change_password))
        .routes(routes!(http::forget_password))
        .routes(routes!(http::reset_password))
}

/// Keeps a new hash of the same password, if nobody changed it meanwhile.
pub(crate) async fn strengthen(app: &App, user: UserId, old: &str, new: &str) -> sqlx::Result<()> {
    let mut connection = app.pool.acquire().await?;
    store::replace_hash(&mut connection, user, old, new).await
}

/// What somebody would try who knows whose password it is.
async fn own_words(app: &App, user: UserId) -> Result<OwnWords, Error> {
    let workspaces = {
        let mut connection = app.pool.acquire().await?;
        store::workspace_names(&mut connection, user).await?
    };
    let person = people::read(app, user).await?;
    let mut texts: Vec<&str> = workspaces.iter().map(String::as_str).collect();
    if let Some(person) = &person {
        texts.extend([person.email.expose().as_str(), person.name.expose()]);
    }
    Ok(OwnWords::of(&texts))
}

/// Changes a password that is known. The other sessions end.
async fn change(
    app: &App,
    caller: &Caller,
    body: ChangePassword,
    client: &Client,
) -> Result<(), Error> {
    let user = access::check_own_account(app, caller).await?;
    reauth::require(app, user, body.current_password, client).await?;
    let own = own_words(app, user).await?;
    let hash = app.passwords.hash_new(body.new_password, own).await;
    let hash = hash.map_err(|error| Error::NotTaken("/new_password", error))?;
    let letter = people::write_to(app, user, &Letter::PasswordChanged).await?;
    let now = app.clock.now();
    let mut transaction = app.pool.begin().await?;
    store::set(&mut transaction, user, &hash).await?;
    let spare = Spare::Session(caller.session_id);
    let ended = sessions::end_of_user(
        &mut transaction,
        user,
        spare,
        EndReason::PasswordChanged,
        now,
    )
    .await?;
    tickets::forget(&mut transaction, user, Purpose::ResetPassword).await?;
    let change = Change::new(Action::PasswordChanged, Target::User(user));
    let actor = Actor::of(caller, client);
    audit::record_everywhere(app, &mut transaction, &actor, &change).await?;
    app.mail.commit(transaction, letter).await?;
    app.revoked.publish(&ended).await;
    Ok(())
}

/// Sends a link to set a new password, if the address is somebody's. Its owner alone learns whether.
async fn forget(app: &App, body: ForgottenPassword, client: &Client) -> Result<(), Error> {
    let index = people::email_index(&app.vault, body.email.expose()).await?;
    app.attempts
        .letter(index.as_bytes(), client.address)
        .await?;
    let found = {
        let mut connection = app.pool.acquire().await?;
        people::find(&mut connection, &index).await?
    };
    // In the background, so that the time of the answer does not tell.
    let app = app.clone();
    tokio::spawn(async move {
        if let Some(user) = found
            && let Err(error) = send_link(&app, user, body.email).await
        {
            tracing::error!(%user, %error, "a link to set a new password was not sent");
        }
    });
    Ok(())
}

async fn send_link(app: &App, user: UserId, email: Personal<String>) -> Result<(), Error> {
    let now = app.clock.now();
    let ticket = Ticket::new(
        app,
        Purpose::ResetPassword,
        Some(user),
        &(),
        (now + RESET_WITHIN, 1),
    )
    .await?;
    let token = ticket.secret.clone();
    let letter = Letter::ResetPassword { token };
    let sealed = app.mail.seal(&email, None, &letter).await?;
    let mut transaction = app.pool.begin().await?;
    tickets::forget(&mut transaction, user, Purpose::ResetPassword).await?;
    ticket.insert(&mut transaction).await?;
    app.mail.commit(transaction, sealed).await?;
    Ok(())
}

/// Sets a new password by a link. All sessions end, and the address counts as verified: the link came
/// by mail. Until an address is verified, whoever registered it may be somebody else; so what they
/// added to sign in with goes with their password.
async fn reset(app: &App, body: ResetPassword, client: &Client) -> Result<(), Error> {
    let ticket = tickets::read::<()>(app, Purpose::ResetPassword, &body.token).await?;
    let user = ticket.user.ok_or(tickets::Error::Gone)?;
    let own = own_words(app, user).await?;
    let hash = app.passwords.hash_new(body.password, own).await;
    let hash = hash.map_err(|error| Error::NotTaken("/password", error))?;
    let letter = people::write_to(app, user, &Letter::PasswordChanged).await?;
    let now = app.clock.now();
    let mut transaction = app.pool.begin().await?;
    tickets::spend(&mut transaction, &ticket.hash).await?;
    if people::verify(&mut transaction, user, now).await? {
        factors::forget_all(&mut transaction, user).await?;
        tickets::forget_all(&mut transaction, user).await?;
    }
    store::set(&mut transaction, user, &hash).await?;
    let ended = sessions::end_of_user(
        &mut transaction,
        user,
        Spare::None,
        EndReason::PasswordChanged,
        now,
    )
    .await?;
    let change = Change::new(Action::PasswordReset, Target::User(user));
    let actor = Actor::person(user, client);
    audit::record_everywhere(app, &mut transaction, &actor, &change).await?;
    app.mail.commit(transaction, letter).await?;
    app.revoked.publish(&ended).await;
    Ok(())
}
