//! Why a session is not renewed.

use common::{ErrorCode, Problem};

use crate::signing::SigningError;

/// Why a session is not renewed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No refresh token came, or one that is not ours.
    #[error("no refresh token that is known")]
    Unknown,
    /// The token came back too late, or after its successor was used.
    #[error("the refresh token was used already")]
    Reused,
    /// The session was not used for too long.
    #[error("the session was idle for too long")]
    Idle,
    /// The person signed in too long ago.
    #[error("the session is too old")]
    Old,
    /// The session has ended.
    #[error("the session has ended")]
    Ended,
    /// The key that made the successor was taken out of the settings within the grace.
    #[error("the successor cannot be made again")]
    Lost,
    /// The access token could not be signed.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// PostgreSQL failed.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Unknown => Self::new(ErrorCode::Unauthenticated)
                .detail("send the refresh token as the cookie or as `refresh_token`, or sign in"),
            Error::Reused => Self::new(ErrorCode::RefreshTokenReused).detail(
                "the session was ended, because somebody may have copied its token; sign in again",
            ),
            Error::Idle => Self::new(ErrorCode::TokenExpired)
                .detail("the session was not used for 30 days; sign in again"),
            Error::Old => Self::new(ErrorCode::TokenExpired)
                .detail("you signed in too long ago, however much you did since; sign in again"),
            Error::Ended => Self::new(ErrorCode::SessionRevoked).detail("sign in again"),
            Error::Lost => Self::new(ErrorCode::Unauthenticated).detail("sign in again"),
            Error::Signing(error) => error.into(),
            Error::Store(error) => error.into(),
        }
    }
}
