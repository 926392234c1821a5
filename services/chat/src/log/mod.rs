//! The log of a channel: appending to it, reading it, and what follows from it.
//!
//! Appending allocates. An entry is derived from the head of the log as this instance knows it and
//! inserted at the next place; the unique key of the place lets one of two writers through, and the
//! other reads what it lost to and decides anew. So the log is dense, nothing becomes readable before
//! what precedes it, and every decision was true at the place where its entry stands.
//!
//! A counter that is incremented first and written under later is not enough: 6 could be read before 5
//! is there, and whoever resumes after 6 would never see 5.

mod act;
mod append;
mod catch_up;
mod documents;
mod entry;
mod error;
mod head;
mod idle;
mod merge;
mod model;
mod read;
mod relay;
mod reseal;
mod sealing;
mod setup;
mod store;

#[cfg(test)]
mod act_tests;
#[cfg(test)]
mod model_tests;

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bus::Bus;
use clock::Clock;
use common::server::Lifecycle;
use lru::LruCache;
use mongodb::Database;
use sqlx::PgPool;
use tokio::sync::{Mutex as AsyncMutex, MutexGuard};
use vault::Vault;

pub use act::Acted;
pub use documents::StoreError;
pub use entry::{Actor, ClientKey, Of, Place, Said};
pub use error::Error;
pub use head::{Head, Merging};
pub use model::{Act, Refusal, may_begin, may_edit};
pub use read::{History, channel};
pub use reseal::reseal;

use self::{relay::Relay, store::Store};
use crate::hub::{Behind, Hub};

/// Whoever waits longer for the appends in front of it does not begin.
const TURN_WITHIN: Duration = Duration::from_millis(2_500);
/// Channels whose head is kept in memory.
const HEADS: NonZeroUsize = NonZeroUsize::new(16_384).expect("not zero");

/// The logs of all channels. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Log(Arc<Inner>);

/// Where the logs are kept, and whom they tell.
#[derive(Debug, Clone)]
pub struct Stores {
    /// The log itself.
    pub database: Database,
    /// What people of the company list channels by.
    pub pool: PgPool,
    /// Seals what is said.
    pub vault: Vault,
    /// The way to the other services.
    pub bus: Bus,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    vault: Vault,
    clock: Clock,
    hub: Hub,
    relay: Relay,
    lifecycle: Lifecycle,
    heads: Mutex<LruCache<Place, Slot>>,
}

/// The head of one log as this instance knows it. Its lock lets one append of this instance through at
/// a time, so that only instances race each other.
type Slot = Arc<AsyncMutex<Option<Head>>>;

impl Log {
    /// The logs in `stores`. Background work begins with [`Log::work`].
    #[must_use]
    pub fn new(stores: Stores, hub: Hub, clock: Clock, lifecycle: &Lifecycle) -> Self {
        Self(Arc::new(Inner {
            store: Store::new(stores.database),
            vault: stores.vault,
            clock,
            hub,
            relay: Relay::new(stores.bus, stores.pool),
            lifecycle: lifecycle.clone(),
            heads: Mutex::new(LruCache::new(HEADS)),
        }))
    }

    /// Starts what works behind the requests: publishing, catching up, ending what was half done, waking
    /// what sleeps and closing what is idle.
    pub fn work(&self, behind: Behind, idle_after: chrono::Duration) {
        let (stop, cut) = (self.0.lifecycle.stop_token(), self.0.lifecycle.cut_token());
        let spawn = |work: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| {
            self.0.lifecycle.spawn_background(work);
        };
        spawn(Box::pin(self.clone().publish_until(stop.clone())));
        spawn(Box::pin(self.clone().sweep_until(stop.clone())));
        spawn(Box::pin(self.clone().catch_up_until(behind, cut.clone())));
        spawn(Box::pin(self.clone().look_until(cut)));
        spawn(Box::pin(self.clone().wake_until(stop.clone())));
        spawn(Box::pin(self.clone().mend_until(stop.clone())));
        spawn(Box::pin(self.clone().close_idle_until(idle_after, stop)));
    }

    fn slot(&self, place: Place) -> Slot {
        let mut heads = self.0.heads.lock().unwrap_or_else(PoisonError::into_inner);
        heads.get_or_insert(place, Slot::default).clone()
    }
}

/// Waits for the turn on one log.
async fn lock(slot: &Slot) -> Result<MutexGuard<'_, Option<Head>>, Error> {
    tokio::time::timeout(TURN_WITHIN, slot.lock())
        .await
        .map_err(|_| Error::Busy)
}

/// Creates the indexes, and the shard keys where the server knows sharding.
///
/// # Errors
/// When MongoDB is not there or refuses.
pub async fn migrate(database: &Database) -> anyhow::Result<()> {
    setup::indexes(database).await?;
    setup::shards(database).await;
    Ok(())
}
