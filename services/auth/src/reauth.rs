//! Asking for the password once more, before something that a stolen session must not do alone.

use common::{ErrorCode, Problem, problem::FieldError};
use ids::UserId;
use secrecy::SecretString;

use crate::{
    app::App,
    attempts::{Attempt, TooMany},
    client::Client,
    passwords::Busy,
};

/// Why somebody is not believed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The account has a password, and none came.
    #[error("the password is missing")]
    Missing,
    /// The password is wrong.
    #[error("the password is wrong")]
    Wrong,
    /// It was wrong too often.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// Too many passwords are being checked.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// PostgreSQL failed.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl Error {
    /// The problem, where the password stands at `pointer`.
    pub(crate) fn at(self, pointer: &str) -> Problem {
        match self {
            Self::Missing => Problem::new(ErrorCode::ValidationFailed)
                .detail("confirm this with your password")
                .field(FieldError::at(pointer, "is needed for this")),
            Self::Wrong => Problem::new(ErrorCode::InvalidCredentials)
                .detail("the password is not right")
                .field(FieldError::at(pointer, "is not right")),
            Self::TooMany(error) => error.into(),
            Self::Busy(error) => error.into(),
            Self::Store(error) => error.into(),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        error.at("/password")
    }
}

/// Lets pass whoever knows the password of `user`; an account without one passes by its session alone.
/// Holds no connection while the password is checked.
pub(crate) async fn require(
    app: &App,
    user: UserId,
    password: Option<SecretString>,
    client: &Client,
) -> Result<(), Error> {
    let stored = {
        let mut connection = app.pool.acquire().await?;
        sqlx::query_scalar!(
            "SELECT password_hash FROM auth.users WHERE id = $1",
            user.as_uuid()
        )
        .fetch_optional(&mut *connection)
        .await?
        .flatten()
    };
    let Some(stored) = stored else { return Ok(()) };
    let password = password.ok_or(Error::Missing)?;
    let account = user.as_uuid();
    let account = account.as_bytes();
    app.attempts
        .check(Attempt::Password, account, client.address)
        .await?;
    if app
        .passwords
        .verify(password, Some(stored))
        .await?
        .is_right()
    {
        return Ok(());
    }
    app.attempts
        .miss(Attempt::Password, account, client.address)
        .await;
    Err(Error::Wrong)
}
