//! Why a key is not created or revoked.

use common::{ErrorCode, Problem};

use crate::sessions;

/// Why a key is not created or revoked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The workspace has no such key.
    #[error("no such key")]
    NotFound,
    /// The caller's e-mail address was not verified.
    #[error("the e-mail address was not verified")]
    EmailNotVerified,
    /// The session of the caller has ended.
    #[error("the session has ended")]
    SessionEnded,
    /// PostgreSQL failed.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::not_found(),
            Error::EmailNotVerified => Self::new(ErrorCode::Forbidden).detail(
                "verify your e-mail address first; until then you cannot create or revoke keys",
            ),
            Error::SessionEnded => sessions::Error::Ended.into(),
            Error::Store(error) => error.into(),
        }
    }
}
