//! Why a factor is not added, taken or removed.

use common::{ErrorCode, Problem, problem::FieldError};
use vault::VaultError;

use crate::{access, attempts::TooMany, passwords::Busy, people, reauth, sessions, tickets};

/// Why a factor is not added, taken or removed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The code is wrong, or was used.
    #[error("the code is wrong")]
    WrongCode,
    /// The account has no authenticator app.
    #[error("no authenticator app is set up")]
    Missing,
    /// The account has an authenticator app.
    #[error("an authenticator app is set up")]
    Present,
    /// The account is gone.
    #[error("the account is gone")]
    Gone,
    /// The secret cannot be one of ours.
    #[error("the secret of an authenticator app is too short")]
    Secret,
    /// The caller may not do this.
    #[error(transparent)]
    Access(#[from] access::Error),
    /// The password is not right.
    #[error(transparent)]
    Reauth(#[from] reauth::Error),
    /// The first half of the exchange is over.
    #[error(transparent)]
    Ticket(#[from] tickets::Error),
    /// There were too many wrong codes.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// Too many codes are being hashed.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The person cannot be read or written to.
    #[error(transparent)]
    Person(#[from] people::Error),
    /// The secret cannot be sealed or opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The session could not be opened.
    #[error(transparent)]
    SignIn(#[from] sessions::SignInError),
    /// PostgreSQL failed.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::WrongCode => Self::new(ErrorCode::InvalidCredentials)
                .detail("the code is not right, or was used already")
                .field(FieldError::at("/code", "is not right")),
            Error::Missing => Self::new(ErrorCode::Conflict)
                .detail("no authenticator app is set up for this account"),
            Error::Present => Self::new(ErrorCode::Conflict)
                .detail("an authenticator app is set up already; remove it first"),
            Error::Gone => sessions::Error::Ended.into(),
            Error::Secret => Self::internal(error),
            Error::Access(error) => error.into(),
            Error::Reauth(error) => error.into(),
            Error::Ticket(error) => error.into(),
            Error::TooMany(error) => error.into(),
            Error::Busy(error) => error.into(),
            Error::Person(error) => error.into(),
            Error::Vault(error) => error.into(),
            Error::SignIn(error) => error.into(),
            Error::Store(error) => error.into(),
        }
    }
}
