//! Why an event had no effect, and whether it may have it later.

use bus::{Failure, WrongType};

/// Why an event was not handled.
#[derive(Debug, thiserror::Error)]
pub enum Unhandled {
    /// Its data is not what its type says.
    #[error(transparent)]
    Type(#[from] WrongType),
    /// PostgreSQL is not there, or does not take the effect.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl Unhandled {
    /// Whether trying again could help.
    #[must_use]
    pub fn failure(self) -> Failure {
        match &self {
            Self::Type(_) => Failure::Poison(self.into()),
            // Class 22 is a value that cannot be, 23 a row that may not be (PostgreSQL manual,
            // appendix A): the same event will meet the same answer.
            Self::Store(sqlx::Error::Database(cause))
                if cause
                    .code()
                    .is_some_and(|code| code.starts_with("22") || code.starts_with("23")) =>
            {
                Failure::Poison(self.into())
            }
            Self::Store(_) => Failure::Passing(self.into()),
        }
    }
}
