//! Why an account is not created or opened.

use common::{ErrorCode, Problem, problem::FieldError};

use crate::{passwords::Busy, sessions};

/// Why an account is not created or opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// An account with this e-mail address exists.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// There is no such account, or the password is wrong; which, is nobody's business.
    #[error("the credentials are wrong")]
    WrongCredentials,
    /// The person is in no workspace any more.
    #[error("the person is in no workspace")]
    NoWorkspace,
    /// The session of the caller has ended.
    #[error("the session has ended")]
    SessionEnded,
    /// Too many passwords are being checked.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The session could not be opened.
    #[error(transparent)]
    Session(#[from] sessions::Error),
    /// PostgreSQL failed.
    #[error(transparent)]
    Store(sqlx::Error),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(cause)
                if cause.constraint() == Some("users_email_key_unique") =>
            {
                Self::EmailTaken
            }
            _ => Self::Store(error),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::EmailTaken => Self::new(ErrorCode::EmailTaken)
                .detail("sign in, or use another address")
                .field(FieldError::at(
                    "/email",
                    "an account with this address exists",
                )),
            Error::WrongCredentials => Self::new(ErrorCode::InvalidCredentials)
                .detail("the e-mail address or the password is not right"),
            Error::NoWorkspace => Self::new(ErrorCode::Forbidden).detail(
                "your account belongs to no workspace any more; ask an owner to invite you",
            ),
            Error::SessionEnded => sessions::Error::Ended.into(),
            Error::Busy(error) => error.into(),
            Error::Session(error) => error.into(),
            Error::Store(error) => error.into(),
        }
    }
}
