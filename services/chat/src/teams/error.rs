//! Why a team is not made or changed.

use common::{ErrorCode, Problem, problem::FieldError};

/// Why a team is not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The workspace has no such team.
    #[error("no such team")]
    NotFound,
    /// Another team of the workspace is called so.
    #[error("another team has this name")]
    NameTaken,
    /// It has as many members as a team may have.
    #[error("the team is full")]
    Full,
    /// The team changed since it was read.
    #[error("the team has changed")]
    Stale(Problem),
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
            Some("teams_name_unique") => Self::NameTaken,
            _ => Self::Store(error),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::not_found().detail("there is no such team in your workspace"),
            Error::NameTaken => Self::new(ErrorCode::Conflict)
                .detail("another team has this name; upper and lower case are the same")
                .field(FieldError::at("/name", "is the name of another team")),
            Error::Full => Self::new(ErrorCode::Conflict)
                .detail("the team has as many members as a team may have; make another one"),
            Error::Stale(problem) => problem,
            Error::Store(error) => error.into(),
        }
    }
}
