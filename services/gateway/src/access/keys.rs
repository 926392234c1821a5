//! Secret keys of programs (`sk_…`): auth exchanges one for an access token, which is what the services
//! see. The token is kept until a minute before it ends, under the key's hash.

use std::{
    net::IpAddr,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::{Duration, Instant},
};

use common::{ErrorCode, Problem, tokens::ServiceSigner};
use http::StatusCode;
use lru::LruCache;
use serde::{Deserialize, Serialize};
use url::Url;

use super::hash::Hash;

/// What a secret key begins with.
pub(crate) const PREFIX: &str = "sk_";

/// A token is exchanged anew this long before it ends.
const RENEW_BEFORE: Duration = Duration::from_secs(60);
/// A refused key is not asked about again for this long.
const REFUSED_FOR: Duration = Duration::from_secs(5);
/// Keys that are kept, about 1 KB each.
const KEPT: NonZeroUsize = NonZeroUsize::new(4096).expect("some are kept");

/// Exchanges keys for tokens.
pub struct SecretKeys {
    url: Url,
    http: reqwest::Client,
    signer: ServiceSigner,
    slots: Mutex<LruCache<Hash, Arc<Slot>>>,
}

/// What is known of a key.
#[derive(Default)]
struct Slot {
    state: RwLock<State>,
    /// Held during an exchange: whoever comes meanwhile waits for the same answer.
    exchange: tokio::sync::Mutex<()>,
}

#[derive(Default, Clone)]
enum State {
    #[default]
    Unknown,
    Good {
        token: Arc<str>,
        until: Instant,
    },
    Refused {
        until: Instant,
    },
}

#[derive(Serialize)]
struct Ask<'a> {
    key: &'a str,
    /// Where the program called from, for the key's last use.
    address: IpAddr,
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    /// Seconds.
    expires_in: u64,
}

impl SecretKeys {
    /// Asks auth at its internal URL.
    ///
    /// # Errors
    /// When the URL or the HTTP client cannot be made.
    pub fn new(auth: &Url, signer: ServiceSigner) -> anyhow::Result<Self> {
        Ok(Self {
            url: auth.join("/internal/keys/exchange")?,
            http: reqwest::Client::builder()
                .no_proxy()
                .timeout(Duration::from_secs(2))
                .build()?,
            signer,
            slots: Mutex::new(LruCache::sparse(KEPT)),
        })
    }

    /// Whether the answer about a key is at hand.
    pub(super) fn is_kept(&self, hash: &Hash) -> bool {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.get(hash).is_some_and(|slot| slot.kept().is_some())
    }

    /// The access token for a key.
    ///
    /// # Errors
    /// 401 when auth does not know the key or knows it no more, 503 when auth cannot be asked.
    pub(super) async fn token(
        &self,
        key: &str,
        hash: Hash,
        address: IpAddr,
    ) -> Result<Arc<str>, Problem> {
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.get_or_insert(hash, Arc::default).clone()
        };
        if let Some(kept) = slot.kept() {
            return kept;
        }
        let _alone = slot.exchange.lock().await;
        if let Some(kept) = slot.kept() {
            return kept;
        }
        let asked = Instant::now();
        let state = match self.exchange(key, address).await? {
            Some(answer) => {
                let lives = Duration::from_secs(answer.expires_in);
                State::Good {
                    token: answer.access_token.into(),
                    until: asked + lives.saturating_sub(RENEW_BEFORE),
                }
            }
            None => State::Refused {
                until: asked + REFUSED_FOR,
            },
        };
        slot.set(state.clone());
        match state {
            State::Good { token, .. } => Ok(token),
            State::Unknown | State::Refused { .. } => Err(refused()),
        }
    }

    /// Forgets a token that does not hold any more.
    pub(super) fn forget(&self, hash: &Hash, token: &str) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let stale = |slot: &Arc<Slot>| {
            let state = slot.state.read().unwrap_or_else(PoisonError::into_inner);
            matches!(&*state, State::Good { token: kept, .. } if **kept == *token)
        };
        if slots.peek(hash).is_some_and(stale) {
            slots.pop(hash);
        }
    }

    /// Asks auth; none when it refuses the key.
    async fn exchange(&self, key: &str, address: IpAddr) -> Result<Option<Answer>, Problem> {
        let token = self.signer.token_for("auth").map_err(Problem::internal)?;
        let answer = self
            .http
            .post(self.url.clone())
            .bearer_auth(token)
            .json(&Ask { key, address })
            .send()
            .await
            .map_err(Problem::unavailable)?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            return Ok(None);
        }
        let answer = answer.error_for_status().map_err(Problem::unavailable)?;
        let answer = answer.json().await.map_err(Problem::unavailable)?;
        Ok(Some(answer))
    }
}

impl Slot {
    /// The answer, as long as it is good.
    fn kept(&self) -> Option<Result<Arc<str>, Problem>> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        match &*state {
            State::Good { token, until } if now < *until => Some(Ok(token.clone())),
            State::Refused { until } if now < *until => Some(Err(refused())),
            _ => None,
        }
    }

    fn set(&self, state: State) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

fn refused() -> Problem {
    Problem::new(ErrorCode::Unauthenticated)
        .detail("the key is not valid, has expired, or was revoked")
}
