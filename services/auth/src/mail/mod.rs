//! Letters to people: sealed beside the rows that cause them, sent after the commit.
//!
//! A letter is queued in the transaction of its cause, so that neither is there without the other, and
//! sent by whichever instance finds it first: at least once, with growing pauses, for a day and a half.

mod letter;
mod store;
mod transport;

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use chrono::{DateTime, Utc};
use clock::Clock;
use common::telemetry::Personal;
use ids::LetterId;
use prometheus::{IntCounterVec, register_int_counter_vec};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use std::sync::LazyLock;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use url::Url;
use vault::{Context, Scope, Sealed, Vault, VaultError};

pub(crate) use letter::Letter;
use letter::Rendered;
pub use transport::MailConfig;
use transport::{SendError, Transport};

static LETTERS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "auth_letters_total",
        "letters that were to be sent",
        &["outcome"]
    )
    .expect("the name is used once")
});

const FIELD: &str = "auth.letters.sealed";
/// What a crash or a lost nudge left is found within this time.
const SWEEP_EVERY: Duration = Duration::from_secs(2);
/// After the last try a letter is dropped: some 34 hours after the first.
const TRIES: i16 = 12;

/// Why a letter cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// It could not be put into words.
    #[error("the letter cannot be written")]
    Words(#[from] askama::Error),
    /// It could not be sealed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// It could not be made JSON.
    #[error("the letter cannot be kept")]
    Shape(#[from] serde_json::Error),
}

impl From<Error> for common::Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Vault(error) => error.into(),
            error => Self::internal(error),
        }
    }
}

/// Writes and sends letters. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Mail {
    transport: Transport,
    public_url: Url,
    vault: Vault,
    pool: PgPool,
    clock: Clock,
    nudge: Arc<Notify>,
}

/// A letter that is ready to be queued.
#[derive(Debug)]
pub(crate) struct SealedLetter {
    id: LetterId,
    sealed: Sealed,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    to: String,
    letter: Rendered,
}

impl Mail {
    /// Letters that leave as the settings say, with links to `public_url`.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub(crate) fn new(
        config: &MailConfig,
        public_url: Url,
        (vault, pool, clock): (Vault, PgPool, Clock),
    ) -> Result<Self> {
        Ok(Self {
            transport: Transport::new(config)?,
            public_url,
            vault,
            pool,
            clock,
            nudge: Arc::default(),
        })
    }

    /// Writes a letter. Outside of the transaction that queues it.
    pub(crate) async fn seal(
        &self,
        to: &Personal<String>,
        name: Option<&Personal<String>>,
        letter: &Letter,
    ) -> Result<SealedLetter, Error> {
        let id = LetterId::new();
        let kept = Kept {
            to: to.expose().clone(),
            letter: letter.render(name, &self.public_url)?,
        };
        let sealed = self
            .vault
            .seal(Scope::FLEET, &context(id), &serde_json::to_vec(&kept)?)
            .await?;
        Ok(SealedLetter { id, sealed })
    }

    /// Queues a letter, if there is one, commits its cause with it, and has it sent at once.
    pub(crate) async fn commit(
        &self,
        mut transaction: Transaction<'_, Postgres>,
        letter: impl Into<Option<SealedLetter>>,
    ) -> sqlx::Result<()> {
        if let Some(letter) = letter.into() {
            letter.queue(&mut transaction, self.clock.now()).await?;
        }
        transaction.commit().await?;
        self.nudge();
        Ok(())
    }

    /// Sends what was committed now rather than in two seconds.
    pub(crate) fn nudge(&self) {
        self.nudge.notify_one();
    }

    /// Sends what is queued, until `stop`.
    pub(crate) async fn send_until(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            match self.send_next().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "letters wait: the queue cannot be read"),
            }
            let pause = tokio::time::timeout(SWEEP_EVERY, self.nudge.notified());
            let _ = stop.run_until_cancelled(pause).await;
        }
    }

    /// Sends one letter; answers whether there was one.
    async fn send_next(&self) -> Result<bool> {
        let mut connection = self.pool.acquire().await?;
        let Some(due) = store::claim(&mut connection, self.clock.now()).await? else {
            return Ok(false);
        };
        // Sending may take long; the claim holds without the connection.
        drop(connection);
        let outcome = self.send(due.id, &due.sealed).await?;
        let over = match &outcome {
            Ok(()) => true,
            Err(SendError::Refused(_)) => true,
            Err(SendError::Failed(_)) => due.tries >= TRIES,
        };
        match outcome {
            Ok(()) => count("sent"),
            Err(error) if over => {
                count("dropped");
                tracing::error!(letter = %due.id, tries = due.tries, %error, "a letter was given up");
            }
            Err(error) => {
                count("put_off");
                tracing::warn!(letter = %due.id, tries = due.tries, %error, "a letter waits");
            }
        }
        if over {
            let mut connection = self.pool.acquire().await?;
            store::delete(&mut connection, due.id).await?;
        }
        Ok(true)
    }

    async fn send(&self, id: LetterId, sealed: &Sealed) -> Result<Result<(), SendError>> {
        let plain = self.vault.open(Scope::FLEET, &context(id), sealed).await?;
        let kept: Kept = serde_json::from_slice(plain.expose_secret())?;
        Ok(self
            .transport
            .send(id.as_uuid(), &kept.to, kept.letter)
            .await)
    }
}

impl SealedLetter {
    /// Queues it, in the transaction of its cause. [`Mail::commit`], or [`Mail::nudge`] after the commit.
    pub(crate) async fn queue(
        &self,
        connection: &mut PgConnection,
        now: DateTime<Utc>,
    ) -> sqlx::Result<()> {
        store::insert(connection, self.id, &self.sealed, now).await
    }
}

fn context(id: LetterId) -> Context {
    Context {
        field: FIELD,
        row: id.as_uuid(),
    }
}

fn count(outcome: &str) {
    LETTERS.with_label_values(&[outcome]).inc();
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mail")
    }
}
