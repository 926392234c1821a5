//! Why a password is not changed.

use common::{ErrorCode, Problem, problem::FieldError};

use crate::{access, attempts::TooMany, mail, people, reauth, tickets};
use vault::VaultError;

use super::{Busy, Weakness};

/// Why a new password is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotTaken {
    /// Somebody would guess it.
    #[error("the password is weak: it {0}")]
    Weak(Weakness),
    /// Too many passwords are being hashed.
    #[error(transparent)]
    Busy(#[from] Busy),
}

impl NotTaken {
    /// The problem, where the password stands at `pointer`.
    pub(crate) fn at(self, pointer: &str) -> Problem {
        match self {
            Self::Weak(weakness) => Problem::new(ErrorCode::ValidationFailed)
                .detail("correct the fields under `errors`; nothing was saved")
                .field(FieldError::at(pointer, weakness.to_string())),
            Self::Busy(error) => error.into(),
        }
    }
}

impl From<NotTaken> for Problem {
    fn from(error: NotTaken) -> Self {
        error.at("/password")
    }
}

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
    /// The new password, which stands there, is not taken.
    #[error("the new password is not taken")]
    NotTaken(&'static str, #[source] NotTaken),
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
            Error::NotTaken(pointer, error) => error.at(pointer),
            Error::Person(error) => error.into(),
            Error::Mail(error) => error.into(),
            Error::Vault(error) => error.into(),
            Error::Store(error) => error.into(),
        }
    }
}
