//! Why an account is not made, shown, changed or deleted.

use common::{ErrorCode, Problem};
use vault::VaultError;

use crate::{access, mail, passwords::NotTaken, people, reauth, tickets};

/// Why an account is not made, shown, changed or deleted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A workspace would be left without an owner.
    #[error("the person is the last owner of a workspace")]
    LastOwner,
    /// The caller's session has ended, or the caller is a program.
    #[error(transparent)]
    Access(#[from] access::Error),
    /// The password is not right.
    #[error(transparent)]
    Reauth(#[from] reauth::Error),
    /// The password is not taken.
    #[error(transparent)]
    NotTaken(#[from] NotTaken),
    /// The link cannot be made.
    #[error(transparent)]
    Ticket(#[from] tickets::Error),
    /// The letter cannot be written.
    #[error(transparent)]
    Mail(#[from] mail::Error),
    /// The person cannot be read.
    #[error(transparent)]
    Person(#[from] people::Error),
    /// The address cannot be sealed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// PostgreSQL failed.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::LastOwner => Self::new(ErrorCode::LastOwner).detail(
                "you are the last owner of a workspace; make somebody else an owner, or delete the workspace",
            ),
            Error::Access(error) => error.into(),
            Error::Reauth(error) => error.into(),
            Error::NotTaken(error) => error.into(),
            Error::Ticket(error) => error.into(),
            Error::Mail(error) => error.into(),
            Error::Person(error) => error.into(),
            Error::Vault(error) => error.into(),
            Error::Store(error) => error.into(),
        }
    }
}
