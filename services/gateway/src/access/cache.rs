//! Tokens that were verified, by their SHA-256: a check of a signature costs more than forwarding does.
//!
//! A hit is as strict as a check. The entry ends with its token and with the set of keys under which it
//! was verified, and the caller asks the list of revoked sessions each time. No token is kept, only
//! hashes.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Utc};
use common::{
    Problem,
    tokens::{Identity, Tokens},
};
use ids::{SessionId, WorkspaceId};
use lru::LruCache;
use uuid::Uuid;

use super::hash::Hash;

/// The map is cut in parts, so that requests seldom wait for each other.
const PARTS: usize = 16;

/// What the gateway needs to know of whom a token names.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// A person or a program; else a visitor.
    pub(crate) person: bool,
    /// The user's or the visitor's id.
    pub(crate) id: Uuid,
    pub(crate) workspace: WorkspaceId,
    pub(crate) session: SessionId,
    /// The only origin that may use a visitor's token from a browser.
    pub(crate) origin: Option<Arc<str>>,
    expires_at: DateTime<Utc>,
}

impl From<Identity> for Known {
    fn from(identity: Identity) -> Self {
        match identity {
            Identity::Person(caller) => Self {
                person: true,
                id: caller.user_id.as_uuid(),
                workspace: caller.workspace_id,
                session: caller.session_id,
                origin: None,
                expires_at: caller.expires_at,
            },
            Identity::Visitor(visitor) => Self {
                person: false,
                id: visitor.visitor_id.as_uuid(),
                workspace: visitor.workspace_id,
                session: visitor.session_id,
                origin: visitor.origin.map(Into::into),
                expires_at: visitor.expires_at,
            },
        }
    }
}

struct Entry {
    known: Known,
    /// The set of keys that it was verified under.
    generation: u64,
}

/// Verifies tokens, each once.
pub(crate) struct Verifier {
    tokens: Tokens,
    /// None keeps nothing: each token is verified with each request.
    parts: Option<Box<[Part]>>,
}

type Part = Mutex<LruCache<Hash, Entry>>;

impl Verifier {
    /// A verifier that keeps so many tokens, about 200 bytes each; none with 0.
    pub(crate) fn new(tokens: Tokens, kept: usize) -> Self {
        let parts = NonZeroUsize::new(kept.div_ceil(PARTS)).map(|part| {
            let part = || Mutex::new(LruCache::sparse(part));
            std::iter::repeat_with(part).take(PARTS).collect()
        });
        Self { tokens, parts }
    }

    /// Whom a token names, if it was verified before and still holds.
    pub(crate) fn kept(&self, hash: &Hash) -> Option<Known> {
        let mut part = self.part(hash)?;
        let entry = part.get(hash)?;
        if entry.generation == self.tokens.generation()
            && entry.known.expires_at > self.tokens.now()
        {
            return Some(entry.known.clone());
        }
        part.pop(hash);
        None
    }

    /// Whom a token names.
    ///
    /// # Errors
    /// As [`Tokens::verify`].
    pub(crate) async fn verify(&self, token: &str, hash: Hash) -> Result<Known, Problem> {
        // Read before: the keys may change meanwhile, and then the entry is of the past already.
        let generation = self.tokens.generation();
        let known = Known::from(self.tokens.verify(token).await?);
        if let Some(mut part) = self.part(&hash) {
            let known = known.clone();
            part.put(hash, Entry { known, generation });
        }
        Ok(known)
    }

    fn part(&self, hash: &Hash) -> Option<MutexGuard<'_, LruCache<Hash, Entry>>> {
        let part = &self.parts.as_ref()?[usize::from(hash.first()) % PARTS];
        Some(part.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
