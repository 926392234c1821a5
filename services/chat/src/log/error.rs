//! What can go wrong with a log, and what clients are told.

use common::{ErrorCode, Problem};
use mongodb::error::ErrorKind;
use vault::VaultError;

use super::{documents::StoreError, model::Refusal};

/// Codes of a server that is being replaced as the primary, or stops: another one answers soon (MongoDB
/// specification "Server Discovery and Monitoring", state change errors).
const CHANGING: [i32; 7] = [91, 189, 10107, 11600, 11602, 13435, 13436];

/// Something with a log went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such channel.
    #[error("no such channel")]
    NotFound,
    /// The rules do not let it be appended.
    #[error("refused: {0:?}")]
    Refused(Refusal),
    /// The id names another visitor's or agent's channel.
    #[error("the id is taken")]
    Taken,
    /// The idempotency key was used for another change.
    #[error("the idempotency key was used for another change")]
    KeyReused,
    /// The store failed while it was read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store failed while it wrote: nobody knows whether the entry stands.
    #[error("the store did not confirm")]
    Unconfirmed(#[source] StoreError),
    /// No answer in time: nobody knows whether the entry stands.
    #[error("no answer in time")]
    TimedOut,
    /// Others wrote for so long that this was not begun.
    #[error("the log is busy")]
    Busy,
    /// What is said could not be sealed or opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The work panicked, or the log holds what cannot be.
    #[error("the log failed: {0}")]
    Broken(String),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Only a repetition finds out, and it is safe.
const UNKNOWN: &str =
    "the write was not confirmed in time; send it again under the same id, and it counts once";

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::not_found(),
            Error::Refused(refusal) => refusal.into(),
            Error::Taken => {
                Self::new(ErrorCode::Conflict).detail("the id names another conversation")
            }
            Error::KeyReused => {
                Self::new(ErrorCode::IdempotencyKeyReused).detail("use a new key for a new request")
            }
            Error::Store(error) => error.into(),
            Error::Vault(error) => error.into(),
            error @ (Error::Unconfirmed(_) | Error::TimedOut) => {
                Self::unavailable(error).detail(UNKNOWN)
            }
            error @ Error::Busy => Self::unavailable(error),
            error @ Error::Broken(_) => Self::internal(error),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Mongo(error) => match error.kind.as_ref() {
                ErrorKind::Command(command) if CHANGING.contains(&command.code) => {
                    Self::unavailable(error)
                }
                _ => error.into(),
            },
            unreadable @ StoreError::Unreadable(_) => Self::internal(unreadable),
        }
    }
}
