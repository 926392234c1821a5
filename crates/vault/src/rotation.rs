//! Keys that change while the service runs: the master key, a data key, and the end of a scope.

use chrono::{DateTime, TimeDelta, Utc};
use ids::DataKeyId;
use secrecy::ExposeSecret;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::{KeyContext, Purpose, Scope, Vault, VaultError};

/// For how long after a rotation something may still be written under the old key: a replica may
/// believe in it for [`crate::keyring::LIFETIME`], and for eight minutes when it cannot read the store;
/// then it writes what it sealed. The rest is for clocks that differ.
const GRACE: TimeDelta = TimeDelta::minutes(10);
/// Data keys that are read at once.
const PORTION: i64 = 100;

#[derive(sqlx::FromRow)]
struct Wrapped {
    id: DataKeyId,
    scope: Scope,
    #[sqlx(try_from = "String")]
    purpose: Purpose,
    wrapped: Vec<u8>,
}

impl Vault {
    /// Wraps every data key under the present master key that an older one wrapped, and answers how
    /// many there were. Nothing that is sealed changes. Run it when every replica has the new master
    /// key first; once it answers 0, the old one may be taken out.
    ///
    /// # Errors
    /// When the store or what wraps is not there, or a data key does not unwrap; those before it are
    /// done, and the next run goes on.
    pub async fn rewrap(&self) -> Result<u64, VaultError> {
        let sql = format!(
            "SELECT id, scope, purpose, wrapped FROM {}.data_keys WHERE id > $1 ORDER BY id LIMIT $2",
            self.schema
        );
        let mut last = DataKeyId::from_uuid(Uuid::nil());
        let mut done = 0;
        loop {
            let keys: Vec<Wrapped> = sqlx::query_as(AssertSqlSafe(sql.as_str()))
                .bind(last)
                .bind(PORTION)
                .fetch_all(&self.pool)
                .await?;
            let Some(end) = keys.last() else {
                return Ok(done);
            };
            last = end.id;
            for key in keys {
                if !self.wrapper.is_current(&key.wrapped) {
                    done += self.rewrap_one(key).await?;
                }
            }
        }
    }

    async fn rewrap_one(&self, key: Wrapped) -> Result<u64, VaultError> {
        let context = KeyContext {
            scope: key.scope,
            id: key.id,
            purpose: key.purpose,
        };
        let bytes = self.wrapper.unwrap(&key.wrapped, &context).await?;
        let wrapped = self.wrapper.wrap(bytes.expose_secret(), &context).await?;
        // Another run may have been faster, or the key may be gone.
        let sql = format!(
            "UPDATE {}.data_keys SET wrapped = $1 WHERE id = $2 AND wrapped = $3",
            self.schema
        );
        let changed = sqlx::query(AssertSqlSafe(sql))
            .bind(wrapped)
            .bind(key.id)
            .bind(key.wrapped)
            .execute(&self.pool)
            .await?;
        Ok(changed.rows_affected())
    }

    /// Makes a new data key for what the scope seals from now on; other replicas follow within a
    /// minute. The old keys still open. Two rotations at once are one. The key of the blind indexes
    /// stays: another one would find nothing that is written.
    ///
    /// # Errors
    /// When the store or what wraps is not there; then nothing changed.
    pub async fn rotate(&self, scope: Scope) -> Result<(), VaultError> {
        let fresh = self.make(scope, Purpose::Seal).await?;
        let sql = format!(
            "UPDATE {}.data_keys SET replaced_at = $1
             WHERE scope = $2 AND purpose = $3 AND replaced_at IS NULL",
            self.schema
        );
        let mut transaction = self.pool.begin().await?;
        sqlx::query(AssertSqlSafe(sql))
            .bind(self.clock.now())
            .bind(scope)
            .bind(Purpose::Seal.as_str())
            .execute(&mut *transaction)
            .await?;
        self.insert(&mut *transaction, fresh).await?;
        transaction.commit().await?;
        self.cache.forget(scope);
        Ok(())
    }

    /// Deletes the data keys of a scope that nothing is sealed under any more, and answers how many.
    /// The caller says so: it began at `since` to look at every row, and has sealed each again that was
    /// not [`Vault::is_current`]. A key that was replaced less than ten minutes before `since` stays for
    /// the next time: another replica may have written under it while the rows were looked at.
    ///
    /// # Errors
    /// When the store is not there.
    pub async fn retire(&self, scope: Scope, since: DateTime<Utc>) -> Result<u64, VaultError> {
        let sql = format!(
            "DELETE FROM {}.data_keys WHERE scope = $1 AND purpose = $2 AND replaced_at < $3",
            self.schema
        );
        let deleted = sqlx::query(AssertSqlSafe(sql))
            .bind(scope)
            .bind(Purpose::Seal.as_str())
            .bind(since - GRACE)
            .execute(&self.pool)
            .await?;
        self.cache.forget(scope);
        Ok(deleted.rows_affected())
    }

    /// Every scope that has a key.
    ///
    /// # Errors
    /// When the store is not there.
    pub async fn scopes(&self) -> Result<Vec<Scope>, VaultError> {
        let sql = format!(
            "SELECT DISTINCT scope FROM {}.data_keys ORDER BY scope",
            self.schema
        );
        let scopes = sqlx::query_scalar(AssertSqlSafe(sql));
        Ok(scopes.fetch_all(&self.pool).await?)
    }

    /// Deletes every key of a scope, and answers how many: what it sealed is lost wherever a copy of it
    /// lies, except in backups that hold the keys too. Here that is at once, on other replicas within a
    /// minute, or eight where they cannot read the store. Call it after the commit that deletes the workspace, so that nobody seals for it any more:
    /// a use that comes later makes new keys.
    ///
    /// # Errors
    /// When the store is not there.
    pub async fn destroy(&self, scope: Scope) -> Result<u64, VaultError> {
        let sql = format!("DELETE FROM {}.data_keys WHERE scope = $1", self.schema);
        let deleted = sqlx::query(AssertSqlSafe(sql))
            .bind(scope)
            .execute(&self.pool)
            .await?;
        self.cache.forget(scope);
        Ok(deleted.rows_affected())
    }
}
