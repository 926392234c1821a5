//! Why an address is not proven or changed.

use common::Problem;
use vault::VaultError;

use crate::{access, attempts::TooMany, mail, people, reauth, tickets};

/// Why an address is not proven or changed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The caller's session has ended, or the caller is a program.
    #[error(transparent)]
    Access(#[from] access::Error),
    /// The password is not right.
    #[error(transparent)]
    Reauth(#[from] reauth::Error),
    /// The link is no longer good.
    #[error(transparent)]
    Ticket(#[from] tickets::Error),
    /// Letters were asked for too often.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// The person cannot be read.
    #[error(transparent)]
    Person(#[from] people::Error),
    /// The letter cannot be written.
    #[error(transparent)]
    Mail(#[from] mail::Error),
    /// The address cannot be sealed.
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
            Error::Reauth(error) => error.into(),
            Error::Ticket(error) => error.into(),
            Error::TooMany(error) => error.into(),
            Error::Person(error) => error.into(),
            Error::Mail(error) => error.into(),
            Error::Vault(error) => error.into(),
            Error::Store(error) => error.into(),
        }
    }
}
