//! OpenID Connect Core 1.0 by the authorization code flow with PKCE, through the `openidconnect` crate.

use std::{
    fmt,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use clock::Clock;
use common::telemetry::Personal;
use lru::LruCache;
use openidconnect::{
    AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, IssuerUrl, Nonce, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, Scope, SignatureVerificationError, TokenResponse,
    core::{
        CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreIdToken, CoreIdTokenClaims,
        CoreJwsSigningAlgorithm as Algorithm, CoreProviderMetadata, CoreTokenResponse,
    },
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use super::fetch::{Fetch, Policy, WITHIN};

/// What a provider says of itself is believed for so long; keys that are not among it are asked for at
/// once.
const KNOWN_FOR: TimeDelta = TimeDelta::minutes(5);
/// Providers that are remembered.
const KNOWN: NonZeroUsize = NonZeroUsize::new(256).expect("not zero");
/// A message is kept this far.
const LONGEST: usize = 300;
/// What may sign a token: asymmetric, so that only the provider can.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RsaSsaPkcs1V15Sha256,
    Algorithm::RsaSsaPkcs1V15Sha384,
    Algorithm::RsaSsaPkcs1V15Sha512,
    Algorithm::RsaSsaPssSha256,
    Algorithm::RsaSsaPssSha384,
    Algorithm::RsaSsaPssSha512,
    Algorithm::EcdsaP256Sha256,
    Algorithm::EcdsaP384Sha384,
    Algorithm::EdDsa,
];

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Why a provider did not sign anybody in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// It cannot be asked, or its answer is not what OpenID Connect says.
    #[error("the provider does not answer as it should: {0}")]
    Unavailable(String),
    /// It does not take our code or our secret.
    #[error("the provider does not take the code: {0}")]
    Code(String),
    /// Its token does not prove anything.
    #[error("the ID token is not good: {0}")]
    Token(String),
}

/// What we are to a provider.
#[derive(Debug)]
pub(super) struct Registration {
    pub(super) issuer: String,
    pub(super) client_id: String,
    pub(super) client_secret: SecretString,
    pub(super) redirect_uri: Url,
}

/// What waits for somebody to come back from a provider.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Sent {
    /// What the way back must carry.
    pub(super) state: String,
    nonce: String,
    verifier: String,
}

/// What a provider says of somebody.
#[derive(Debug)]
pub(super) struct Vouched {
    /// Its own name for them, which never changes (OpenID Connect Core §5.7).
    pub(super) subject: Personal<String>,
    /// Their address.
    pub(super) email: Option<Personal<String>>,
    /// Whether it knows that the address is theirs.
    pub(super) email_verified: bool,
    /// What they are called.
    pub(super) name: Option<Personal<String>>,
}

/// The providers that are asked. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Providers {
    fetch: Fetch,
    known: Arc<Mutex<LruCache<String, Known>>>,
    clock: Clock,
}

#[derive(Clone)]
struct Known {
    metadata: Arc<CoreProviderMetadata>,
    read_at: DateTime<Utc>,
}

impl Providers {
    /// Providers on the internet. Those on this machine too, where people come without TLS: that is
    /// development; and those in a private network, if `private` says so.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(crate) fn new(public_url: &Url, private: bool, clock: Clock) -> anyhow::Result<Self> {
        let policy = Policy {
            loopback: public_url.scheme() == "http",
            private,
        };
        Ok(Self {
            fetch: Fetch::new(policy)?,
            known: Arc::new(Mutex::new(LruCache::new(KNOWN))),
            clock,
        })
    }

    /// Reads what a provider says of itself (OpenID Connect Discovery 1.0 §4), and remembers it.
    pub(super) async fn discover(&self, issuer: &str) -> Result<Arc<CoreProviderMetadata>, Error> {
        let url = IssuerUrl::new(issuer.to_owned()).map_err(unavailable)?;
        let asked = CoreProviderMetadata::discover_async(url, &self.fetch);
        let metadata = in_time(asked)
            .await?
            .map_err(|error| unavailable(chain(&error)))?;
        if metadata.token_endpoint().is_none() {
            return Err(unavailable("it names no token endpoint"));
        }
        let metadata = Arc::new(metadata);
        let known = Known {
            metadata: metadata.clone(),
            read_at: self.clock.now(),
        };
        self.lock().put(issuer.to_owned(), known);
        Ok(metadata)
    }

    async fn metadata(&self, issuer: &str) -> Result<Arc<CoreProviderMetadata>, Error> {
        let known = self.lock().get(issuer).cloned();
        match known {
            Some(known) if self.clock.now() - known.read_at < KNOWN_FOR => Ok(known.metadata),
            _ => self.discover(issuer).await,
        }
    }

    /// Where to send somebody who wants to sign in, and what must wait for them.
    pub(super) async fn begin(&self, registration: &Registration) -> Result<(Url, Sent), Error> {
        let metadata = self.metadata(&registration.issuer).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let client = client(&metadata, registration);
        let (url, state, nonce) = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scope(Scope::new("email".to_owned()))
            .add_scope(Scope::new("profile".to_owned()))
            .set_pkce_challenge(challenge)
            .url();
        let sent = Sent {
            state: state.into_secret(),
            nonce: nonce.secret().clone(),
            verifier: verifier.into_secret(),
        };
        Ok((url, sent))
    }

    /// Exchanges the code that somebody came back with, and checks what the provider says of them.
    pub(super) async fn finish(
        &self,
        registration: &Registration,
        code: String,
        sent: Sent,
    ) -> Result<Vouched, Error> {
        in_time(self.exchange_and_check(registration, code, sent)).await?
    }

    async fn exchange_and_check(
        &self,
        registration: &Registration,
        code: String,
        sent: Sent,
    ) -> Result<Vouched, Error> {
        let metadata = self.metadata(&registration.issuer).await?;
        let answer = self
            .exchange(&client(&metadata, registration), code, sent.verifier)
            .await?;
        let token = answer
            .id_token()
            .ok_or_else(|| Error::Token("there is none".to_owned()))?;
        let nonce = Nonce::new(sent.nonce);
        match self.check(&client(&metadata, registration), token, &nonce) {
            // It signs by a new key.
            Err(ClaimsVerificationError::SignatureVerification(
                SignatureVerificationError::NoMatchingKey,
            )) => {
                let metadata = self.discover(&registration.issuer).await?;
                self.check(&client(&metadata, registration), token, &nonce)
            }
            result => result,
        }
        .map_err(|error| Error::Token(short(error)))
    }

    async fn exchange(
        &self,
        client: &Client,
        code: String,
        verifier: String,
    ) -> Result<CoreTokenResponse, Error> {
        use openidconnect::RequestTokenError as E;

        client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(unavailable)?
            .set_pkce_verifier(PkceCodeVerifier::new(verifier))
            .request_async(&self.fetch)
            .await
            .map_err(|error| match error {
                E::ServerResponse(answer) => Error::Code(short(answer.error())),
                // What could not be read may be a token.
                E::Parse(..) => unavailable("its answer to a code cannot be read"),
                error => unavailable(chain(&error)),
            })
    }

    /// Checks a token (OpenID Connect Core §3.1.3.7): issuer, audience, signature, time and nonce by the
    /// library, the authorized party here.
    fn check(
        &self,
        client: &Client,
        token: &CoreIdToken,
        nonce: &Nonce,
    ) -> Result<Vouched, ClaimsVerificationError> {
        let verifier = client
            .id_token_verifier()
            .set_allowed_algs(ALGORITHMS)
            .set_time_fn(|| self.clock.now());
        let claims = token.claims(&verifier, nonce)?;
        match claims.authorized_party() {
            Some(party) if party != client.client_id() => Err(
                ClaimsVerificationError::InvalidAudience("another client is the party".to_owned()),
            ),
            _ => Ok(vouched(claims)),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LruCache<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Providers").field(&self.fetch).finish()
    }
}

fn client(metadata: &CoreProviderMetadata, registration: &Registration) -> Client {
    let secret = registration.client_secret.expose_secret();
    let client = CoreClient::from_provider_metadata(
        metadata.clone(),
        ClientId::new(registration.client_id.clone()),
        Some(ClientSecret::new(secret.to_owned())),
    )
    .set_redirect_uri(RedirectUrl::from_url(registration.redirect_uri.clone()));
    // The header is what RFC 6749 §2.3.1 prefers; some take the body only, and say so.
    let taken = metadata.token_endpoint_auth_methods_supported();
    let takes = |method| taken.is_some_and(|taken| taken.contains(&method));
    if takes(CoreClientAuthMethod::ClientSecretPost)
        && !takes(CoreClientAuthMethod::ClientSecretBasic)
    {
        client.set_auth_type(AuthType::RequestBody)
    } else {
        client
    }
}

fn vouched(claims: &CoreIdTokenClaims) -> Vouched {
    let name = claims.name().and_then(|name| name.get(None));
    Vouched {
        subject: Personal::new(claims.subject().as_str().to_owned()),
        email: claims
            .email()
            .map(|email| Personal::new(email.as_str().to_owned())),
        email_verified: claims.email_verified() == Some(true),
        name: name.map(|name| Personal::new(name.as_str().to_owned())),
    }
}

async fn in_time<T>(work: impl Future<Output = T>) -> Result<T, Error> {
    tokio::time::timeout(WITHIN, work)
        .await
        .map_err(|_| unavailable("it takes too long"))
}

fn unavailable(why: impl ToString) -> Error {
    Error::Unavailable(short(why))
}

/// What a provider sent may be part of a message, and long.
fn short(text: impl ToString) -> String {
    text.to_string().chars().take(LONGEST).collect()
}

/// An error and what lies beneath it. None of them holds what a provider sent.
fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}
