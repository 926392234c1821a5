//! Signing in by a passkey, without saying first who one is.

use auth_api::{PasskeyChallenge, PasskeyLogin};
use serde_json::Value;
use webauthn_rs::prelude::{DiscoverableAuthentication, Passkey, PublicKeyCredential};

use super::{
    METHOD,
    error::Error,
    registration::{CHALLENGE, challenge},
    store,
};
use crate::{
    app::App,
    client::Client,
    sessions::{self, Issued},
    tickets::{self, Purpose, Ticket},
};

/// Begins a sign-in.
pub(super) async fn start(app: &App) -> Result<PasskeyChallenge, Error> {
    let (options, state) = app.passkeys.begin_sign_in()?;
    let good_for = (app.clock.now() + CHALLENGE, 1);
    let ticket = Ticket::new(app, Purpose::PasskeyLogin, None, &state, good_for).await?;
    let mut connection = app.pool.acquire().await?;
    ticket.insert(&mut connection).await?;
    Ok(challenge(&ticket, options))
}

/// Signs in by what a device answered. Everything that is wrong with it has the same answer.
pub(super) async fn finish(
    app: &App,
    body: PasskeyLogin,
    client: &Client,
) -> Result<Issued, Error> {
    let credential: PublicKeyCredential =
        serde_json::from_value(body.credential).map_err(|_| Error::Shape)?;
    let purpose = Purpose::PasskeyLogin;
    let state = tickets::read::<DiscoverableAuthentication>(app, purpose, &body.challenge_id)
        .await
        .map_err(refused)?;
    {
        // A challenge is answered once, right or wrong.
        let mut connection = app.pool.acquire().await?;
        tickets::spend(&mut connection, &state.hash)
            .await
            .map_err(refused)?;
    }
    let user = app
        .passkeys
        .claimed_user(&credential)
        .ok_or(Error::Refused)?;
    let mut transaction = app.pool.begin().await?;
    let kept = store::lock(&mut transaction, user, credential.get_credential_id())
        .await?
        .ok_or(Error::Refused)?;
    let mut passkey: Passkey = serde_json::from_value(kept.credential)?;
    app.passkeys
        .finish_sign_in(&credential, state.data, &mut passkey)?
        .map_err(|error| {
            tracing::info!(passkey = %kept.id, %error, "a passkey was not accepted");
            Error::Refused
        })?;
    let used: Value = serde_json::to_value(&passkey)?;
    store::note_use(&mut transaction, kept.id, &used, app.clock.now()).await?;
    let methods = [METHOD];
    let issued = sessions::open_at_home(app, &mut transaction, user, &methods, client).await?;
    transaction.commit().await?;
    Ok(issued)
}

/// A challenge that is over is as good as a wrong answer.
fn refused(error: tickets::Error) -> Error {
    match error {
        tickets::Error::Gone => Error::Refused,
        error => error.into(),
    }
}
