//! One key pair for ES256 (RFC 7518 §3.4).

use std::{fs, path::Path};

use anyhow::Context as _;
use auth_api::PublicKey;
use aws_lc_rs::{
    error::Unspecified,
    pkcs8::Document,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use ids::SigningKeyId;
use jsonwebtoken::{
    Algorithm, EncodingKey, Header,
    errors::Error as JwtError,
    jwk::{Jwk, PublicKeyUse, ThumbprintHash},
};
use secrecy::ExposeSecret;
use vault::{Context, Scope, Sealed, Vault, VaultError};

use super::Error;

const SEALED: &str = "auth.signing_keys.sealed";

/// A key that signs, and its public half.
pub(super) struct Pair {
    pub(super) id: SigningKeyId,
    pub(super) key: EncodingKey,
    /// The header of every token: ES256, and the key's id.
    pub(super) header: Header,
    /// The public half, for our own verifier.
    pub(super) jwk: Jwk,
    /// The public half, for everybody.
    pub(super) public: PublicKey,
}

impl Pair {
    /// The pair of a private key in PKCS#8.
    pub(super) fn read(id: SigningKeyId, pkcs8: &[u8]) -> Result<Self, Error> {
        Self::of(id, EncodingKey::from_ec_der(pkcs8)).map_err(|error| Error::NotAKey(id, error))
    }

    /// Opens a private key from the table.
    pub(super) async fn open(
        vault: &Vault,
        id: SigningKeyId,
        sealed: &Sealed,
    ) -> Result<Self, Error> {
        let pkcs8 = vault.open(Scope::FLEET, &context(id), sealed).await?;
        Self::read(id, pkcs8.expose_secret())
    }

    /// Seals a private key for the table.
    pub(super) async fn seal(
        vault: &Vault,
        id: SigningKeyId,
        pkcs8: &[u8],
    ) -> Result<Sealed, VaultError> {
        vault.seal(Scope::FLEET, &context(id), pkcs8).await
    }

    /// What tokens name the key by.
    pub(super) fn kid(&self) -> &str {
        &self.public.kid
    }

    fn of(id: SigningKeyId, key: EncodingKey) -> Result<Self, JwtError> {
        let jwk = jwk(&key, None)?;
        let public = serde_json::from_value(serde_json::to_value(&jwk)?)?;
        let header = Header {
            kid: jwk.common.key_id.clone(),
            ..Header::new(Algorithm::ES256)
        };
        Ok(Self {
            id,
            key,
            header,
            jwk,
            public,
        })
    }
}

fn context(id: SigningKeyId) -> Context {
    Context {
        field: SEALED,
        row: id.as_uuid(),
    }
}

/// A new private key in PKCS#8.
pub(crate) fn random_pkcs8() -> Result<Document, Unspecified> {
    EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
}

/// The public half of the key in `file`, PKCS#8 in PEM, under the id `kid`.
///
/// # Errors
/// When the file cannot be read or holds no EC P-256 key.
pub(crate) fn public_jwk(file: &Path, kid: &str) -> anyhow::Result<Jwk> {
    let pem = fs::read(file).with_context(|| format!("cannot read the key {}", file.display()))?;
    EncodingKey::from_ec_pem(&pem)
        .and_then(|key| jwk(&key, Some(kid)))
        .with_context(|| format!("no usable key in {}", file.display()))
}

/// The public half. Without a `kid` its id is its thumbprint (RFC 7638).
fn jwk(key: &EncodingKey, kid: Option<&str>) -> Result<Jwk, JwtError> {
    let mut jwk = Jwk::from_encoding_key(key, Algorithm::ES256)?;
    jwk.common.key_id = match kid {
        Some(kid) => Some(kid.to_owned()),
        None => Some(jwk.thumbprint(ThumbprintHash::SHA256)?),
    };
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    Ok(jwk)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_named_by_its_thumbprint_and_shows_nothing_private() {
        let pkcs8 = random_pkcs8().unwrap();
        let (first, second) = (
            Pair::read(SigningKeyId::new(), pkcs8.as_ref()).unwrap(),
            Pair::read(SigningKeyId::new(), pkcs8.as_ref()).unwrap(),
        );
        assert_eq!(first.kid(), second.kid());
        assert_eq!(first.kid().len(), 43, "a SHA-256 in base64url");
        let shown = serde_json::to_value(&first.public).unwrap();
        assert_eq!(shown, serde_json::to_value(&first.jwk).unwrap());
        assert!(shown.get("d").is_none(), "{shown}");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let id = SigningKeyId::new();
        assert!(
            matches!(Pair::read(id, b"no key"), Err(Error::NotAKey(refused, _)) if refused == id)
        );
    }
}
