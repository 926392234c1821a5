//! Why a role is not made, changed or given.

use common::{ErrorCode, Problem, problem::FieldError};

use crate::access;

/// Why a role is not made, changed or given.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The workspace has no such role.
    #[error("no such role")]
    NotFound,
    /// The role that somebody is to have is not there.
    #[error("the role to be given is not there")]
    Unknown,
    /// Another role of the workspace is called so.
    #[error("another role has this name")]
    NameTaken,
    /// Members have the role.
    #[error("members have this role")]
    HeldByMembers,
    /// Somebody is invited with the role.
    #[error("somebody is invited with this role")]
    HeldByInvites,
    /// The caller would give away these permissions, which they do not have themselves.
    #[error("the caller lacks {0:?}")]
    Beyond(Vec<String>),
    /// The role changed since it was read.
    #[error("the role has changed")]
    Stale(Problem),
    /// The caller may not do this.
    #[error(transparent)]
    Access(#[from] access::Error),
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
            Some("roles_name_unique") => Self::NameTaken,
            Some("memberships_role_exists") => Self::HeldByMembers,
            Some("invites_role_exists") => Self::HeldByInvites,
            _ => Self::Store(error),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::not_found().detail("there is no such role in your workspace"),
            Error::Unknown => Self::new(ErrorCode::ValidationFailed)
                .detail("correct the fields under `errors`; nothing was saved")
                .field(FieldError::at("/role_id", "is no role of your workspace")),
            Error::NameTaken => Self::new(ErrorCode::Conflict)
                .detail("another role has this name; upper and lower case are the same")
                .field(FieldError::at("/name", "is the name of another role")),
            Error::HeldByMembers => Self::new(ErrorCode::Conflict).detail(
                "members have this role; give them another one by PATCH /auth/members/{user_id}",
            ),
            Error::HeldByInvites => Self::new(ErrorCode::Conflict).detail(
                "somebody is invited with this role; withdraw that by DELETE /auth/invites/{id}",
            ),
            Error::Beyond(lacking) => Self::new(ErrorCode::Forbidden).detail(format!(
                "nobody gives away more than they have, and you lack {}; ask an owner or an admin",
                lacking.join(", ")
            )),
            Error::Stale(problem) => problem,
            Error::Access(error) => error.into(),
            Error::Store(error) => error.into(),
        }
    }
}
