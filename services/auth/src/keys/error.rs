//! Why a key is not created, revoked or exchanged.

use common::{ErrorCode, Problem, problem::FieldError};

use crate::{access, signing::SigningError};

/// Why a key is not created, revoked or exchanged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The workspace has no such key.
    #[error("no such key")]
    NotFound,
    /// The end of a new key is past, or too far ahead.
    #[error("the end of the key is past, or more than a year ahead")]
    EndsWhen,
    /// A new key would have scopes that its maker lacks: each with its place in the list.
    #[error("the key would have more permissions than its maker")]
    Exceeds(Vec<(usize, String)>),
    /// A program asked for a secret key.
    #[error("a program cannot make secret keys")]
    MadeByProgram,
    /// Another service than the gateway asked for an exchange.
    #[error("only the gateway exchanges keys")]
    NotTheGateway,
    /// No secret key is this, or it was revoked.
    #[error("the secret key is unknown, or was revoked")]
    Unknown,
    /// The secret key has ended.
    #[error("the secret key has ended")]
    Over,
    /// The caller may not.
    #[error(transparent)]
    Access(#[from] access::Error),
    /// The access token could not be signed.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// PostgreSQL failed.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::not_found(),
            Error::EndsWhen => Self::new(ErrorCode::ValidationFailed)
                .detail("correct the fields under `errors`; nothing was saved")
                .field(FieldError::at(
                    "/expires_at",
                    "must lie ahead, and a year ahead at most",
                )),
            Error::Exceeds(lacking) => {
                let fields = lacking.into_iter().map(|(place, scope)| {
                    FieldError::at(
                        format!("/scopes/{place}"),
                        format!("you lack the permission {scope} yourself"),
                    )
                });
                Self::new(ErrorCode::Forbidden)
                    .detail(
                        "nobody gives away more than they have; take out what is under `errors`",
                    )
                    .fields(fields)
            }
            Error::MadeByProgram => Self::new(ErrorCode::Forbidden)
                .detail("secret keys are made by people; sign in as one"),
            Error::NotTheGateway => Self::new(ErrorCode::Forbidden)
                .detail("secret keys come by the gateway, and it alone exchanges them"),
            Error::Unknown => Self::new(ErrorCode::InvalidCredentials)
                .detail("the secret key is unknown, or was revoked"),
            Error::Over => Self::new(ErrorCode::InvalidCredentials)
                .detail("the secret key has ended; create another one"),
            Error::Access(error) => error.into(),
            Error::Signing(error) => error.into(),
            Error::Store(error) => error.into(),
        }
    }
}
