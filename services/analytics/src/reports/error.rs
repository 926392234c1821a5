//! What can be wrong with a request for a report.

use analytics_api::ReportType;
use common::{ErrorCode, Problem, problem::FieldError};

use super::model::MAX_DAYS;

/// Why there is no report.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    /// No report has this name.
    #[error("no such report")]
    Unknown,
    /// The time ends before it begins.
    #[error("from is not before to")]
    Backwards,
    /// The time is too long.
    #[error("the time is too long")]
    TooLong,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let invalid = |name: &'static str, detail: String| {
            Self::new(ErrorCode::InvalidQuery)
                .detail("correct the parameters under `errors`")
                .field(FieldError::parameter(name, detail))
        };
        match error {
            Error::Unknown => {
                let known: Vec<&str> = ReportType::ALL.iter().map(|known| known.as_str()).collect();
                Self::not_found().detail(format!(
                    "there is no such report; there are: {}",
                    known.join(", ")
                ))
            }
            Error::Backwards => invalid("from", "must be before `to`".to_owned()),
            Error::TooLong => invalid(
                "from",
                format!("must be {MAX_DAYS} days before `to` at most"),
            ),
        }
    }
}
