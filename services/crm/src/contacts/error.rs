//! What can be wrong with a request for a contact.

use common::{ErrorCode, Problem, problem::FieldError};

/// Why a contact was not read or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not there, or belongs to another workspace.
    #[error("no such contact")]
    NotFound,
    /// The patch would leave nothing that says who it is.
    #[error("nothing would be left to know the contact by")]
    Unrecognisable,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => {
                Self::not_found().detail("there is no such contact in your workspace")
            }
            Error::Unrecognisable => Self::new(ErrorCode::ValidationFailed)
                .detail("correct the fields under `errors`; nothing was saved")
                .field(FieldError::at(
                    "",
                    "leave at least one of name, email, phone and company",
                )),
        }
    }
}
