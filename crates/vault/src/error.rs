//! Why a value was not sealed or opened.

use std::error::Error as StdError;

use common::Problem;

use crate::Scope;

/// Why a value was not sealed or opened. Says nothing of its content.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// PostgreSQL is not there, or does not take a data key.
    #[error("the data keys cannot be reached")]
    Store(#[from] sqlx::Error),
    /// What wraps the data keys is not there. A [`crate::KeyWrapper`] over the network answers this.
    #[error("the key management service cannot be reached")]
    Wrapper(#[source] Box<dyn StdError + Send + Sync>),
    /// A data key is wrapped by a master key that this process was not given.
    #[error(
        "a data key is wrapped by the master key {0:?}, which SYNTERA_VAULT_KEYS does not have"
    )]
    UnknownMasterKey(String),
    /// The value names a data key that its scope does not have: the scope was destroyed, the key was
    /// retired too early, or the value is another scope's.
    #[error("{0} has no such data key")]
    UnknownDataKey(Scope),
    /// The value was changed, or stands where it was not sealed for.
    #[error("{0} does not open: it was changed, or moved from another row, field or scope")]
    Tampered(&'static str),
    /// The value opens and is no text.
    #[error("{0} is not UTF-8")]
    NotText(&'static str),
}

impl From<VaultError> for Problem {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Store(cause) => cause.into(),
            VaultError::Wrapper(_) => Self::unavailable(error),
            VaultError::UnknownMasterKey(_)
            | VaultError::UnknownDataKey(_)
            | VaultError::Tampered(_)
            | VaultError::NotText(_) => Self::internal(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use common::ErrorCode;

    use super::*;

    #[test]
    fn what_is_down_is_unavailable_and_what_is_wrong_is_internal() {
        let code = |error| Problem::from(error).code();
        for down in [
            VaultError::Store(sqlx::Error::PoolTimedOut),
            VaultError::Wrapper("no answer".into()),
        ] {
            assert_eq!(code(down), ErrorCode::Unavailable);
        }
        for wrong in [
            VaultError::Store(sqlx::Error::RowNotFound),
            VaultError::UnknownMasterKey("k1".to_owned()),
            VaultError::UnknownDataKey(Scope::FLEET),
            VaultError::Tampered("auth.users.email"),
            VaultError::NotText("auth.users.email"),
        ] {
            assert_eq!(code(wrong), ErrorCode::Internal);
        }
    }
}
