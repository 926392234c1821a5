//! Why a member is not shown, changed or removed.

use common::{ErrorCode, Problem, problem::FieldError};

use crate::{access, people, reauth, roles};

/// Why a member is not shown, changed or removed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The person is no member of the workspace.
    #[error("no such member")]
    NotFound,
    /// Without this person the workspace would have no owner.
    #[error("the member is the last owner")]
    LastOwner,
    /// The member may do more than the caller.
    #[error("the member may do more than the caller")]
    Mightier,
    /// Whoever is to own the workspace is no member of it.
    #[error("the new owner is no member")]
    NoHeir,
    /// Whoever is to own the workspace is its owner already.
    #[error("the new owner is the caller")]
    HeirToOneself,
    /// Whoever is to own the workspace has not verified their address.
    #[error("the new owner's address was not verified")]
    HeirNotVerified,
    /// The caller may not do this.
    #[error(transparent)]
    Access(#[from] access::Error),
    /// The password is not right.
    #[error(transparent)]
    Reauth(#[from] reauth::Error),
    /// The role cannot be given.
    #[error(transparent)]
    Role(#[from] roles::Error),
    /// The address cannot be opened.
    #[error(transparent)]
    Person(#[from] people::Error),
    /// PostgreSQL failed.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => {
                Self::not_found().detail("there is no such member in your workspace")
            }
            Error::LastOwner => Self::new(ErrorCode::LastOwner)
                .detail("make somebody else an owner first, or delete the workspace"),
            Error::Mightier => Self::new(ErrorCode::Forbidden)
                .detail("this member may do more than you; ask an owner or an admin"),
            Error::NoHeir => Self::new(ErrorCode::ValidationFailed)
                .detail("correct the fields under `errors`; nothing was saved")
                .field(FieldError::at("/user_id", "is no member of your workspace")),
            Error::HeirToOneself => Self::new(ErrorCode::ValidationFailed)
                .detail("correct the fields under `errors`; nothing was saved")
                .field(FieldError::at("/user_id", "is yourself")),
            Error::HeirNotVerified => Self::new(ErrorCode::Conflict)
                .detail("the new owner has to verify their e-mail address first"),
            Error::Access(error) => error.into(),
            Error::Reauth(error) => error.into(),
            Error::Role(error) => error.into(),
            Error::Person(error) => error.into(),
            Error::Store(error) => error.into(),
        }
    }
}
