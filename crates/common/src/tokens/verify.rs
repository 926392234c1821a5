//! Verifying access tokens against auth's published keys.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, OnceLock, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use chrono::{DateTime, Utc};
use clock::Clock;
use http::{HeaderMap, header};
use ids::{UserId, VisitorId};
use jsonwebtoken::{Algorithm, DecodingKey, crypto::verify, decode_header, jwk::JwkSet};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{
    caller::{Caller, VisitorCaller},
    claims::{AUDIENCE_PEOPLE, AUDIENCE_VISITORS, Claims},
    service::ServiceKeys,
};
use crate::{
    problem::{ErrorCode, Problem},
    server::Unhealthy,
};

/// Published keys are read again this often, so that a rotation reaches everybody.
const REFRESH_EVERY: Duration = Duration::from_secs(60);
/// While no key is known yet, auth is asked this often.
const RETRY_EVERY: Duration = Duration::from_millis(500);
/// An unknown key id asks auth at once, but not more often than this: the id comes from outside.
const UNKNOWN_KEY_EVERY: chrono::Duration = chrono::Duration::seconds(5);

/// What a service needs to check tokens.
#[derive(Debug, Clone, clap::Args)]
pub struct TokensConfig {
    /// The issuer that access tokens must name.
    #[arg(long, env = "SYNTERA_TOKEN_ISSUER", default_value = "syntera")]
    pub token_issuer: String,
    /// Auth's internal listener: published keys and revocations.
    #[arg(
        long,
        env = "SYNTERA_AUTH_INTERNAL_URL",
        default_value = "http://127.0.0.1:4101"
    )]
    pub auth_internal_url: Url,
    /// The public keys of the services (a JWK set); the file is read at the start.
    #[arg(long, env = "SYNTERA_SERVICE_JWKS_FILE")]
    pub service_jwks_file: std::path::PathBuf,
}

/// Whoever an access token names.
#[derive(Debug, Clone)]
pub enum Identity {
    /// A person or a program of the workspace.
    Person(Caller),
    /// A visitor of the widget.
    Visitor(VisitorCaller),
}

/// Checks access tokens and service tokens. Cheap to clone.
#[derive(Clone)]
pub struct Tokens(Arc<Inner>);

struct Inner {
    issuer: String,
    /// The name of this service: the audience of service tokens sent to it.
    service: &'static str,
    clock: Clock,
    keys: RwLock<HashMap<String, Arc<Key>>>,
    /// The set that the keys were made of, and how many sets there were before.
    set: Mutex<JwkSet>,
    generation: AtomicU64,
    source: Option<Source>,
    service_keys: ServiceKeys,
}

/// A published key.
struct Key {
    key: DecodingKey,
    /// The header, encoded, of a token that it verified. All its tokens have the same, which then need
    /// not be read again.
    header: OnceLock<Box<str>>,
}

struct Source {
    url: Url,
    http: reqwest::Client,
    last_unknown: Mutex<DateTime<Utc>>,
}

impl Tokens {
    /// Reads the services' keys and starts to follow auth's; `stop` ends the following.
    ///
    /// # Errors
    /// When the file of the services' keys cannot be read.
    pub fn start(
        service: &'static str,
        config: &TokensConfig,
        clock: Clock,
        stop: CancellationToken,
    ) -> anyhow::Result<Self> {
        let service_keys = ServiceKeys::read(&config.service_jwks_file)?;
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(2))
            .build()?;
        let source = Source {
            url: config.auth_internal_url.join("/internal/jwks")?,
            http,
            last_unknown: Mutex::new(DateTime::UNIX_EPOCH),
        };
        let tokens = Self(Arc::new(Inner {
            issuer: config.token_issuer.clone(),
            service,
            clock,
            keys: RwLock::default(),
            set: Mutex::new(JwkSet { keys: Vec::new() }),
            generation: AtomicU64::new(0),
            source: Some(source),
            service_keys,
        }));
        let follower = tokens.clone();
        tokio::spawn(async move { stop.run_until_cancelled(follower.follow()).await });
        Ok(tokens)
    }

    /// A verifier that asks nobody for keys: auth's own, and tests'.
    #[must_use]
    pub fn fixed(
        service: &'static str,
        issuer: &str,
        clock: Clock,
        keys: &JwkSet,
        service_keys: &JwkSet,
    ) -> Self {
        let tokens = Self(Arc::new(Inner {
            issuer: issuer.to_owned(),
            service,
            clock,
            keys: RwLock::default(),
            set: Mutex::new(JwkSet { keys: Vec::new() }),
            generation: AtomicU64::new(0),
            source: None,
            service_keys: ServiceKeys::from_set(service_keys),
        }));
        tokens.replace_keys(keys);
        tokens
    }

    /// Checks an access token and says whom it names.
    ///
    /// # Errors
    /// 401 when it is not one of ours or has expired, 503 when no key is known yet.
    pub async fn verify(&self, token: &str) -> Result<Identity, Problem> {
        let claims = self.claims(token).await?;
        match claims.aud.as_str() {
            AUDIENCE_PEOPLE => Ok(Identity::Person(Caller {
                user_id: UserId::from_uuid(claims.sub),
                workspace_id: claims.wid,
                session_id: claims.sid,
                role: claims.role.ok_or_else(invalid)?,
                expires_at: expiry(&claims)?,
                scope: claims.scope,
            })),
            AUDIENCE_VISITORS => Ok(Identity::Visitor(VisitorCaller {
                visitor_id: VisitorId::from_uuid(claims.sub),
                workspace_id: claims.wid,
                session_id: claims.sid,
                agent_id: claims.agent.ok_or_else(invalid)?,
                expires_at: expiry(&claims)?,
                origin: claims.origin,
            })),
            _ => Err(invalid()),
        }
    }

    /// The services' keys, for service tokens.
    pub(super) fn service_keys(&self) -> &ServiceKeys {
        &self.0.service_keys
    }

    pub(super) fn service(&self) -> &'static str {
        self.0.service
    }

    /// The time that tokens are measured by.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.0.clock.now()
    }

    /// Counts the sets of keys. What was verified under an earlier one must be verified again: its key
    /// may have been withdrawn.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.0.generation.load(Ordering::Acquire)
    }

    /// For `/readyz`.
    ///
    /// # Errors
    /// When auth's keys are not known yet.
    pub fn healthy(&self) -> Result<(), Unhealthy> {
        let keys = self.0.keys.read().unwrap_or_else(PoisonError::into_inner);
        if keys.is_empty() {
            return Err(Unhealthy("auth's keys are not known yet".to_owned()));
        }
        Ok(())
    }

    async fn claims(&self, token: &str) -> Result<Claims, Problem> {
        let header = token.split('.').next().unwrap_or_default();
        let seen = |key: &Key| key.header.get().is_some_and(|seen| **seen == *header);
        let key = match self.key(|_, key| seen(key)) {
            Some(key) => key,
            None => self.key_of(token).await?,
        };
        let claims: Claims = decode(token, &key.key)?;
        key.header.get_or_init(|| header.into());
        if claims.iss != self.0.issuer {
            return Err(invalid());
        }
        if claims.exp <= self.0.clock.now().timestamp() {
            return Err(Problem::new(ErrorCode::TokenExpired)
                .detail("get a new access token from /auth/refresh"));
        }
        Ok(claims)
    }

    /// The key that a token's header names.
    async fn key_of(&self, token: &str) -> Result<Arc<Key>, Problem> {
        let header = decode_header(token).map_err(|_| invalid())?;
        // The algorithm is ours to choose, never the token's (RFC 8725 §3.1).
        if header.alg != Algorithm::ES256 {
            return Err(invalid());
        }
        let kid = header.kid.ok_or_else(invalid)?;
        match self.key(|id, _| *id == kid) {
            Some(key) => Ok(key),
            None => self.ask_for(&kid).await,
        }
    }

    /// The first of the few keys that is wanted.
    fn key(&self, wanted: impl Fn(&str, &Key) -> bool) -> Option<Arc<Key>> {
        let keys = self.0.keys.read().unwrap_or_else(PoisonError::into_inner);
        let found = keys.iter().find(|(id, key)| wanted(id, key));
        found.map(|(_, key)| key.clone())
    }

    async fn ask_for(&self, kid: &str) -> Result<Arc<Key>, Problem> {
        let Some(source) = &self.0.source else {
            return Err(invalid());
        };
        let known = self.healthy().is_ok();
        {
            let now = self.0.clock.now();
            let mut last = source
                .last_unknown
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if known && now - *last < UNKNOWN_KEY_EVERY {
                return Err(invalid());
            }
            *last = now;
        }
        if let Err(error) = self.fetch(source).await
            && !known
        {
            return Err(Problem::unavailable(error));
        }
        self.key(|id, _| *id == *kid).ok_or_else(invalid)
    }

    async fn follow(self) {
        let Some(source) = &self.0.source else { return };
        loop {
            let wait = match self.fetch(source).await {
                Ok(()) => REFRESH_EVERY,
                Err(error) => {
                    tracing::warn!(%error, "auth's keys could not be read");
                    if self.healthy().is_ok() {
                        REFRESH_EVERY
                    } else {
                        RETRY_EVERY
                    }
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    async fn fetch(&self, source: &Source) -> Result<(), reqwest::Error> {
        let keys: JwkSet = source
            .http
            .get(source.url.clone())
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?;
        self.replace_keys(&keys);
        Ok(())
    }

    /// Takes the keys of `set` in place of those that were known: for auth, which keeps them itself.
    pub fn replace_keys(&self, set: &JwkSet) {
        let mut last = self.0.set.lock().unwrap_or_else(PoisonError::into_inner);
        if *last == *set {
            return;
        }
        last.clone_from(set);
        let keys = decoding_keys(set).map(|(kid, key)| {
            let header = OnceLock::new();
            (kid, Arc::new(Key { key, header }))
        });
        let keys = keys.collect();
        *self.0.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        // After the keys: whoever sees this number verifies with them.
        self.0.generation.fetch_add(1, Ordering::Release);
    }
}

/// The token of an `Authorization: Bearer` header (RFC 6750 §2.1).
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Checks the signature and reads the claims. Which algorithm the header names, and what the claims say
/// of expiry, issuer and audience, is the caller's to check: our time comes from a [`Clock`].
pub(super) fn decode<T: serde::de::DeserializeOwned>(
    token: &str,
    key: &DecodingKey,
) -> Result<T, Problem> {
    // header.payload.signature (RFC 7515 §3.1)
    let (signed, signature) = token.rsplit_once('.').ok_or_else(invalid)?;
    let (_, payload) = signed.split_once('.').ok_or_else(invalid)?;
    match verify(signature, signed.as_bytes(), key, Algorithm::ES256) {
        Ok(true) => {}
        _ => return Err(invalid()),
    }
    let payload = BASE64_URL_SAFE_NO_PAD.decode(payload);
    serde_json::from_slice(&payload.map_err(|_| invalid())?).map_err(|_| invalid())
}

/// The keys of a set by their ids. Keys without one, or that cannot be read, are passed over; one that
/// is not for ES256 verifies nothing.
pub(super) fn decoding_keys(set: &JwkSet) -> impl Iterator<Item = (String, DecodingKey)> {
    set.keys.iter().filter_map(|jwk| {
        let kid = jwk.common.key_id.clone()?;
        Some((kid, DecodingKey::from_jwk(jwk).ok()?))
    })
}

pub(super) fn invalid() -> Problem {
    Problem::new(ErrorCode::Unauthenticated).detail("the token is not valid; sign in again")
}

fn expiry(claims: &Claims) -> Result<DateTime<Utc>, Problem> {
    DateTime::from_timestamp(claims.exp, 0).ok_or_else(invalid)
}
