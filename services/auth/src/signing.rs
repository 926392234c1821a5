//! The keys that sign access tokens: reading them, signing by the first, publishing all.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result};
use auth_api::PublicKeys;
use chrono::{DateTime, Duration, Utc};
use common::tokens::{AUDIENCE_PEOPLE, AUDIENCE_VISITORS, Claims, Role};
use ids::{AgentId, SessionId, UserId, VisitorId, WorkspaceId};
use jsonwebtoken::{
    Algorithm, EncodingKey, Header,
    jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash},
};

/// How long the token of a person or a program lives.
pub(crate) const PERSON: Duration = Duration::minutes(10);
/// How long a visitor's token lives.
pub(crate) const VISITOR: Duration = Duration::minutes(60);

/// A token could not be signed: the key that was read is not one that can.
#[derive(Debug, thiserror::Error)]
#[error("the access token could not be signed")]
pub(crate) struct SigningError(#[from] jsonwebtoken::errors::Error);

/// A person in a workspace, as a token names them.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) user: UserId,
    pub(crate) workspace: WorkspaceId,
    pub(crate) session: SessionId,
    pub(crate) role: Role,
    pub(crate) permissions: Vec<String>,
}

/// A visitor, as a token names them.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    pub(crate) visitor: VisitorId,
    pub(crate) workspace: WorkspaceId,
    pub(crate) session: SessionId,
    pub(crate) agent: AgentId,
    pub(crate) origin: Option<String>,
}

/// Signs access tokens. Cheap to clone.
#[derive(Clone)]
pub struct Signer(Arc<Inner>);

struct Inner {
    issuer: String,
    key: EncodingKey,
    header: Header,
    set: JwkSet,
    public: PublicKeys,
}

impl Signer {
    /// Reads the private keys, PKCS#8 in PEM: the first signs, all are published.
    ///
    /// # Errors
    /// When a file cannot be read or holds no EC P-256 key.
    pub fn read(issuer: &str, files: &[PathBuf]) -> Result<Self> {
        let mut keys = files
            .iter()
            .map(|file| read(file, None))
            .collect::<Result<Vec<_>>>()?;
        anyhow::ensure!(!keys.is_empty(), "no signing key is configured");
        let set = JwkSet {
            keys: keys.iter().map(|(_, jwk)| jwk.clone()).collect(),
        };
        let (key, jwk) = keys.swap_remove(0);
        let public = serde_json::from_value(serde_json::to_value(&set)?)
            .context("a key is not an EC key")?;
        let header = Header {
            kid: jwk.common.key_id,
            ..Header::new(Algorithm::ES256)
        };
        Ok(Self(Arc::new(Inner {
            issuer: issuer.to_owned(),
            key,
            header,
            set,
            public,
        })))
    }

    /// The published keys, for those who read tokens.
    #[must_use]
    pub fn public_keys(&self) -> &PublicKeys {
        &self.0.public
    }

    /// The published keys, for our own verifier.
    #[must_use]
    pub fn jwk_set(&self) -> &JwkSet {
        &self.0.set
    }

    /// Who signs.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// A token for a person.
    pub(crate) fn person(
        &self,
        person: &Person,
        now: DateTime<Utc>,
    ) -> Result<String, SigningError> {
        self.sign(&Claims {
            iss: self.0.issuer.clone(),
            aud: AUDIENCE_PEOPLE.to_owned(),
            sub: person.user.as_uuid(),
            wid: person.workspace,
            sid: person.session,
            role: Some(person.role),
            scope: person.permissions.join(" "),
            agent: None,
            origin: None,
            iat: now.timestamp(),
            exp: (now + PERSON).timestamp(),
        })
    }

    /// A token for a visitor.
    pub(crate) fn visitor(
        &self,
        visitor: &Visitor,
        now: DateTime<Utc>,
    ) -> Result<String, SigningError> {
        self.sign(&Claims {
            iss: self.0.issuer.clone(),
            aud: AUDIENCE_VISITORS.to_owned(),
            sub: visitor.visitor.as_uuid(),
            wid: visitor.workspace,
            sid: visitor.session,
            role: None,
            scope: String::new(),
            agent: Some(visitor.agent),
            origin: visitor.origin.clone(),
            iat: now.timestamp(),
            exp: (now + VISITOR).timestamp(),
        })
    }

    fn sign(&self, claims: &Claims) -> Result<String, SigningError> {
        Ok(jsonwebtoken::encode(&self.0.header, claims, &self.0.key)?)
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer")
            .field("issuer", &self.0.issuer)
            .field("kid", &self.0.header.kid)
            .finish_non_exhaustive()
    }
}

/// The public half of the key in `file`, PKCS#8 in PEM. Its id is `kid`, or else its thumbprint
/// (RFC 7638).
///
/// # Errors
/// When the file cannot be read or holds no EC P-256 key.
pub(crate) fn public_jwk(file: &Path, kid: Option<&str>) -> Result<Jwk> {
    read(file, kid).map(|(_, jwk)| jwk)
}

fn read(file: &Path, kid: Option<&str>) -> Result<(EncodingKey, Jwk)> {
    let pem = fs::read(file).with_context(|| format!("cannot read the key {}", file.display()))?;
    from_pem(&pem, kid).with_context(|| format!("no usable key in {}", file.display()))
}

fn from_pem(pem: &[u8], kid: Option<&str>) -> Result<(EncodingKey, Jwk)> {
    let key = EncodingKey::from_ec_pem(pem)?;
    let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256)?;
    jwk.common.key_id = match kid {
        Some(kid) => Some(kid.to_owned()),
        None => Some(jwk.thumbprint(ThumbprintHash::SHA256)?),
    };
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    Ok((key, jwk))
}
