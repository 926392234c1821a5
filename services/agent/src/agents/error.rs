//! What can be wrong with a request for an agent.

use common::Problem;

/// Why an agent was not read or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not there, or belongs to another workspace.
    #[error("no such agent")]
    NotFound,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::not_found().detail("there is no such agent in your workspace"),
        }
    }
}
