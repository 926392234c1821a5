//! Signing access tokens by the key whose time it is.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use auth_api::PublicKeys;
use chrono::{DateTime, Utc};
use common::{
    server::Unhealthy,
    tokens::{AUDIENCE_PEOPLE, AUDIENCE_VISITORS, Claims, Role},
};
use ids::{AgentId, KeyId, SessionId, SigningKeyId, UserId, VisitorId, WorkspaceId};
use jsonwebtoken::jwk::JwkSet;

use super::{
    SigningError,
    model::{self, Life, PERSON, VISITOR},
    pair::Pair,
};

/// A person in a workspace, as a token names them.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) user: UserId,
    pub(crate) workspace: WorkspaceId,
    pub(crate) session: SessionId,
    pub(crate) role: Role,
    pub(crate) permissions: Vec<String>,
}

/// A program with a secret key, as a token names it.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) key: KeyId,
    pub(crate) workspace: WorkspaceId,
    pub(crate) session: SessionId,
    pub(crate) scopes: Vec<String>,
    /// When its token ends.
    pub(crate) until: DateTime<Utc>,
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

/// Signs access tokens. Cheap to clone; clones share their keys.
#[derive(Clone)]
pub struct Signer(Arc<Inner>);

struct Inner {
    issuer: String,
    keys: RwLock<Arc<[Known]>>,
}

/// A key of the table.
pub(super) struct Known {
    pub(super) life: Life,
    pub(super) pair: Arc<Pair>,
}

impl Signer {
    /// Signs in the name of `issuer`. Knows no key until [`super::load`] has read them.
    #[must_use]
    pub fn new(issuer: &str) -> Self {
        Self(Arc::new(Inner {
            issuer: issuer.to_owned(),
            keys: RwLock::new(Arc::default()),
        }))
    }

    /// Who signs.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// The published keys, for those who read tokens; the one that signs comes first.
    ///
    /// # Errors
    /// When no key is known yet: an empty set would make its readers refuse every token.
    pub(crate) fn public_keys(&self, now: DateTime<Utc>) -> Result<PublicKeys, SigningError> {
        let keys: Vec<_> = self
            .in_use(now)
            .into_iter()
            .map(|pair| pair.public.clone())
            .collect();
        if keys.is_empty() {
            return Err(SigningError::NoKey);
        }
        Ok(PublicKeys { keys })
    }

    /// The published keys, for our own verifier.
    pub(super) fn jwk_set(&self, now: DateTime<Utc>) -> JwkSet {
        JwkSet {
            keys: self
                .in_use(now)
                .into_iter()
                .map(|pair| pair.jwk.clone())
                .collect(),
        }
    }

    /// For `/readyz`.
    ///
    /// # Errors
    /// When no key is known yet.
    pub fn healthy(&self) -> Result<(), Unhealthy> {
        if self.keys().is_empty() {
            return Err(Unhealthy("no signing key is known yet".to_owned()));
        }
        Ok(())
    }

    /// A token for a person.
    pub(crate) fn person(
        &self,
        person: &Person,
        now: DateTime<Utc>,
    ) -> Result<String, SigningError> {
        let claims = Claims {
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
        };
        self.sign(&claims, now)
    }

    /// A token for a program.
    pub(crate) fn program(
        &self,
        program: &Program,
        now: DateTime<Utc>,
    ) -> Result<String, SigningError> {
        let claims = Claims {
            iss: self.0.issuer.clone(),
            aud: AUDIENCE_PEOPLE.to_owned(),
            sub: program.key.as_uuid(),
            wid: program.workspace,
            sid: program.session,
            role: Some(Role::Program),
            scope: program.scopes.join(" "),
            agent: None,
            origin: None,
            iat: now.timestamp(),
            exp: program.until.timestamp(),
        };
        self.sign(&claims, now)
    }

    /// A token for a visitor.
    pub(crate) fn visitor(
        &self,
        visitor: &Visitor,
        now: DateTime<Utc>,
    ) -> Result<String, SigningError> {
        let claims = Claims {
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
        };
        self.sign(&claims, now)
    }

    /// The pair of a key that is known.
    pub(super) fn pair(&self, id: SigningKeyId) -> Option<Arc<Pair>> {
        let keys = self.keys();
        let known = keys.iter().find(|known| known.pair.id == id)?;
        Some(Arc::clone(&known.pair))
    }

    /// Takes these keys in place of those that were known.
    pub(super) fn replace(&self, keys: Vec<Known>) {
        *self.0.keys.write().unwrap_or_else(PoisonError::into_inner) = keys.into();
    }

    fn sign(&self, claims: &Claims, now: DateTime<Utc>) -> Result<String, SigningError> {
        let pair = self
            .in_use(now)
            .into_iter()
            .next()
            .ok_or(SigningError::NoKey)?;
        Ok(jsonwebtoken::encode(&pair.header, claims, &pair.key)?)
    }

    /// The keys to be published; the first one signs.
    fn in_use(&self, now: DateTime<Utc>) -> Vec<Arc<Pair>> {
        let keys = self.keys();
        let lives: Vec<Life> = keys.iter().map(|known| known.life).collect();
        model::in_use(&lives, now)
            .into_iter()
            .map(|place| Arc::clone(&keys[place].pair))
            .collect()
    }

    fn keys(&self) -> Arc<[Known]> {
        Arc::clone(&self.0.keys.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.keys();
        f.debug_struct("Signer")
            .field("issuer", &self.0.issuer)
            .field(
                "kids",
                &keys
                    .iter()
                    .map(|known| known.pair.kid())
                    .collect::<Vec<_>>(),
            )
            .finish()
    }
}
