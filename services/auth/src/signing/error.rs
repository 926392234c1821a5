//! Why a key cannot be used, and why a token is not signed.

use aws_lc_rs::error::Unspecified;
use chrono::{DateTime, Utc};
use common::Problem;
use ids::SigningKeyId;
use vault::VaultError;

/// Why the signing keys cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A key was made that does not sign yet.
    #[error("a key that was made before signs from {0} on; rotate again after that")]
    UnderWay(DateTime<Utc>),
    /// What was unsealed is not a private key.
    #[error("the signing key {0} is no EC P-256 key")]
    NotAKey(SigningKeyId, #[source] jsonwebtoken::errors::Error),
    /// No key could be made.
    #[error("the system gave no key")]
    NoRandomness(#[from] Unspecified),
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// PostgreSQL failed.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Why a token is not signed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SigningError {
    /// PostgreSQL was not there since the start.
    #[error("no signing key is known yet")]
    NoKey,
    /// The key does not sign, or the claims are not JSON.
    #[error("the access token could not be signed")]
    Failed(#[from] jsonwebtoken::errors::Error),
}

impl From<SigningError> for Problem {
    fn from(error: SigningError) -> Self {
        match error {
            SigningError::NoKey => Self::unavailable(error),
            SigningError::Failed(_) => Self::internal(error),
        }
    }
}
