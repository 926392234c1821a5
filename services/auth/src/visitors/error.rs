//! Why a visitor is not let in.

use common::{ErrorCode, Problem, problem::FieldError};
use vault::VaultError;

use super::identity::Rejected;
use crate::{access, signing::SigningError};

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
    /// The workspace wants to know who visitors are.
    #[error("the visitor must prove who they are")]
    IdentityRequired,
    /// The proof of who they are is none.
    #[error("the identity {0}")]
    Identity(#[from] Rejected),
    /// Others were faster, several times.
    #[error("the same person comes in too often at once")]
    Contended,
    /// The caller may not.
    #[error(transparent)]
    Access(#[from] access::Error),
    /// The access token could not be signed.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// What was sealed is no identity.
    #[error("a visitor's identity cannot be read")]
    Data(#[from] serde_json::Error),
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
            Error::IdentityRequired => Self::new(ErrorCode::IdentityRequired)
                .detail("send `identity`, a token that the company's server signed, each time"),
            Error::Identity(rejected) => Self::new(ErrorCode::InvalidCredentials)
                .detail("the identity is not proven; see under `errors` which check failed")
                .field(FieldError::at("/identity", rejected.to_string())),
            Error::Contended => Self::unavailable(error),
            Error::Access(error) => error.into(),
            Error::Signing(error) => error.into(),
            Error::Vault(error) => error.into(),
            Error::Data(error) => Self::internal(error),
            Error::Store(error) => error.into(),
        }
    }
}
