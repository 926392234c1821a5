//! Why a passkey is not added, or does not sign in.

use common::{ErrorCode, Problem, problem::FieldError};
use webauthn_rs::prelude::WebauthnError;

use crate::{access, people, reauth, sessions, tickets};

/// Why a passkey is not added, or does not sign in.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// People come by an address, for which no browser makes passkeys.
    #[error("the public URL has no domain")]
    NoDomain,
    /// The person has no such passkey.
    #[error("no such passkey")]
    NotFound,
    /// The person has as many as anybody may have.
    #[error("the person has too many passkeys")]
    TooMany,
    /// The passkey belongs to somebody already.
    #[error("the passkey is known")]
    Known,
    /// The account is gone.
    #[error("the account is gone")]
    Gone,
    /// The credential has not the shape that WebAuthn gives it.
    #[error("the credential has another shape")]
    Shape,
    /// The new credential does not answer the challenge.
    #[error("the credential was not accepted")]
    NotAccepted(#[source] WebauthnError),
    /// Nobody is signed in; why, is nobody's business.
    #[error("the passkey does not sign in")]
    Refused,
    /// The caller may not do this.
    #[error(transparent)]
    Access(#[from] access::Error),
    /// The password is not right.
    #[error(transparent)]
    Reauth(#[from] reauth::Error),
    /// The challenge is over.
    #[error(transparent)]
    Ticket(#[from] tickets::Error),
    /// The person cannot be read or written to.
    #[error(transparent)]
    Person(#[from] people::Error),
    /// The session could not be opened.
    #[error(transparent)]
    SignIn(#[from] sessions::SignInError),
    /// No challenge could be made.
    #[error("no challenge was made")]
    Challenge(#[from] WebauthnError),
    /// A passkey or a challenge is not JSON.
    #[error("a passkey cannot be read or written")]
    Json(#[from] serde_json::Error),
    /// PostgreSQL failed.
    #[error(transparent)]
    Store(sqlx::Error),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(cause)
                if cause.constraint() == Some("passkeys_credential_unique") =>
            {
                Self::Known
            }
            _ => Self::Store(error),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let conflict = |detail: &'static str| Self::new(ErrorCode::Conflict).detail(detail);
        let credential = |detail: &'static str| {
            Self::new(ErrorCode::ValidationFailed)
                .detail("correct the fields under `errors`; nothing was saved")
                .field(FieldError::at("/credential", detail))
        };
        match error {
            Error::NoDomain => conflict(
                "browsers make passkeys for a domain only, and this service is reached by an address",
            ),
            Error::NotFound => Self::not_found(),
            Error::TooMany => conflict("you have 20 passkeys; remove one first"),
            Error::Known => conflict("this passkey was added already"),
            Error::Gone => sessions::Error::Ended.into(),
            Error::Shape => credential("must be what PublicKeyCredential.toJSON() gives"),
            Error::NotAccepted(cause) => {
                credential("does not answer the challenge of this site").caused_by(cause)
            }
            Error::Refused => {
                Self::new(ErrorCode::InvalidCredentials).detail("the passkey was not accepted")
            }
            Error::Access(error) => error.into(),
            Error::Reauth(error) => error.into(),
            Error::Ticket(error) => error.into(),
            Error::Person(error) => error.into(),
            Error::SignIn(error) => error.into(),
            Error::Challenge(_) | Error::Json(_) => Self::internal(error),
            Error::Store(error) => error.into(),
        }
    }
}
