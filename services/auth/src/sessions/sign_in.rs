//! Signing in by e-mail address and password.

use std::sync::LazyLock;

use auth_api::Login;
use chrono::Duration;
use common::{ErrorCode, Problem, problem::FieldError};
use ids::UserId;
use prometheus::{IntCounterVec, register_int_counter_vec};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use vault::{BlindIndex, VaultError};

use super::{Error as SessionError, Issued, Opening, model::Account, open};
use crate::{
    app::App,
    attempts::{Attempt, TooMany},
    client::Client,
    factors, members,
    passwords::{self, Busy, Checked},
    people,
    tickets::{self, Purpose, Ticket},
};

static LOGINS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!("auth_logins_total", "attempts to sign in", &["outcome"])
        .expect("the name is used once")
});

/// The second half of a sign-in may take so long.
const SECOND_HALF: Duration = Duration::minutes(5);
/// Wrong codes before the password is asked for again.
const TRIES: i16 = 5;

/// What the first half of a sign-in leaves for the second.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Half {
    /// Whether the answer shall carry the refresh token.
    pub(crate) return_refresh_token: bool,
}

/// What the second half of a sign-in needs.
#[derive(Debug)]
pub(crate) struct SecondHalf {
    token: SecretString,
    methods: Vec<&'static str>,
}

/// Why nobody is signed in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// There is no such account, or the password is wrong; which, is nobody's business.
    #[error("the credentials are wrong")]
    WrongCredentials,
    /// The account wants a second proof.
    #[error("a second proof is needed")]
    SecondFactor(SecondHalf),
    /// The person is in no workspace any more.
    #[error("the person is in no workspace")]
    NoWorkspace,
    /// There were too many mistakes.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// Too many passwords are being checked.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The address cannot be looked up.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The second half cannot be prepared.
    #[error(transparent)]
    Ticket(#[from] tickets::Error),
    /// The session could not be opened.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// PostgreSQL failed.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::WrongCredentials => Self::new(ErrorCode::InvalidCredentials)
                .detail("the e-mail address or the password is not right"),
            Error::SecondFactor(SecondHalf { token, methods }) => {
                Self::new(ErrorCode::SecondFactorRequired)
                    .detail("send a code with `mfa_token` to /auth/login/second-factor")
                    .member("mfa_token", token.expose_secret())
                    .member("methods", methods)
                    .member("expires_in", SECOND_HALF.num_seconds())
            }
            Error::NoWorkspace => Self::new(ErrorCode::Forbidden)
                .detail("the account belongs to no workspace any more; ask for an invitation")
                .field(FieldError::at("/email", "belongs to no workspace")),
            Error::TooMany(error) => error.into(),
            Error::Busy(error) => error.into(),
            Error::Vault(error) => error.into(),
            Error::Ticket(error) => error.into(),
            Error::Session(error) => error.into(),
            Error::Store(error) => error.into(),
        }
    }
}

/// Signs in by e-mail address and password.
pub(super) async fn sign_in(app: &App, body: Login, client: &Client) -> Result<Issued, Error> {
    let index = people::email_index(&app.vault, body.email.expose()).await?;
    let Account {
        user,
        codes_beside_app,
        ..
    } = check(app, &index, body.password, client).await?;
    if let Some(left) = codes_beside_app {
        let methods = factors::required(left);
        let half = Half {
            return_refresh_token: body.return_refresh_token,
        };
        let good_for = (app.clock.now() + SECOND_HALF, TRIES);
        let ticket = Ticket::new(app, Purpose::SecondFactor, Some(user), &half, good_for).await?;
        let mut connection = app.pool.acquire().await?;
        ticket.insert(&mut connection).await?;
        count("second_factor");
        return Err(Error::SecondFactor(SecondHalf {
            token: ticket.secret,
            methods,
        }));
    }
    let mut transaction = app.pool.begin().await?;
    let issued = open_at_home(app, &mut transaction, user, &["password"], client).await?;
    transaction.commit().await?;
    count("signed_in");
    Ok(issued)
}

/// Opens a session in the workspace that a person used last, in the caller's transaction.
pub(crate) async fn open_at_home(
    app: &App,
    connection: &mut PgConnection,
    user: UserId,
    methods: &[&str],
    client: &Client,
) -> Result<Issued, Error> {
    let (workspace, membership) = members::home(connection, user)
        .await?
        .ok_or(Error::NoWorkspace)?;
    let opening = Opening {
        user,
        workspace,
        membership,
        methods,
        began_at: None,
        client,
    };
    Ok(open(app, connection, opening).await?)
}

/// Whose address and password these are. The answer takes as long for an address that nobody has.
async fn check(
    app: &App,
    index: &BlindIndex,
    password: SecretString,
    client: &Client,
) -> Result<Account, Error> {
    let account = index.as_bytes();
    app.attempts
        .check(Attempt::Password, account, client.address)
        .await
        .inspect_err(|_| count("throttled"))?;
    // The connection goes back before the hash, which may have to wait for its turn.
    let found = {
        let mut connection = app.pool.acquire().await?;
        super::store::find_by_email(&mut connection, index).await?
    };
    let stored = found.as_ref().and_then(|it| it.password_hash.clone());
    let checked = app
        .passwords
        .verify(password.clone(), stored.clone())
        .await
        .inspect_err(|_| count("busy"))?;
    let Some(found) = found.filter(|_| checked.is_right()) else {
        app.attempts
            .miss(Attempt::Password, account, client.address)
            .await;
        count("refused");
        return Err(Error::WrongCredentials);
    };
    if let (Checked::RightButWeak, Some(old)) = (checked, stored) {
        strengthen(app.clone(), found.user, password, old);
    }
    Ok(found)
}

/// Hashes a password again that was hashed with less work, while the person is on their way.
fn strengthen(app: App, user: UserId, password: SecretString, old: String) {
    tokio::spawn(async move {
        // When the pool is full, the next sign-in does it.
        let Ok(new) = app.passwords.hash(password).await else {
            return;
        };
        if let Err(error) = passwords::strengthen(&app, user, &old, &new).await {
            tracing::warn!(%user, %error, "an old password hash stays for now");
        }
    });
}

fn count(outcome: &str) {
    LOGINS.with_label_values(&[outcome]).inc();
}
