//! What can go wrong with a file, and what clients are told.

use common::{ErrorCode, Problem, problem::FieldError};

/// The most files that somebody has uploaded and not sent.
pub(super) const MAX_WAITING: i64 = 10;
/// The largest file, in bytes.
pub(super) const MAX_SIZE: u64 = 20 * 1024 * 1024;

/// Something with a file went wrong.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// There is none for the caller.
    #[error("no such attachment")]
    NotFound,
    /// No object store is configured.
    #[error("no store for attachments is configured")]
    NoStore,
    /// The store failed, or is not there.
    #[error(transparent)]
    Store(#[from] object_store::Error),
    /// It is too large.
    #[error("the file is too large")]
    TooLarge,
    /// It is a program.
    #[error("programs are not taken")]
    Program,
    /// Too many wait to be sent.
    #[error("too many files wait to be sent")]
    TooMany,
    /// The same upload is under way.
    #[error("the same upload is under way")]
    UnderWay,
    /// The sender stopped, or was silent for too long.
    #[error("the upload ended early")]
    EndedEarly,
    /// A message names files that it cannot have.
    #[error("a message names files that it cannot have")]
    NotReady(usize),
    /// The bytes are not what was stored.
    #[error(transparent)]
    Tampered(#[from] super::cipher::Tampered),
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] vault::VaultError),
    /// The log failed.
    #[error(transparent)]
    Log(crate::log::Error),
    /// PostgreSQL failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::not_found(),
            Error::NoStore => Self::unavailable(error)
                .detail("files cannot be sent here: set SYNTERA_ATTACHMENTS_URL"),
            Error::Store(object_store::Error::NotFound { .. }) => Self::internal(error),
            Error::Store(_) => Self::unavailable(error)
                .detail("the store of files does not answer; try again, nothing was kept"),
            Error::TooLarge => Self::new(ErrorCode::PayloadTooLarge)
                .detail(format!("a file has at most {MAX_SIZE} bytes")),
            Error::Program => Self::new(ErrorCode::UnsupportedMediaType)
                .detail("programs are not taken; pack it into an archive if it must be"),
            Error::TooMany => Self::new(ErrorCode::Conflict).detail(format!(
                "{MAX_WAITING} files wait to be sent; send some of them first"
            )),
            Error::UnderWay => {
                Self::new(ErrorCode::Conflict).detail("the same file is being uploaded already")
            }
            Error::EndedEarly => Self::new(ErrorCode::InvalidJson)
                .detail("the upload ended before it was complete; nothing was kept"),
            Error::NotReady(index) => Self::new(ErrorCode::ValidationFailed).field(FieldError::at(
                format!("/body/attachment_ids/{index}"),
                "not a file that you uploaded here and have not sent yet",
            )),
            Error::Tampered(_) => Self::internal(error),
            Error::Vault(error) => error.into(),
            Error::Log(error) => error.into(),
            Error::Database(error) => error.into(),
        }
    }
}
