//! Why nobody is invited, or lets themselves be.

use common::{ErrorCode, Problem, problem::FieldError};
use ids::{InviteId, UserId};
use vault::VaultError;

use crate::{access, attempts::TooMany, mail, passwords::NotTaken, roles};

/// Why nobody is invited, or lets themselves be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The workspace has no such invitation.
    #[error("no such invitation")]
    NotFound,
    /// The person is in the workspace.
    #[error("the person is a member already")]
    AlreadyMember(UserId),
    /// The person is invited.
    #[error("the person is invited already")]
    AlreadyInvited(InviteId),
    /// The link was used, was withdrawn, or is too old.
    #[error("the link is no longer good")]
    Gone,
    /// There is no account, and not all came that makes one.
    #[error("a new account needs {0:?}")]
    Incomplete(Vec<&'static str>),
    /// Somebody made an account with the address while the invitation was accepted.
    #[error("an account was made meanwhile")]
    AccountMade,
    /// The caller may not do this.
    #[error(transparent)]
    Access(#[from] access::Error),
    /// The role cannot be given.
    #[error(transparent)]
    Role(#[from] roles::Error),
    /// The address got too many letters.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// The password of a new account is not taken.
    #[error(transparent)]
    NotTaken(#[from] NotTaken),
    /// The letter cannot be written.
    #[error(transparent)]
    Mail(#[from] mail::Error),
    /// The address cannot be sealed or opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// PostgreSQL failed.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => {
                Self::not_found().detail("there is no such invitation in your workspace")
            }
            Error::AlreadyMember(user) => Self::new(ErrorCode::Conflict)
                .detail(format!(
                    "this person is a member already; PATCH /auth/members/{user} changes the role"
                ))
                .field(FieldError::at("/email", "is a member's")),
            Error::AlreadyInvited(invite) => Self::new(ErrorCode::Conflict)
                .detail(format!(
                    "this person is invited already; POST /auth/invites/{invite}/resend sends the letter again, \
                     DELETE /auth/invites/{invite} withdraws it"
                ))
                .field(FieldError::at("/email", "is invited already")),
            Error::Gone => Self::new(ErrorCode::LinkExpired)
                .detail("ask whoever invited you for another letter"),
            Error::Incomplete(missing) => Self::new(ErrorCode::ValidationFailed)
                .detail("an account is made for you: choose a name and a password")
                .fields(
                    missing
                        .into_iter()
                        .map(|pointer| FieldError::at(pointer, "is required for a new account")),
                ),
            Error::AccountMade => Self::new(ErrorCode::Conflict)
                .detail("an account with your address was made at this moment; open the link again"),
            Error::Access(error) => error.into(),
            Error::Role(error) => error.into(),
            Error::TooMany(error) => Self::from(error)
                .detail("this address got several letters just now; try again later"),
            Error::NotTaken(error) => error.into(),
            Error::Mail(error) => error.into(),
            Error::Vault(error) => error.into(),
            Error::Store(error) => error.into(),
        }
    }
}
