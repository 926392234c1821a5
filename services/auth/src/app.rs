//! What the handlers work with.

use std::sync::Arc;

use axum::extract::FromRef;
use bus::Bus;
use chrono::Duration;
use clock::Clock;
use common::tokens::Tokens;
use jsonwebtoken::jwk::JwkSet;
use outbox::Outbox;
use secrecy::SecretString;
use sqlx::PgPool;
use stores::redis::Redis;
use tokio_util::sync::CancellationToken;
use url::Url;
use vault::{KeyWrapper, Vault};

use crate::{
    attempts::Attempts,
    cookies::Cookies,
    issuers::Providers,
    mail::{Mail, MailConfig},
    passkeys::Ceremonies,
    passwords::Passwords,
    revoked::Revoked,
    secrets::SuccessorKeys,
    signing::Signer,
};

/// The schema and the role of this service.
pub const SCHEMA: &str = "auth";

/// What an [`App`] is made of, besides its connections.
pub struct Parts {
    /// The issuer that access tokens name.
    pub token_issuer: String,
    /// The services' public keys, for service tokens.
    pub service_keys: JwkSet,
    /// The server keys of refresh tokens, separated by commas.
    pub refresh_secret: SecretString,
    /// How people reach the gateway.
    pub public_url: Url,
    /// Whether identity providers may be in a private network.
    pub allow_private_issuers: bool,
    /// How long a person's session is good, however much it is used.
    pub session_lifetime: Duration,
    /// What wraps data keys.
    pub key_wrapper: Arc<dyn KeyWrapper>,
    /// How letters leave.
    pub mail: MailConfig,
    /// Where passwords are hashed.
    pub passwords: Passwords,
    /// The time.
    pub clock: Clock,
}

/// The stores and the bus.
#[derive(Debug, Clone)]
pub struct Connections {
    /// PostgreSQL, as the role of this service.
    pub pool: PgPool,
    /// Redis: what may vanish.
    pub redis: Redis,
    /// RabbitMQ.
    pub bus: Bus,
}

/// The dependencies of this service. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// PostgreSQL, as the role of this service.
    pub(crate) pool: PgPool,
    /// Events, written beside the rows that make them true.
    pub(crate) outbox: Outbox,
    /// Who is calling.
    pub(crate) tokens: Tokens,
    /// What signs access tokens.
    pub(crate) signer: Signer,
    /// What makes the successors of refresh tokens.
    pub(crate) successors: SuccessorKeys,
    /// How browsers keep tokens.
    pub(crate) cookies: Cookies,
    /// Where passwords are hashed.
    pub(crate) passwords: Passwords,
    /// What seals addresses and secrets.
    pub(crate) vault: Vault,
    /// Letters to people.
    pub(crate) mail: Mail,
    /// Who hears at once of sessions that ended.
    pub(crate) revoked: Revoked,
    /// How often somebody was wrong.
    pub(crate) attempts: Attempts,
    /// Challenges for passkeys.
    pub(crate) passkeys: Ceremonies,
    /// The identity providers of workspaces.
    pub(crate) providers: Providers,
    /// How people reach the gateway.
    pub(crate) public_url: Url,
    /// How long a person's session is good, however much it is used.
    pub(crate) session_lifetime: Duration,
    /// The time.
    pub(crate) clock: Clock,
}

impl App {
    /// The dependencies over these connections. Access tokens can be signed and read once
    /// [`signing::load`](crate::signing::load) has read the keys.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub fn new(connections: Connections, parts: Parts) -> anyhow::Result<Self> {
        let Connections { pool, redis, bus } = connections;
        let clock = parts.clock;
        let tokens = Tokens::fixed(
            SCHEMA,
            &parts.token_issuer,
            clock.clone(),
            &JwkSet { keys: Vec::new() },
            &parts.service_keys,
        );
        let vault = Vault::new(SCHEMA, pool.clone(), parts.key_wrapper, clock.clone());
        let mail = Mail::new(
            &parts.mail,
            parts.public_url.clone(),
            (vault.clone(), pool.clone(), clock.clone()),
        )?;
        Ok(Self {
            outbox: Outbox::new(SCHEMA, pool.clone(), bus, clock.clone()),
            pool,
            tokens,
            signer: Signer::new(&parts.token_issuer),
            successors: SuccessorKeys::read(&parts.refresh_secret)?,
            cookies: Cookies::new(&parts.public_url),
            passwords: parts.passwords,
            vault,
            mail,
            revoked: Revoked::new(redis.clone()),
            attempts: Attempts::new(redis, clock.clone()),
            passkeys: Ceremonies::new(&parts.public_url),
            providers: Providers::new(
                &parts.public_url,
                parts.allow_private_issuers,
                clock.clone(),
            )?,
            public_url: parts.public_url,
            session_lifetime: parts.session_lifetime,
            clock,
        })
    }

    /// Events, for the relay.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }
}

impl App {
    /// What signs access tokens.
    #[must_use]
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Sends letters, until `stop`.
    pub fn letters(&self, stop: CancellationToken) -> impl Future<Output = ()> + use<> {
        self.mail.clone().send_until(stop)
    }
}

impl FromRef<App> for Tokens {
    fn from_ref(app: &App) -> Self {
        app.tokens.clone()
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App")
            .field("signer", &self.signer)
            .finish_non_exhaustive()
    }
}
