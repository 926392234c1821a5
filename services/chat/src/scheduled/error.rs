//! Why a message is not scheduled, changed or taken back.

use common::{ErrorCode, Problem, problem::FieldError};

use super::model::MAX_PENDING;

/// Why a message is not scheduled, changed or taken back.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The channel has none with this id.
    #[error("no such message")]
    NotFound,
    /// The time has passed, or is too far away.
    #[error("not a time to send something at")]
    Time,
    /// As many wait in the channel as may.
    #[error("too many wait")]
    TooMany,
    /// It was sent, cancelled or failed already, or is being sent.
    #[error("it does not wait any more")]
    NotPending,
    /// The idempotency key was used for another message.
    #[error("the idempotency key was used for another message")]
    KeyReused,
    /// The conversation has ended.
    #[error("the conversation has ended")]
    Closed,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::not_found().detail("there is no such message in the channel"),
            Error::Time => Self::new(ErrorCode::ValidationFailed)
                .detail("correct the fields under `errors`; nothing was saved")
                .field(FieldError::at(
                    "/send_at",
                    "must be later than now, and within a year",
                )),
            Error::TooMany => Self::new(ErrorCode::Conflict).detail(format!(
                "{MAX_PENDING} messages wait in this conversation; take one back first"
            )),
            Error::NotPending => Self::new(ErrorCode::Conflict)
                .detail("it does not wait any more, or is being sent right now"),
            Error::KeyReused => {
                Self::new(ErrorCode::IdempotencyKeyReused).detail("use a new key for a new request")
            }
            Error::Closed => Self::new(ErrorCode::ChannelClosed)
                .detail("open the conversation again by POST /channels/{id}/reopen first"),
        }
    }
}
