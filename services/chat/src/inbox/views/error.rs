//! What can be wrong with a request for a view.

use common::{ErrorCode, Problem};

/// Why a view was not read or changed.
#[derive(Debug, thiserror::Error)]
pub(in crate::inbox) enum Error {
    /// It is not there, is somebody else's own, or belongs to another workspace.
    #[error("no such view")]
    NotFound,
    /// There are as many as anybody may have.
    #[error("too many views")]
    TooMany,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::not_found().detail("there is no such view for you"),
            Error::TooMany => Self::new(ErrorCode::Conflict).detail(format!(
                "there are {} views already; delete one first",
                super::MOST
            )),
        }
    }
}
