//! The queue in front of the model: a bounded number of requests, and a bounded number of runs.
//!
//! A request first takes a place (or is told to come back: 429), then its texts compete one by
//! one for a core. So a large batch does not make a small question wait for all of it, and what
//! a caller that went away had still queued is never computed.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use futures::{StreamExt, TryStreamExt, stream};
use lru::LruCache;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{Instrument, Span};

use crate::embedder::{Embedded, Embedder};
use crate::metrics;

/// How many seconds a caller that found the queue full should wait.
pub const RETRY_AFTER_SECONDS: u64 = 1;

/// Why texts were not embedded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// All places are taken.
    #[error("the queue is full")]
    Full,
    /// The model failed.
    #[error(transparent)]
    Model(#[from] crate::embedder::Error),
    /// The thread that ran the model died.
    #[error("the model's thread died: {0}")]
    Died(#[from] tokio::task::JoinError),
}

/// Sizes of the queue and the cache.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many texts run at the same time: the cores that the model may use.
    pub threads: NonZeroUsize,
    /// How many requests may be here at the same time, running and waiting.
    pub requests: NonZeroUsize,
    /// How many vectors the cache holds, 1.5 KB each.
    pub cached: NonZeroUsize,
}

/// SHA-256 of a text. Texts of all workspaces share the cache, so nobody may be able to make
/// two texts with one key.
type Key = [u8; 32];

/// The model with its queue and its cache. Cheap to share.
pub struct Work {
    embedder: Arc<Embedder>,
    places: Arc<Semaphore>,
    cores: Arc<Semaphore>,
    threads: usize,
    cache: Mutex<LruCache<Key, Embedded>>,
}

/// A place in the queue; embeds, and frees the place when dropped.
pub struct Place {
    work: Arc<Work>,
    _permit: OwnedSemaphorePermit,
}

impl Work {
    /// Puts a queue of these sizes in front of the model.
    pub fn new(embedder: Embedder, limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            embedder: Arc::new(embedder),
            places: Arc::new(Semaphore::new(limits.requests.get())),
            cores: Arc::new(Semaphore::new(limits.threads.get())),
            threads: limits.threads.get(),
            cache: Mutex::new(LruCache::new(limits.cached)),
        })
    }

    /// Takes a place, or says at once that there is none.
    pub fn enter(self: &Arc<Self>) -> Result<Place, Error> {
        let permit = self.places.clone().try_acquire_owned().map_err(|_| {
            metrics::refused();
            Error::Full
        })?;
        Ok(Place {
            work: self.clone(),
            _permit: permit,
        })
    }

    /// How many tokens a text has, without the model's limit. For short texts: see
    /// [`Place::count_tokens`].
    pub fn count_tokens(&self, text: &str) -> Result<usize, Error> {
        Ok(self.embedder.count_tokens(text)?)
    }

    fn cached(&self, key: &Key) -> Option<Embedded> {
        self.cache
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(key)
            .cloned()
    }

    async fn embed_one(self: Arc<Self>, text: String) -> Result<Embedded, Error> {
        let key: Key = Sha256::digest(text.as_bytes()).into();
        if let Some(found) = self.cached(&key) {
            metrics::embedded_from_cache();
            return Ok(found);
        }
        let core = self
            .cores
            .clone()
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        // Another request may have computed the same text while this one waited.
        if let Some(found) = self.cached(&key) {
            metrics::embedded_from_cache();
            return Ok(found);
        }
        let embedder = self.embedder.clone();
        let span = Span::current();
        let embedded = tokio::task::spawn_blocking(move || {
            // The core stays taken until the run ends, even when nobody waits for it any more.
            let _core = core;
            let _entered = span.entered();
            let started = Instant::now();
            let embedded = embedder.embed(&text);
            metrics::embedded_by_model(started.elapsed());
            embedded
        })
        .await??;
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.put(key, embedded.clone());
        Ok(embedded)
    }
}

impl Place {
    /// How many tokens the texts have together, counted off the reactor: a prompt can be long.
    pub async fn count_tokens(&self, texts: Vec<String>) -> Result<usize, Error> {
        let cores = self.work.cores.clone();
        let core = cores
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let embedder = self.work.embedder.clone();
        let counting = tokio::task::spawn_blocking(move || {
            let _core = core;
            texts
                .iter()
                .try_fold(0, |sum, text| Ok(sum + embedder.count_tokens(text)?))
        });
        counting.await?.map_err(Error::Model)
    }

    /// Embeds the texts; the answers come in their order. Dropping the future drops what has not
    /// begun.
    pub async fn embed(&self, texts: Vec<String>) -> Result<Vec<Embedded>, Error> {
        let span = tracing::info_span!("inference.embed", texts = texts.len());
        stream::iter(texts)
            .map(|text| self.work.clone().embed_one(text).instrument(span.clone()))
            .buffered(self.work.threads)
            .try_collect()
            .await
    }
}
