//! Why a password is not changed.

use common::Problem;

use crate::{access, attempts::TooMany, mail, people, reauth, tickets};
use vault::VaultError;

use super::Busy;

/// Why a password is not changed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The caller's session has ended.
    #[error(transparent)]
    Access(#[from] access::Error),
    /// The present password is not right.
    #[error(transparent)]
    Reauth(#[from] reauth::Error),
    /// The link is no longer good.
    #[error(transparent)]
    Ticket(#[from] tickets::Error),
    /// Letters were asked for too often.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// Too many passwords are being hashed.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The person cannot be read.
    #[error(transparent)]
    Person(#[from] people::Error),
    /// The letter cannot be written.
    #[error(transparent)]
    Mail(#[from] mail::Error),
    /// The address cannot be looked up.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// PostgreSQL failed.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Access(error) => error.into(),
            Error::Reauth(error) => error.at("/current_password"),
            Error::Ticket(error) => error.into(),
            Error::TooMany(error) => error.into(),
            Error::Busy(error) => error.into(),
            Error::Person(error) => error.into(),
            Error::Mail(error) => error.into(),
            Error::Vault(error) => error.into(),
            Error::Store(error) => error.into(),
        }
    }
}
