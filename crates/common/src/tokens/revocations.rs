//! Ended sessions whose tokens have not expired yet.
//!
//! Auth's PostgreSQL decides. Whoever accepts tokens from outside asks auth twice a second for what
//! was revoked, with an overlap, because rows become visible in the order of their commits and not of
//! their timestamps. A list that could not be renewed for half a minute answers 503 rather than guess.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use chrono::{DateTime, Utc};
use clock::Clock;
use ids::SessionId;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use url::Url;
use utoipa::ToSchema;

use super::service::ServiceSigner;
use crate::{
    problem::{ErrorCode, Problem},
    server::Unhealthy,
};

/// The Redis channel on which auth tells at once what it has revoked: a [`RevokedSession`] as JSON, or a
/// list of them. It only makes things faster; the answers of auth decide.
pub const REVOKED_CHANNEL: &str = "auth:revoked";

const POLL_EVERY: Duration = Duration::from_millis(500);
/// How far each question reaches back behind the last answer. It must exceed the time from a row's
/// timestamp to its commit (auth's statements may run for 5 s each, and a transaction has several) and
/// the difference between the clocks of auth's instances. A row missed once is missed for good; one
/// that is read twice costs nothing.
const OVERLAP: chrono::Duration = chrono::Duration::seconds(60);
const STALE_AFTER: chrono::Duration = chrono::Duration::seconds(30);
/// A revocation is kept for longer than any access token lives (10 minutes, a visitor's 60).
const KEEP: chrono::Duration = chrono::Duration::minutes(61);

/// A session that was ended.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RevokedSession {
    /// Which one.
    pub session_id: SessionId,
    /// When, by auth's clock.
    pub revoked_at: DateTime<Utc>,
}

/// What auth answers to `/internal/revocations?since=`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RevocationList {
    /// The sessions that were revoked since then.
    pub items: Vec<RevokedSession>,
    /// Auth's time of the answer; the next question starts a little before it.
    pub as_of: DateTime<Utc>,
}

/// The followed list. Cheap to clone.
#[derive(Clone)]
pub struct Revocations(Arc<Inner>);

struct Inner {
    clock: Clock,
    state: RwLock<State>,
}

struct State {
    ended: HashMap<SessionId, DateTime<Utc>>,
    /// When the last answer came, by our clock.
    renewed_at: DateTime<Utc>,
}

impl Revocations {
    /// Starts to follow auth; `stop` ends it.
    ///
    /// # Errors
    /// When the URL or the HTTP client cannot be made.
    pub fn start(
        auth: &Url,
        signer: ServiceSigner,
        clock: Clock,
        stop: CancellationToken,
    ) -> anyhow::Result<Self> {
        let url = auth.join("/internal/revocations")?;
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(2))
            .build()?;
        let list = Self::empty(clock, DateTime::UNIX_EPOCH);
        let follower = list.clone();
        tokio::spawn(async move {
            stop.run_until_cancelled(follower.follow(url, http, signer))
                .await
        });
        Ok(list)
    }

    /// A list that nobody renews, which counts as renewed at `renewed_at`; for tests.
    #[must_use]
    pub fn empty(clock: Clock, renewed_at: DateTime<Utc>) -> Self {
        let state = RwLock::new(State {
            ended: HashMap::new(),
            renewed_at,
        });
        Self(Arc::new(Inner { clock, state }))
    }

    /// Lets sessions pass that were not ended.
    ///
    /// # Errors
    /// 401 for an ended session, 503 when the list is too old to tell.
    pub fn check(&self, session: SessionId) -> Result<(), Problem> {
        let state = self.0.state.read().unwrap_or_else(PoisonError::into_inner);
        if state.ended.contains_key(&session) {
            return Err(Problem::new(ErrorCode::SessionRevoked).detail("sign in again"));
        }
        if self.0.clock.now() - state.renewed_at > STALE_AFTER {
            return Err(Problem::unavailable(
                "the list of revoked sessions is too old",
            ));
        }
        Ok(())
    }

    /// For `/readyz`.
    ///
    /// # Errors
    /// When the list is too old.
    pub fn healthy(&self) -> Result<(), Unhealthy> {
        let state = self.0.state.read().unwrap_or_else(PoisonError::into_inner);
        if self.0.clock.now() - state.renewed_at > STALE_AFTER {
            let why = "the list of revoked sessions is too old";
            return Err(Unhealthy(why.to_owned()));
        }
        Ok(())
    }

    /// Takes in an answer of auth.
    pub fn apply(&self, list: &RevocationList) {
        let now = self.0.clock.now();
        let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
        state.ended.retain(|_, at| now - *at < KEEP);
        state.ended.extend(
            list.items
                .iter()
                .map(|item| (item.session_id, item.revoked_at)),
        );
        state.renewed_at = now;
    }

    /// Takes in what auth told of at once. How old the list counts stays as it was: only an answer of
    /// auth says that nothing else was revoked.
    pub fn note(&self, sessions: &[RevokedSession]) {
        let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
        let sessions = sessions
            .iter()
            .map(|item| (item.session_id, item.revoked_at));
        state.ended.extend(sessions);
    }

    async fn follow(self, url: Url, http: reqwest::Client, signer: ServiceSigner) {
        let mut since = self.0.clock.now() - KEEP;
        let mut failing = false;
        loop {
            match ask(&url, &http, &signer, since).await {
                Ok(list) => {
                    self.apply(&list);
                    since = list.as_of - OVERLAP;
                    failing = false;
                }
                Err(error) if !failing => {
                    tracing::warn!(%error, "revocations could not be read; the last list serves for half a minute");
                    failing = true;
                }
                Err(_) => {}
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
    }
}

async fn ask(
    url: &Url,
    http: &reqwest::Client,
    signer: &ServiceSigner,
    since: DateTime<Utc>,
) -> anyhow::Result<RevocationList> {
    let answer = http
        .get(url.clone())
        .query(&[("since", since.to_rfc3339())])
        .bearer_auth(signer.token_for("auth")?)
        .send()
        .await?
        .error_for_status()?;
    Ok(answer.json().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ended_session_is_refused_and_a_stale_list_does_not_guess() {
        let clock = Clock::manual(DateTime::UNIX_EPOCH);
        let list = Revocations::empty(clock.clone(), clock.now());
        let (ended, other) = (SessionId::new(), SessionId::new());
        list.apply(&RevocationList {
            items: vec![RevokedSession {
                session_id: ended,
                revoked_at: clock.now(),
            }],
            as_of: clock.now(),
        });
        assert_eq!(
            list.check(ended).unwrap_err().code(),
            ErrorCode::SessionRevoked
        );
        assert!(list.check(other).is_ok());
        let told = SessionId::new();
        list.note(&[RevokedSession {
            session_id: told,
            revoked_at: clock.now(),
        }]);
        assert_eq!(
            list.check(told).unwrap_err().code(),
            ErrorCode::SessionRevoked
        );
        clock.advance(Duration::from_secs(31));
        list.note(&[]);
        assert_eq!(
            list.check(other).unwrap_err().code(),
            ErrorCode::Unavailable
        );
        assert_eq!(
            list.check(ended).unwrap_err().code(),
            ErrorCode::SessionRevoked
        );
    }
}
