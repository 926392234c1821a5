//! Why a visitor is not let in.

use common::{ErrorCode, Problem};

use crate::signing::SigningError;

/// Why a visitor is not let in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No such key, or it was revoked.
    #[error("no such key")]
    UnknownKey,
    /// The workspace knows no visitor by this secret.
    #[error("no visitor has this secret")]
    UnknownSecret,
    /// The page's origin is not one of the key's.
    #[error("the origin is not allowed")]
    OriginNotAllowed,
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
            Error::UnknownKey => Self::new(ErrorCode::InvalidCredentials)
                .detail("the publishable key is unknown, or was revoked"),
            Error::UnknownSecret => Self::new(ErrorCode::InvalidCredentials)
                .detail("the visitor's secret is unknown; ask again without it"),
            Error::OriginNotAllowed => Self::new(ErrorCode::OriginNotAllowed)
                .detail("add this site's origin to the allowed origins of the key"),
            Error::Signing(error) => Self::internal(error),
            Error::Store(error) => error.into(),
        }
    }
}
