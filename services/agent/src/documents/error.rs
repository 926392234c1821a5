//! What can be wrong with a request for a document.

use common::Problem;

/// Why a document was not read or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not there, or belongs to another agent or workspace.
    #[error("no such document")]
    NotFound,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::not_found().detail("there is no such document of this agent"),
        }
    }
}
