//! The data keys of a scope, as the store has them, in memory for a minute.
//!
//! One read brings all keys of a scope: what is sealed goes under the current one, what is opened names
//! its own. A rotation or a deletion by another replica is therefore seen within [`LIFETIME`], and a
//! value under a key that is not known yet makes the keys be read at once. Without the store, what is
//! known goes on being used for as long as no rotation can have made it useless ([`ALONE`]). A data key
//! is unwrapped when it is first used, and stays so as long as its scope is in use: rereading asks no key
//! management service again.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use ids::DataKeyId;
use lru::LruCache;
use secrecy::ExposeSecret;
use sqlx::{AssertSqlSafe, PgExecutor};
use tokio::sync::OnceCell;

use crate::{KeyContext, Purpose, Scope, Vault, VaultError, key::Key};

/// For how long the keys of a scope are believed to be what the store has.
pub(crate) const LIFETIME: TimeDelta = TimeDelta::seconds(60);
/// For how long after they were read the keys of a scope are used when the store does not answer. Less
/// than what [`Vault::retire`] waits before it deletes a replaced key: what is sealed under one in the
/// meantime is still found and sealed again.
const ALONE: TimeDelta = TimeDelta::minutes(8);
/// A store that did not answer is asked again after this time; until then nobody waits for it.
const ASK_AGAIN: TimeDelta = TimeDelta::seconds(10);
/// Whoever has keys to go on with waits this long for newer ones.
const PATIENCE: Duration = Duration::from_secs(2);
/// Scopes that are kept; the one that was not used for longest goes first.
const SCOPES: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");

/// The keys of one scope. The lock lets one task read them while the others wait for it.
type Slot = Arc<tokio::sync::Mutex<Option<Arc<Keyring>>>>;

/// The keys of the scopes that were used lately.
pub(crate) struct Cache(Mutex<LruCache<Scope, Slot>>);

impl Cache {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(LruCache::new(SCOPES)))
    }

    fn slot(&self, scope: Scope) -> Slot {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.get_or_insert(scope, Slot::default))
    }

    /// The next use reads the store.
    pub(crate) fn forget(&self, scope: Scope) {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.pop(&scope);
    }
}

/// The data keys of a scope at a moment.
#[derive(Clone)]
pub(crate) struct Keyring {
    read_at: DateTime<Utc>,
    /// When the store was last asked for newer ones, and did not answer.
    missed_at: Option<DateTime<Utc>>,
    keys: Vec<Arc<DataKey>>,
    current: Vec<DataKeyId>,
}

impl Keyring {
    /// The key that what is new goes under.
    pub(crate) fn current(&self, purpose: Purpose) -> Option<&Arc<DataKey>> {
        self.keys
            .iter()
            .find(|key| key.purpose == purpose && self.current.contains(&key.id))
    }

    /// The key that a value names.
    pub(crate) fn sealing(&self, id: DataKeyId) -> Option<&Arc<DataKey>> {
        self.keys
            .iter()
            .find(|key| key.purpose == Purpose::Seal && key.id == id)
    }

    /// A clock that went back makes it stale, too.
    fn is_fresh(&self, now: DateTime<Utc>) -> bool {
        let just_missed = |at: DateTime<Utc>| (at..at + ASK_AGAIN).contains(&now);
        (self.read_at..self.read_at + LIFETIME).contains(&now)
            || (self.serves_alone(now) && self.missed_at.is_some_and(just_missed))
    }

    /// Whether it may be used when the store has no answer.
    fn serves_alone(&self, now: DateTime<Utc>) -> bool {
        (self.read_at..self.read_at + ALONE).contains(&now)
    }
}

/// One data key.
pub(crate) struct DataKey {
    pub(crate) id: DataKeyId,
    purpose: Purpose,
    wrapped: Vec<u8>,
    unwrapped: OnceCell<Key>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: DataKeyId,
    #[sqlx(try_from = "String")]
    purpose: Purpose,
    wrapped: Vec<u8>,
    current: bool,
}

/// A new data key on its way into the store.
pub(crate) struct Fresh {
    context: KeyContext,
    wrapped: Vec<u8>,
}

impl Vault {
    /// The keys of a scope; when they are old, or not `enough`, as the store has them now.
    pub(crate) async fn keyring(
        &self,
        scope: Scope,
        enough: impl Fn(&Keyring) -> bool,
    ) -> Result<Arc<Keyring>, VaultError> {
        let slot = self.cache.slot(scope);
        let mut known = slot.lock().await;
        let now = self.clock.now();
        let usable = known.as_ref().filter(|keyring| enough(keyring)).cloned();
        if let Some(keyring) = &usable
            && keyring.is_fresh(now)
        {
            return Ok(Arc::clone(keyring));
        }
        let reading = self.read(scope, known.as_deref());
        let keyring = match usable.filter(|keyring| keyring.serves_alone(now)) {
            None => reading.await?,
            Some(keyring) => match tokio::time::timeout(PATIENCE, reading).await {
                Ok(Ok(newer)) => newer,
                Ok(Err(VaultError::Store(_))) | Err(_) => Keyring {
                    missed_at: Some(now),
                    ..Keyring::clone(&keyring)
                },
                Ok(Err(error)) => return Err(error),
            },
        };
        let keyring = Arc::new(keyring);
        *known = Some(Arc::clone(&keyring));
        Ok(keyring)
    }

    /// The current key of a scope, made when there is none.
    pub(crate) async fn current(
        &self,
        scope: Scope,
        purpose: Purpose,
    ) -> Result<Arc<DataKey>, VaultError> {
        let there = |keyring: &Keyring| keyring.current(purpose).is_some();
        let mut keyring = self.keyring(scope, there).await?;
        if !there(&keyring) {
            // Another replica may be faster; whoever was, both read that one's.
            let fresh = self.make(scope, purpose).await?;
            self.insert(&self.pool, fresh).await?;
            keyring = self.keyring(scope, there).await?;
        }
        let current = keyring.current(purpose);
        current.cloned().ok_or(VaultError::UnknownDataKey(scope))
    }

    /// The key itself.
    pub(crate) async fn unwrapped<'k>(
        &self,
        scope: Scope,
        key: &'k DataKey,
    ) -> Result<&'k Key, VaultError> {
        let unwrap = || async {
            let (id, purpose) = (key.id, key.purpose);
            let context = KeyContext { scope, id, purpose };
            let bytes = self.wrapper.unwrap(&key.wrapped, &context).await?;
            Key::read(bytes.expose_secret()).ok_or(VaultError::Tampered("a data key"))
        };
        key.unwrapped.get_or_try_init(unwrap).await
    }

    /// A new key, wrapped: outside of any transaction, because a key management service takes its time.
    pub(crate) async fn make(&self, scope: Scope, purpose: Purpose) -> Result<Fresh, VaultError> {
        let id = DataKeyId::new();
        let context = KeyContext { scope, id, purpose };
        let wrapped = self.wrapper.wrap(Key::random().expose(), &context).await?;
        Ok(Fresh { context, wrapped })
    }

    /// Writes a new key as the current one; does nothing when its scope has one.
    pub(crate) async fn insert(
        &self,
        executor: impl PgExecutor<'_>,
        fresh: Fresh,
    ) -> sqlx::Result<()> {
        let sql = format!(
            "INSERT INTO {}.data_keys (id, scope, purpose, wrapped, created_at)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (scope, purpose) WHERE replaced_at IS NULL DO NOTHING",
            self.schema
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(fresh.context.id)
            .bind(fresh.context.scope)
            .bind(fresh.context.purpose.as_str())
            .bind(fresh.wrapped)
            .bind(self.clock.now())
            .execute(executor)
            .await?;
        Ok(())
    }

    async fn read(&self, scope: Scope, known: Option<&Keyring>) -> Result<Keyring, VaultError> {
        let read_at = self.clock.now();
        let sql = format!(
            "SELECT id, purpose, wrapped, replaced_at IS NULL AS current
             FROM {}.data_keys WHERE scope = $1",
            self.schema
        );
        let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(scope)
            .fetch_all(&self.pool)
            .await?;
        let current = rows.iter().filter(|row| row.current).map(|row| row.id);
        let current = current.collect();
        let unwrapped: Vec<&Arc<DataKey>> = known
            .into_iter()
            .flat_map(|keyring| &keyring.keys)
            .filter(|key| key.unwrapped.initialized())
            .collect();
        let keep = |row: Row| match unwrapped.iter().find(|key| key.id == row.id) {
            Some(key) => Arc::clone(key),
            None => Arc::new(DataKey {
                id: row.id,
                purpose: row.purpose,
                wrapped: row.wrapped,
                unwrapped: OnceCell::new(),
            }),
        };
        let keys = rows.into_iter().map(keep).collect();
        Ok(Keyring {
            read_at,
            missed_at: None,
            keys,
            current,
        })
    }
}
