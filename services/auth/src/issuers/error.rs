//! Why a provider is not added, changed or unlinked.

use common::{ErrorCode, Problem, problem::FieldError};
use vault::VaultError;

use super::provider;
use crate::{access, people, reauth, roles};

/// Why a provider is not added, changed or unlinked.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The workspace has no such provider.
    #[error("no such provider")]
    NotFound,
    /// The person could not sign in any more.
    #[error("nothing else signs in to the account")]
    LastWay,
    /// The workspace has as many as any may have.
    #[error("the workspace has too many providers")]
    TooMany,
    /// The caller has no address of this domain.
    #[error("the domain is not the caller's")]
    ForeignDomain(usize),
    /// What the provider says of itself cannot be read.
    #[error(transparent)]
    Provider(#[from] provider::Error),
    /// The provider changed since it was read.
    #[error("the provider has changed")]
    Stale(Problem),
    /// The role of those who join cannot be given.
    #[error(transparent)]
    Role(#[from] roles::Error),
    /// The caller may not do this.
    #[error(transparent)]
    Access(#[from] access::Error),
    /// The password is not right.
    #[error(transparent)]
    Reauth(#[from] reauth::Error),
    /// The caller's address cannot be read.
    #[error(transparent)]
    Person(#[from] people::Error),
    /// The secret cannot be sealed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// PostgreSQL failed.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let invalid = |pointer: &str, detail: String| {
            Self::new(ErrorCode::ValidationFailed)
                .detail("correct the fields under `errors`; nothing was saved")
                .field(FieldError::at(pointer, detail))
        };
        match error {
            Error::NotFound => Self::not_found(),
            Error::LastWay => Self::new(ErrorCode::Conflict)
                .detail("nothing else signs in to your account; set a password by POST /auth/password/forgotten first"),
            Error::TooMany => Self::new(ErrorCode::Conflict)
                .detail("the workspace has 20 identity providers; remove one first"),
            Error::ForeignDomain(index) => invalid(
                &format!("/email_domains/{index}"),
                "must be the domain of your own verified address".to_owned(),
            ),
            Error::Provider(error) => invalid("/issuer", error.to_string()),
            Error::Stale(problem) => problem,
            Error::Role(roles::Error::Beyond(lacking)) => invalid(
                "/auto_join_role",
                format!("may do what you may not: {}", lacking.join(", ")),
            ),
            Error::Role(error) => error.into(),
            Error::Access(error) => error.into(),
            Error::Reauth(error) => error.into(),
            Error::Person(error) => error.into(),
            Error::Vault(error) => error.into(),
            Error::Store(error) => error.into(),
        }
    }
}
