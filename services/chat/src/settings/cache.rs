//! The settings as one instance knows them.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use chat_api::ChatSettings;
use ids::{VisitorId, WorkspaceId};
use lru::LruCache;
use sqlx::PgPool;
use stores::redis::Redis;

use super::{hints, store};

/// What was read is good for so long.
const FRESH: Duration = Duration::from_secs(5);
/// A reading that takes longer is given up where there is something older to go by.
const READ_WITHIN: Duration = Duration::from_millis(500);
const WORKSPACES: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");
const VISITORS: NonZeroUsize = NonZeroUsize::new(65_536).expect("not zero");

/// The settings that this instance knows. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Settings(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    redis: Redis,
    kept: Mutex<LruCache<WorkspaceId, Kept>>,
    /// The version that a visitor is known to have agreed to last.
    agreed: Mutex<LruCache<(WorkspaceId, VisitorId), i64>>,
}

#[derive(Debug, Clone)]
struct Kept {
    settings: Arc<ChatSettings>,
    /// Until when they are good without a look.
    until: Instant,
}

impl Settings {
    /// Nothing known yet; changes are told over `redis`.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self(Arc::new(Inner {
            redis,
            kept: Mutex::new(LruCache::new(WORKSPACES)),
            agreed: Mutex::new(LruCache::new(VISITORS)),
        }))
    }

    /// The settings of a workspace; those that were known last while PostgreSQL is away.
    ///
    /// # Errors
    /// When they cannot be read and nothing was known.
    pub async fn known(
        &self,
        pool: &PgPool,
        workspace: WorkspaceId,
    ) -> sqlx::Result<Arc<ChatSettings>> {
        let kept = self.kept().get(&workspace).cloned();
        let Some(kept) = kept else {
            let settings = Arc::new(store::find(pool, workspace).await?.settings);
            self.keep(workspace, settings.clone());
            return Ok(settings);
        };
        if Instant::now() < kept.until {
            return Ok(kept.settings);
        }
        let read = tokio::time::timeout(READ_WITHIN, store::find(pool, workspace)).await;
        let settings = match read {
            Ok(Ok(found)) => Arc::new(found.settings),
            Ok(Err(error)) => {
                tracing::debug!(%error, "the settings cannot be read; the last known ones hold");
                kept.settings
            }
            Err(_) => kept.settings,
        };
        // Also where it failed: who asks next need not wait for the same.
        self.keep(workspace, settings.clone());
        Ok(settings)
    }

    /// Keeps what was just read or written.
    pub(super) fn keep(&self, workspace: WorkspaceId, settings: Arc<ChatSettings>) {
        let until = Instant::now() + FRESH;
        self.kept().put(workspace, Kept { settings, until });
    }

    /// The settings of a workspace changed somewhere: the next who asks reads them.
    pub(super) fn forget(&self, workspace: WorkspaceId) {
        if let Some(kept) = self.kept().get_mut(&workspace) {
            kept.until = Instant::now();
        }
    }

    /// As [`Settings::forget`], for all workspaces: something may have been missed.
    pub(super) fn forget_all(&self) {
        let now = Instant::now();
        for (_, kept) in self.kept().iter_mut() {
            kept.until = now;
        }
    }

    /// Tells the other instances that the settings of a workspace changed.
    pub(super) async fn tell(&self, workspace: WorkspaceId) {
        hints::tell(&self.0.redis, workspace).await;
    }

    /// Listens to the other instances, until it is dropped.
    pub async fn follow(self) {
        hints::follow(&self.0.redis, &self).await;
    }

    pub(super) fn has_agreed(&self, whose: (WorkspaceId, VisitorId), version: i64) -> bool {
        let mut agreed = self.agreed_to();
        agreed.get(&whose).is_some_and(|known| *known == version)
    }

    /// Notes that a visitor agreed.
    pub(crate) fn agreed(&self, whose: (WorkspaceId, VisitorId), version: i64) {
        self.agreed_to().put(whose, version);
    }

    fn kept(&self) -> MutexGuard<'_, LruCache<WorkspaceId, Kept>> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn agreed_to(&self) -> MutexGuard<'_, LruCache<(WorkspaceId, VisitorId), i64>> {
        self.0.agreed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
