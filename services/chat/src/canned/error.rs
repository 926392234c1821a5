//! Why a canned reply is not made or changed.

use common::{ErrorCode, Problem, problem::FieldError};

/// Why a canned reply is not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is none with this id that the caller sees.
    #[error("no such canned reply")]
    NotFound,
    /// Another one that is shared, or another one of the caller's, has the shortcut.
    #[error("another canned reply has this shortcut")]
    ShortcutTaken,
    /// The caller may not do this.
    #[error("refused: {0}")]
    Refused(Problem),
    /// PostgreSQL failed.
    #[error(transparent)]
    Store(sqlx::Error),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let constraint = match &error {
            sqlx::Error::Database(cause) => cause.constraint(),
            _ => None,
        };
        match constraint {
            Some("canned_replies_shortcut_unique") => Self::ShortcutTaken,
            _ => Self::Store(error),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::not_found().detail("there is no such canned reply for you"),
            Error::ShortcutTaken => Self::new(ErrorCode::Conflict)
                .detail("another canned reply has this shortcut")
                .field(FieldError::at(
                    "/shortcut",
                    "is that of another canned reply",
                )),
            Error::Refused(problem) => problem,
            Error::Store(error) => error.into(),
        }
    }
}
