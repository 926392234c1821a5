//! Tokens between services: each signs with its own key, for one callee, for a minute.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context;
use chrono::{DateTime, Duration, Utc};
use clock::Clock;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, jwk::JwkSet};
use serde::{Deserialize, Serialize};

use super::verify;
use crate::problem::Problem;

/// How long a service token lives.
const LIFETIME: Duration = Duration::seconds(60);
/// A token is used again until it has less than this to live.
const RENEW_BEFORE: Duration = Duration::seconds(20);

#[derive(Serialize, Deserialize)]
struct ServiceClaims {
    /// The calling service, which is also the id of the key.
    iss: String,
    /// The called service.
    aud: String,
    iat: i64,
    exp: i64,
}

/// A service token could not be made: the configured key is not one that can sign.
#[derive(Debug, thiserror::Error)]
#[error("the service key cannot sign")]
pub struct ServiceTokenError(#[from] jsonwebtoken::errors::Error);

/// Signs this service's tokens. Cheap to clone.
#[derive(Clone)]
pub struct ServiceSigner(Arc<Signer>);

struct Signer {
    name: &'static str,
    key: EncodingKey,
    clock: Clock,
    /// The last token for each callee.
    made: Mutex<HashMap<&'static str, (String, DateTime<Utc>)>>,
}

impl ServiceSigner {
    /// Reads this service's private key, PKCS#8 in PEM.
    ///
    /// # Errors
    /// When the file cannot be read or holds no EC key.
    pub fn read(name: &'static str, file: &Path, clock: Clock) -> anyhow::Result<Self> {
        let pem = fs::read(file)
            .with_context(|| format!("cannot read the service key {}", file.display()))?;
        Self::from_pem(name, &pem, clock)
            .with_context(|| format!("no usable key in {}", file.display()))
    }

    /// The signer for a key at hand.
    ///
    /// # Errors
    /// When `pem` is not an EC private key.
    pub fn from_pem(name: &'static str, pem: &[u8], clock: Clock) -> anyhow::Result<Self> {
        let key = EncodingKey::from_ec_pem(pem)?;
        Ok(Self(Arc::new(Signer {
            name,
            key,
            clock,
            made: Mutex::default(),
        })))
    }

    /// A token for the service `callee`.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn token_for(&self, callee: &'static str) -> Result<String, ServiceTokenError> {
        let now = self.0.clock.now();
        let mut made = self.0.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((token, until)) = made.get(callee)
            && *until - now > RENEW_BEFORE
        {
            return Ok(token.clone());
        }
        let until = now + LIFETIME;
        let claims = ServiceClaims {
            iss: self.0.name.to_owned(),
            aud: callee.to_owned(),
            iat: now.timestamp(),
            exp: until.timestamp(),
        };
        let header = Header {
            kid: Some(self.0.name.to_owned()),
            ..Header::new(Algorithm::ES256)
        };
        let token = jsonwebtoken::encode(&header, &claims, &self.0.key)?;
        made.insert(callee, (token.clone(), until));
        Ok(token)
    }
}

/// The public keys of all services, by name.
#[derive(Clone)]
pub(super) struct ServiceKeys(Arc<HashMap<String, DecodingKey>>);

impl ServiceKeys {
    pub(super) fn read(file: &Path) -> anyhow::Result<Self> {
        let text = fs::read(file)
            .with_context(|| format!("cannot read the services' public keys {}", file.display()))?;
        let set: JwkSet = serde_json::from_slice(&text)
            .with_context(|| format!("{} is not a JWK set", file.display()))?;
        Ok(Self::from_set(&set))
    }

    pub(super) fn from_set(set: &JwkSet) -> Self {
        Self(Arc::new(verify::decoding_keys(set).collect()))
    }

    /// The service that signed `token` for `audience`.
    pub(super) fn verify(
        &self,
        token: &str,
        audience: &str,
        now: DateTime<Utc>,
    ) -> Result<String, Problem> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| verify::invalid())?;
        if header.alg != Algorithm::ES256 {
            return Err(verify::invalid());
        }
        let kid = header.kid.ok_or_else(verify::invalid)?;
        let key = self.0.get(&kid).ok_or_else(verify::invalid)?;
        let claims: ServiceClaims = verify::decode(token, key)?;
        let good = claims.iss == kid && claims.aud == audience && claims.exp > now.timestamp();
        if good {
            Ok(kid)
        } else {
            Err(verify::invalid())
        }
    }
}
