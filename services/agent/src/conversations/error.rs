//! What can be wrong with starting a conversation.

use common::{ErrorCode, Problem};

/// Why a conversation was not started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The visitor's token is for another agent.
    #[error("the token is for another agent")]
    OtherAgent,
    /// Conversations were closed as fast as they were opened.
    #[error("the conversation was closed while it was opened, again and again")]
    Restless,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::OtherAgent => Self::new(ErrorCode::Forbidden)
                .detail("this visitor may talk to one agent only: the one that the session names"),
            Error::Restless => Self::unavailable(error),
        }
    }
}
