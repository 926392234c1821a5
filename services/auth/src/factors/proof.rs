//! Checking a code, and taking it so that it is good once.

use ids::UserId;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use sqlx::PgConnection;
use vault::{Context, Scope};

use super::{
    Error, RECOVERY_CODE, TOTP,
    model::{self, Typed},
    store::{self, KeptCode},
};
use crate::{
    app::App,
    attempts::Attempt,
    audit::{self, Action, Actor, Change, Target},
    client::Client,
    mail::{Letter, SealedLetter},
    people,
};

const FIELD: &str = "auth.totp.secret";

/// A code that is right. It counts once [`Proof::take`] has taken it.
#[derive(Debug)]
pub(super) enum Proof {
    /// The code of a step.
    Totp(i64),
    /// A recovery code, with the letter that tells its owner.
    Recovery(KeptCode, Option<SealedLetter>),
}

impl Proof {
    /// What sessions call it.
    pub(super) const fn method(&self) -> &'static str {
        match self {
            Self::Totp(_) => TOTP,
            Self::Recovery(..) => RECOVERY_CODE,
        }
    }

    /// Takes the code, in the transaction of what it is shown for. Nudge the mail after the commit.
    ///
    /// # Errors
    /// [`Error::WrongCode`] when it was taken before, by whoever was faster.
    pub(super) async fn take(
        &self,
        app: &App,
        connection: &mut PgConnection,
        user: UserId,
        client: &Client,
    ) -> Result<(), Error> {
        let taken = match self {
            Self::Totp(step) => store::take_step(connection, user, *step).await?,
            Self::Recovery(code, _) => store::take_code(connection, user, code).await?,
        };
        if !taken {
            return Err(Error::WrongCode);
        }
        if let Self::Recovery(_, letter) = self {
            let change = Change::new(Action::RecoveryCodeUsed, Target::User(user));
            let actor = Actor::person(user, client);
            audit::record_everywhere(app, connection, &actor, &change).await?;
            if let Some(letter) = letter {
                letter.queue(connection, app.clock.now()).await?;
            }
        }
        Ok(())
    }
}

/// Checks a code of a person; wrong ones are counted. Outside of any transaction.
///
/// # Errors
/// [`Error::Missing`] when there is no authenticator app, [`Error::WrongCode`] when the code is not
/// right or was used, [`Error::TooMany`] after too many wrong ones.
pub(super) async fn check(
    app: &App,
    user: UserId,
    code: &SecretString,
    client: &Client,
) -> Result<Proof, Error> {
    let id = user.as_uuid();
    app.attempts
        .check(Attempt::Code, id.as_bytes(), client.address)
        .await?;
    match right(app, user, code).await {
        Err(Error::WrongCode) => {
            count_miss(app, user, client).await;
            Err(Error::WrongCode)
        }
        proof => proof,
    }
}

/// Counts a wrong code.
pub(super) async fn count_miss(app: &App, user: UserId, client: &Client) {
    let id = user.as_uuid();
    app.attempts
        .miss(Attempt::Code, id.as_bytes(), client.address)
        .await;
}

async fn right(app: &App, user: UserId, code: &SecretString) -> Result<Proof, Error> {
    let (kept, codes) = {
        let mut connection = app.pool.acquire().await?;
        let kept = store::find(&mut connection, user).await?;
        (kept, store::codes(&mut connection, user).await?)
    };
    let kept = kept.ok_or(Error::Missing)?;
    match Typed::read(code).ok_or(Error::WrongCode)? {
        Typed::Totp(digits) => {
            let context = context(user);
            let secret = app.vault.open(Scope::FLEET, &context, &kept.secret).await?;
            model::step(secret.expose_secret(), &digits, app.clock.now())
                .filter(|step| *step > kept.last_step)
                .map(Proof::Totp)
                .ok_or(Error::WrongCode)
        }
        Typed::Recovery(typed) => {
            let left = codes.len().saturating_sub(1);
            let code = matching(app, typed, codes).await?.ok_or(Error::WrongCode)?;
            let letter = people::write_to(app, user, &Letter::RecoveryCodeUsed { left }).await?;
            Ok(Proof::Recovery(code, letter))
        }
    }
}

/// The kept code that was typed.
async fn matching(
    app: &App,
    typed: SecretString,
    codes: Vec<KeptCode>,
) -> Result<Option<KeptCode>, Error> {
    for code in codes {
        let hash = Some(code.hash.clone());
        if app.passwords.verify(typed.clone(), hash).await?.is_right() {
            return Ok(Some(code));
        }
    }
    Ok(None)
}

/// Where the secret of a person's app stands.
pub(super) fn context(user: UserId) -> Context {
    Context {
        field: FIELD,
        row: user.as_uuid(),
    }
}

/// What the audit log says of a proof.
pub(super) fn shown(proof: &Proof) -> serde_json::Value {
    json!({ "method": proof.method() })
}
