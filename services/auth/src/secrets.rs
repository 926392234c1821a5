//! Opaque secrets: refresh tokens `rt_…`, visitors' secrets `vs_…`, tickets `tk_…`, publishable keys
//! `pk_…`, secret keys `sk_…`, identity secrets `is_…`.
//!
//! Each has 256 random bits, so a plain SHA-256 keeps it: there is nothing to guess that a slow hash
//! would protect. Only the hash is stored; of an identity secret, which we have to use, the sealed text.

use aws_lc_rs::{digest, hmac, rand};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};

/// What a refresh token begins with.
pub(crate) const REFRESH: &str = "rt_";
/// What a visitor's secret begins with.
pub(crate) const VISITOR: &str = "vs_";
/// What a link or a challenge begins with.
pub(crate) const TICKET: &str = "tk_";
/// What a publishable key begins with.
pub(crate) const PUBLISHABLE: &str = "pk_";
/// What a secret key begins with.
pub(crate) const SECRET: &str = "sk_";
/// What an identity secret begins with.
pub(crate) const IDENTITY: &str = "is_";

/// The shortest server key for refresh tokens, in bytes: the length of its hash (RFC 2104 §3).
const SHORTEST_KEY: usize = 32;

/// What is stored of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hash(Vec<u8>);

impl Hash {
    /// The hash of a secret.
    pub(crate) fn of(secret: &SecretString) -> Self {
        Self(
            digest::digest(&digest::SHA256, secret.expose_secret().as_bytes())
                .as_ref()
                .to_vec(),
        )
    }

    /// As the store has it.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Hash {
    fn from(stored: Vec<u8>) -> Self {
        Self(stored)
    }
}

/// A new secret.
pub(crate) fn fresh(prefix: &str) -> SecretString {
    let mut random = [0u8; 32];
    rand::fill(&mut random).expect("the system gives random bytes");
    encode(prefix, &random)
}

fn encode(prefix: &str, bytes: &[u8]) -> SecretString {
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes)).into()
}

/// The server keys that make successors of refresh tokens. The first makes new ones; the others are on
/// their way out. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct SuccessorKeys(Vec<hmac::Key>);

impl SuccessorKeys {
    /// Reads the setting: keys separated by commas.
    ///
    /// # Errors
    /// When a key is too short.
    pub(crate) fn read(setting: &SecretString) -> anyhow::Result<Self> {
        let keys = setting.expose_secret().split(',').map(|key| {
            anyhow::ensure!(
                key.len() >= SHORTEST_KEY,
                "each key of SYNTERA_REFRESH_SECRET needs at least {SHORTEST_KEY} characters; a comma separates keys"
            );
            Ok(hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()))
        });
        keys.collect::<anyhow::Result<_>>().map(Self)
    }

    /// The token that follows `token`. The same question has the same answer, so that two tabs, or a
    /// retry after a lost answer, get the same one.
    pub(crate) fn successor(&self, token: &SecretString) -> SecretString {
        successor(
            self.0.first().expect("a split text has a first part"),
            token,
        )
    }

    /// The successor whose hash was stored; none when the key that made it is gone.
    pub(crate) fn successor_again(
        &self,
        token: &SecretString,
        stored: &Hash,
    ) -> Option<SecretString> {
        self.0
            .iter()
            .map(|key| successor(key, token))
            .find(|candidate| Hash::of(candidate) == *stored)
    }
}

fn successor(key: &hmac::Key, token: &SecretString) -> SecretString {
    encode(
        REFRESH,
        hmac::sign(key, token.expose_secret().as_bytes()).as_ref(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(setting: &str) -> SuccessorKeys {
        SuccessorKeys::read(&setting.to_owned().into()).unwrap()
    }

    const OLD: &str = "an old key of at least thirty-two characters";
    const NEW: &str = "a new key of at least thirty-two characters.";

    #[test]
    fn a_successor_is_the_same_each_time_and_differs_by_key() {
        let token = fresh(REFRESH);
        let first = keys(OLD).successor(&token);
        assert!(first.expose_secret().starts_with(REFRESH));
        assert_eq!(
            first.expose_secret(),
            keys(OLD).successor(&token).expose_secret()
        );
        assert_ne!(
            first.expose_secret(),
            keys(NEW).successor(&token).expose_secret()
        );
        assert_ne!(
            first.expose_secret(),
            keys(OLD).successor(&first).expose_secret()
        );
    }

    #[test]
    fn a_retry_survives_the_change_of_the_server_key() {
        let token = fresh(REFRESH);
        let stored = Hash::of(&keys(OLD).successor(&token));
        let again = keys(&format!("{NEW},{OLD}"))
            .successor_again(&token, &stored)
            .unwrap();
        assert_eq!(Hash::of(&again), stored);
        assert!(keys(NEW).successor_again(&token, &stored).is_none());
    }

    #[test]
    fn short_server_keys_are_refused_and_none_is_printed() {
        assert!(SuccessorKeys::read(&"short".to_owned().into()).is_err());
        assert!(SuccessorKeys::read(&format!("{NEW},").into()).is_err());
        assert!(!format!("{:?}", keys(NEW)).contains("thirty-two"));
    }
}
