//! The second half of a sign-in that began with a password.

use auth_api::SecondFactor;
use ids::UserId;

use super::{
    Error,
    proof::{self, Proof},
};
use crate::{
    app::App,
    client::Client,
    secrets::Hash,
    sessions::{self, Half, Issued, TokensTo},
    tickets::{self, Purpose},
};

/// Signs in by a code. After five wrong ones the password is asked for again.
pub(super) async fn finish(
    app: &App,
    body: SecondFactor,
    client: &Client,
) -> Result<(Issued, TokensTo), Error> {
    let half = tickets::read::<Half>(app, Purpose::SecondFactor, &body.mfa_token).await?;
    let user = half.user.ok_or(tickets::Error::Gone)?;
    let signed_in = async {
        let proof = proof::check(app, user, &body.code, client).await?;
        open(app, user, (&proof, &half.hash), client).await
    };
    match signed_in.await {
        Ok(issued) => Ok((issued, TokensTo::wished(half.data.return_refresh_token))),
        Err(Error::WrongCode) => {
            tickets::miss(app, &half.hash).await?;
            Err(Error::WrongCode)
        }
        // The app was removed meanwhile: the password is asked for again, and then suffices.
        Err(Error::Missing) => Err(tickets::Error::Gone.into()),
        Err(error) => Err(error),
    }
}

async fn open(
    app: &App,
    user: UserId,
    (proof, ticket): (&Proof, &Hash),
    client: &Client,
) -> Result<Issued, Error> {
    let mut transaction = app.pool.begin().await?;
    tickets::spend(&mut transaction, ticket).await?;
    proof.take(app, &mut transaction, user, client).await?;
    let methods = ["password", proof.method()];
    let issued = sessions::open_at_home(app, &mut transaction, user, &methods, client).await?;
    transaction.commit().await?;
    app.mail.nudge();
    Ok(issued)
}
