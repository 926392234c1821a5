//! Why a workspace is not created, entered, changed or deleted.

use common::{ErrorCode, Problem, problem::FieldError};

use crate::{access, reauth, sessions};

/// Why a workspace is not created, entered, changed or deleted.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The caller belongs to no such workspace.
    #[error("no such workspace")]
    NotFound,
    /// Nobody could prove who they are.
    #[error("there is no secret to sign identities with")]
    NoIdentitySecret,
    /// The caller would have no permissions any more.
    #[error("the caller has no second factor")]
    NoSecondFactor,
    /// The name that was given is not the workspace's.
    #[error("the workspace is called otherwise")]
    OtherName,
    /// The settings changed since they were read.
    #[error("the workspace has changed")]
    Stale(Problem),
    /// The caller may not do this.
    #[error(transparent)]
    Access(#[from] access::Error),
    /// The password is not right.
    #[error(transparent)]
    Reauth(#[from] reauth::Error),
    /// The session could not be opened.
    #[error(transparent)]
    Session(#[from] sessions::Error),
    /// PostgreSQL failed.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::not_found().detail("you belong to no such workspace"),
            Error::NoIdentitySecret => Self::new(ErrorCode::Conflict)
                .detail("without a secret no visitor could prove who they are: make one by POST /auth/workspace/identity-secret")
                .field(FieldError::at("/enforce_identity", "needs a secret first")),
            Error::NoSecondFactor => Self::new(ErrorCode::Conflict)
                .detail("you would lock yourself out: set up an authenticator app or a passkey first, or sign in again with yours")
                .field(FieldError::at("/require_second_factor", "needs a second factor of your own first")),
            Error::OtherName => Self::new(ErrorCode::ValidationFailed)
                .detail("correct the fields under `errors`; nothing was deleted")
                .field(FieldError::at("/name", "must be the workspace's name, letter for letter")),
            Error::Stale(problem) => problem,
            Error::Access(error) => error.into(),
            Error::Reauth(error) => error.into(),
            Error::Session(error) => error.into(),
            Error::Store(error) => error.into(),
        }
    }
}
