//! People, and their e-mail addresses: sealed where they are kept, found by a blind index.
//!
//! People stand outside the workspaces, so the keys are the fleet's. What seals or opens may not run
//! inside a transaction: the vault reads its keys by connections of its own.

use chrono::{DateTime, Utc};
use common::{Problem, telemetry::Personal};
use ids::UserId;
use secrecy::ExposeSecret;
use sqlx::PgConnection;
use vault::{BlindIndex, Context, Scope, Sealed, Vault, VaultError};

use crate::{
    app::App,
    mail::{self, Letter, SealedLetter},
};

const EMAIL: &str = "auth.users.email";

/// An e-mail address as it is kept.
#[derive(Debug, Clone)]
pub(crate) struct KeptEmail {
    /// The address, readable with the fleet's key only.
    pub(crate) sealed: Sealed,
    /// What finds it again.
    pub(crate) index: BlindIndex,
}

/// Why a person cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The address cannot be opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The letter cannot be written.
    #[error(transparent)]
    Mail(#[from] mail::Error),
    /// PostgreSQL failed.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Vault(error) => error.into(),
            Error::Mail(error) => error.into(),
            Error::Store(error) => error.into(),
        }
    }
}

/// A person, as letters name them.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    /// The name.
    pub(crate) name: Personal<String>,
    /// The address.
    pub(crate) email: Personal<String>,
    /// Whether the address was verified.
    pub(crate) email_verified: bool,
}

/// An e-mail address as it is compared: people write the same one in upper and lower case. Nothing
/// else is folded: `ada+shop@` and `ada@` may be two people's.
pub(crate) fn email_key(email: &str) -> String {
    email.trim().to_lowercase()
}

/// What is kept of the address of `user`.
pub(crate) async fn seal_email(
    vault: &Vault,
    user: UserId,
    email: &Personal<String>,
) -> Result<KeptEmail, VaultError> {
    let email = email.expose().trim();
    Ok(KeptEmail {
        sealed: vault
            .seal(Scope::FLEET, &context(user), email.as_bytes())
            .await?,
        index: email_index(vault, email).await?,
    })
}

/// The address of `user`.
pub(crate) async fn open_email(
    vault: &Vault,
    user: UserId,
    sealed: &Sealed,
) -> Result<Personal<String>, VaultError> {
    let text = vault
        .open_text(Scope::FLEET, &context(user), sealed)
        .await?;
    Ok(Personal::new(text.expose_secret().to_owned()))
}

/// What finds the account of an address.
pub(crate) async fn email_index(vault: &Vault, email: &str) -> Result<BlindIndex, VaultError> {
    vault
        .index(Scope::FLEET, &Context::field(EMAIL), &email_key(email))
        .await
}

/// A person, with their address opened.
pub(crate) async fn read(app: &App, user: UserId) -> Result<Option<Person>, Error> {
    let found = {
        let mut connection = app.pool.acquire().await?;
        sqlx::query!(
            r#"SELECT name, email_sealed AS "email!", email_verified_at FROM auth.users
               WHERE id = $1 AND email_sealed IS NOT NULL"#,
            user.as_uuid(),
        )
        .fetch_optional(&mut *connection)
        .await?
    };
    let Some(row) = found else { return Ok(None) };
    Ok(Some(Person {
        name: Personal::new(row.name),
        email: open_email(&app.vault, user, &row.email.into()).await?,
        email_verified: row.email_verified_at.is_some(),
    }))
}

/// Writes a letter to a person; none to somebody whose account is gone.
pub(crate) async fn write_to(
    app: &App,
    user: UserId,
    letter: &Letter,
) -> Result<Option<SealedLetter>, Error> {
    let Some(person) = read(app, user).await? else {
        return Ok(None);
    };
    let sealed = app
        .mail
        .seal(&person.email, Some(&person.name), letter)
        .await?;
    Ok(Some(sealed))
}

/// Whose address this is.
pub(crate) async fn find(
    connection: &mut PgConnection,
    index: &BlindIndex,
) -> sqlx::Result<Option<UserId>> {
    sqlx::query_scalar!(
        r#"SELECT id AS "id: UserId" FROM auth.users WHERE email_index = $1"#,
        index.as_bytes(),
    )
    .fetch_optional(connection)
    .await
}

/// Counts the address of a person as verified; answers whether it was not before.
pub(crate) async fn verify(
    connection: &mut PgConnection,
    user: UserId,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "UPDATE auth.users SET email_verified_at = $2 WHERE id = $1 AND email_verified_at IS NULL",
        user.as_uuid(),
        now,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

fn context(user: UserId) -> Context {
    Context {
        field: EMAIL,
        row: user.as_uuid(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_without_case() {
        assert_eq!(
            email_key(" Ada.Lovelace@Example.COM"),
            "ada.lovelace@example.com"
        );
        assert_ne!(
            email_key("ada+shop@example.com"),
            email_key("ada@example.com")
        );
    }
}
