//! Single-use secrets: the links that are sent by mail, and what joins the halves of an exchange.
//!
//! A ticket is found by the hash of its secret, carries sealed data for the second half, and is gone
//! once it is spent. Sealing and opening stay outside of transactions; [`spend`] belongs inside.

use chrono::{DateTime, Utc};
use common::{ErrorCode, Problem};
use ids::UserId;
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::PgConnection;
use uuid::Uuid;
use vault::{Context, Scope, Sealed, VaultError};

use crate::{
    app::App,
    secrets::{self, Hash},
};

const FIELD: &str = "auth.tickets.sealed";

/// What a ticket is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Proves an e-mail address.
    VerifyEmail,
    /// Proves a new e-mail address.
    ChangeEmail,
    /// Sets a new password.
    ResetPassword,
    /// The second half of a sign-in.
    SecondFactor,
    /// The second half of adding an authenticator app.
    TotpSetup,
    /// The second half of adding a passkey.
    PasskeyRegistration,
    /// The second half of signing in by a passkey.
    PasskeyLogin,
    /// The way back from an identity provider.
    IssuerLogin,
}

impl Purpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ChangeEmail => "change_email",
            Self::ResetPassword => "reset_password",
            Self::SecondFactor => "second_factor",
            Self::TotpSetup => "totp_setup",
            Self::PasskeyRegistration => "passkey_registration",
            Self::PasskeyLogin => "passkey_login",
            Self::IssuerLogin => "issuer_login",
        }
    }
}

/// Why a ticket is not taken or made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// It is unknown, spent or too old.
    #[error("the ticket is no longer good")]
    Gone,
    /// The data could not be sealed or opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The data has not the shape that was expected.
    #[error("the data of a ticket cannot be read")]
    Data(#[from] serde_json::Error),
    /// PostgreSQL failed.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Gone => Self::new(ErrorCode::LinkExpired).detail("ask for a new one"),
            Error::Vault(error) => error.into(),
            Error::Data(error) => Self::internal(error),
            Error::Store(error) => error.into(),
        }
    }
}

/// A ticket that is to be written.
#[derive(Debug)]
pub(crate) struct Ticket {
    /// What its holder shows; it is kept nowhere.
    pub(crate) secret: SecretString,
    hash: Hash,
    purpose: Purpose,
    user: Option<UserId>,
    sealed: Sealed,
    tries: i16,
    expires_at: DateTime<Utc>,
}

/// A ticket that came in and is good.
#[derive(Debug)]
pub(crate) struct Found<T> {
    /// Whose it is.
    pub(crate) user: Option<UserId>,
    /// What the first half left for the second.
    pub(crate) data: T,
    /// What spends it.
    pub(crate) hash: Hash,
}

impl Ticket {
    /// A ticket with `data` inside, good until `expires_at` and for so many tries.
    pub(crate) async fn new<T: Serialize>(
        app: &App,
        purpose: Purpose,
        user: Option<UserId>,
        data: &T,
        (expires_at, tries): (DateTime<Utc>, i16),
    ) -> Result<Self, Error> {
        let secret = secrets::fresh(secrets::TICKET);
        let hash = Hash::of(&secret);
        let sealed = app
            .vault
            .seal(Scope::FLEET, &context(&hash), &serde_json::to_vec(data)?)
            .await?;
        Ok(Self {
            secret,
            hash,
            purpose,
            user,
            sealed,
            tries,
            expires_at,
        })
    }

    /// Writes it.
    pub(crate) async fn insert(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        sqlx::query!(
            "INSERT INTO auth.tickets (hash, purpose, user_id, sealed, tries_left, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
            self.hash.as_bytes(),
            self.purpose.as_str(),
            self.user.map(|user| user.as_uuid()),
            self.sealed.as_bytes(),
            self.tries,
            self.expires_at,
        )
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// Reads a ticket without spending it.
pub(crate) async fn read<T: DeserializeOwned>(
    app: &App,
    purpose: Purpose,
    secret: &SecretString,
) -> Result<Found<T>, Error> {
    let hash = Hash::of(secret);
    let found = {
        let mut connection = app.pool.acquire().await?;
        sqlx::query!(
            r#"SELECT user_id AS "user: UserId", sealed FROM auth.tickets
               WHERE hash = $1 AND purpose = $2 AND expires_at > $3"#,
            hash.as_bytes(),
            purpose.as_str(),
            app.clock.now(),
        )
        .fetch_optional(&mut *connection)
        .await?
    };
    let row = found.ok_or(Error::Gone)?;
    let plain = app
        .vault
        .open(Scope::FLEET, &context(&hash), &Sealed::from(row.sealed))
        .await?;
    Ok(Found {
        user: row.user,
        data: serde_json::from_slice(plain.expose_secret())?,
        hash,
    })
}

/// Spends a ticket, in the transaction of what it is spent for.
///
/// # Errors
/// [`Error::Gone`] when somebody was faster.
pub(crate) async fn spend(connection: &mut PgConnection, hash: &Hash) -> Result<(), Error> {
    let done = sqlx::query!("DELETE FROM auth.tickets WHERE hash = $1", hash.as_bytes())
        .execute(connection)
        .await?;
    if done.rows_affected() == 1 {
        Ok(())
    } else {
        Err(Error::Gone)
    }
}

/// Takes a try from a ticket; after the last it is gone.
pub(crate) async fn miss(app: &App, hash: &Hash) -> sqlx::Result<()> {
    let mut connection = app.pool.acquire().await?;
    sqlx::query!(
        "UPDATE auth.tickets SET tries_left = tries_left - 1 WHERE hash = $1",
        hash.as_bytes()
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "DELETE FROM auth.tickets WHERE hash = $1 AND tries_left <= 0",
        hash.as_bytes()
    )
    .execute(&mut *connection)
    .await?;
    Ok(())
}

/// Deletes a person's tickets of one purpose: a new link replaces the old ones.
pub(crate) async fn forget(
    connection: &mut PgConnection,
    user: UserId,
    purpose: Purpose,
) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM auth.tickets WHERE user_id = $1 AND purpose = $2",
        user.as_uuid(),
        purpose.as_str(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes all of a person's tickets: whoever asked for them may be somebody else.
pub(crate) async fn forget_all(connection: &mut PgConnection, user: UserId) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM auth.tickets WHERE user_id = $1",
        user.as_uuid()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes some of the tickets that nobody used in time; answers how many.
pub(crate) async fn delete_expired(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "DELETE FROM auth.tickets
         WHERE hash IN (SELECT hash FROM auth.tickets WHERE expires_at < $1 LIMIT 1000)",
        now,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Binds the data to its row: the hash has more than enough bits for an id.
fn context(hash: &Hash) -> Context {
    let (id, _) = hash
        .as_bytes()
        .split_first_chunk::<16>()
        .expect("a SHA-256 has 32 bytes");
    Context {
        field: FIELD,
        row: Uuid::from_bytes(*id),
    }
}
