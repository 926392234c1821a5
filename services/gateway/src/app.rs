//! What the gateway's handlers share.

use std::{path::PathBuf, sync::Arc};

use common::tokens::{Revocations, Tokens};
use http::HeaderValue;

use crate::{
    access::{SecretKeys, Verifier},
    balance::Upstreams,
    forward::Network,
    limits::Limits,
};

/// The dependencies of the gateway. Cheap to clone.
#[derive(Clone)]
pub struct App(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) verifier: Verifier,
    pub(crate) revocations: Revocations,
    pub(crate) keys: SecretKeys,
    pub(crate) limits: Limits,
    pub(crate) upstreams: Upstreams,
    /// Our own origin, as browsers send it.
    pub(crate) origin: HeaderValue,
    pub(crate) secure: bool,
    pub(crate) trusted_proxies: Vec<Network>,
    pub(crate) web_dir: PathBuf,
    pub(crate) demo_file: Option<PathBuf>,
    pub(crate) mail_dir: Option<PathBuf>,
}

/// What an [`App`] is made of.
pub struct Parts {
    /// Checks tokens.
    pub tokens: Tokens,
    /// How many checked tokens are kept; 0 checks each with each request.
    pub token_cache: usize,
    /// Knows the ended sessions.
    pub revocations: Revocations,
    /// Exchanges secret keys.
    pub keys: SecretKeys,
    /// Who may ask how often.
    pub limits: Limits,
    /// Where requests go.
    pub upstreams: Upstreams,
    /// Where people reach the gateway.
    pub public_url: url::Url,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// The built web files.
    pub web_dir: PathBuf,
    /// What `seed` wrote.
    pub demo_file: Option<PathBuf>,
    /// Where letters are written to that nobody sends.
    pub mail_dir: Option<PathBuf>,
}

impl App {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let origin = parts.public_url.origin().ascii_serialization();
        Self(Arc::new(Inner {
            verifier: Verifier::new(parts.tokens, parts.token_cache),
            revocations: parts.revocations,
            keys: parts.keys,
            limits: parts.limits,
            upstreams: parts.upstreams,
            origin: HeaderValue::try_from(origin).expect("an origin is a header value"),
            secure: parts.public_url.scheme() == "https",
            trusted_proxies: parts.trusted_proxies,
            web_dir: parts.web_dir,
            demo_file: parts.demo_file,
            mail_dir: parts.mail_dir,
        }))
    }
}
