//! What the handlers work with.

use axum::extract::FromRef;
use bus::Bus;
use clock::Clock;
use common::tokens::Tokens;
use jsonwebtoken::jwk::JwkSet;
use outbox::Outbox;
use secrecy::SecretString;
use sqlx::PgPool;
use url::Url;

use crate::{
    config::EmailVerification, cookies::Cookies, passwords::Passwords, secrets::SuccessorKeys,
    signing::Signer,
};

/// The schema and the role of this service.
pub const SCHEMA: &str = "auth";

/// What an [`App`] is made of, besides its connections.
#[derive(Debug)]
pub struct Parts {
    /// What signs access tokens.
    pub signer: Signer,
    /// The services' public keys, for service tokens.
    pub service_keys: JwkSet,
    /// The server keys of refresh tokens, separated by commas.
    pub refresh_secret: SecretString,
    /// How people reach the gateway.
    pub public_url: Url,
    /// Whether e-mail addresses must be verified.
    pub email_verification: EmailVerification,
    /// Where passwords are hashed.
    pub passwords: Passwords,
    /// The time.
    pub clock: Clock,
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
    /// Whether e-mail addresses must be verified.
    pub(crate) email_verification: EmailVerification,
    /// The time.
    pub(crate) clock: Clock,
}

impl App {
    /// The dependencies over these connections.
    ///
    /// # Errors
    /// When a key of the refresh tokens is too short.
    pub fn new(pool: PgPool, bus: Bus, parts: Parts) -> anyhow::Result<Self> {
        let Parts {
            signer,
            service_keys,
            clock,
            ..
        } = parts;
        let tokens = Tokens::fixed(
            SCHEMA,
            signer.issuer(),
            clock.clone(),
            signer.jwk_set(),
            &service_keys,
        );
        Ok(Self {
            outbox: Outbox::new(SCHEMA, pool.clone(), bus, clock.clone()),
            pool,
            tokens,
            signer,
            successors: SuccessorKeys::read(&parts.refresh_secret)?,
            cookies: Cookies::new(&parts.public_url),
            passwords: parts.passwords,
            email_verification: parts.email_verification,
            clock,
        })
    }

    /// Events, for the relay.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
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
