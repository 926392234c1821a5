//! Values that a dump of the database does not show.
//!
//! A service **seals** a field before it writes it, and opens it after it read it: AES-256-GCM under a
//! data key of its [`Scope`], which is a workspace, or the fleet for people, who stand outside the
//! workspaces. The [`Context`] is authenticated with the value, so that it opens in its own row and
//! column only. A **blind index** beside it finds equal values. Data keys lie in the database, wrapped by
//! a master key that does not: one from the environment ([`EnvKeys`]), or a key management service
//! behind [`KeyWrapper`].
//!
//! [`Vault::seal`], [`Vault::open`] and [`Vault::index`] are called outside of any transaction. They read
//! the data keys over connections of their own, at most once a minute for a scope, and a data key must
//! be committed before something that is sealed under it is.
//!
//! Every schema that uses this has the table of `migrations/<service>/…_vault.sql`:
//!
//! ```sql
//! CREATE TABLE <schema>.data_keys (
//!   id          uuid PRIMARY KEY,
//!   -- The workspace; the nil UUID is the fleet.
//!   scope       uuid NOT NULL,
//!   purpose     text NOT NULL CONSTRAINT data_keys_purpose CHECK (purpose IN ('seal', 'index')),
//!   wrapped     bytea NOT NULL,
//!   created_at  timestamptz NOT NULL,
//!   -- When a rotation made another key the current one; this one only opens since then.
//!   replaced_at timestamptz
//! );
//! CREATE UNIQUE INDEX data_keys_current ON <schema>.data_keys (scope, purpose) WHERE replaced_at IS NULL;
//! CREATE INDEX data_keys_by_scope ON <schema>.data_keys (scope);
//! ```
//!
//! **A new master key**: see [`VaultConfig`], then [`Vault::rewrap`]. **New data keys**: [`Vault::rotate`]
//! each of [`Vault::scopes`]; then go over the rows in portions, seal again what is not
//! [`Vault::is_current`] (`UPDATE … WHERE id = $1 AND email_sealed = $2`, so that a newer value stays),
//! and [`Vault::retire`] the old keys.

mod environment;
mod error;
mod key;
mod keyring;
mod rotation;
mod sealed;
mod wrapper;

use std::{fmt, sync::Arc};

use clock::Clock;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sqlx::PgPool;

pub use environment::{EnvKeys, VaultConfig};
pub use error::VaultError;
pub use sealed::{BlindIndex, Context, Scope, Sealed};
pub use wrapper::{KeyContext, KeyWrapper, Purpose, UnknownPurpose};

use crate::keyring::Cache;

/// Seals and opens for one service. Cheap to clone; clones share their keys.
#[derive(Clone)]
pub struct Vault {
    schema: &'static str,
    pool: PgPool,
    wrapper: Arc<dyn KeyWrapper>,
    clock: Clock,
    cache: Arc<Cache>,
}

impl Vault {
    /// The vault over `schema.data_keys`. Reads nothing yet.
    #[must_use]
    pub fn new(
        schema: &'static str,
        pool: PgPool,
        wrapper: Arc<dyn KeyWrapper>,
        clock: Clock,
    ) -> Self {
        Self {
            schema,
            pool,
            wrapper,
            clock,
            cache: Arc::new(Cache::new()),
        }
    }

    /// Seals a value under the scope's current data key. The first call for a scope makes one, and
    /// commits it.
    ///
    /// # Errors
    /// When the data keys cannot be read, written or unwrapped.
    pub async fn seal(
        &self,
        scope: Scope,
        context: &Context,
        plain: &[u8],
    ) -> Result<Sealed, VaultError> {
        let data_key = self.current(scope, Purpose::Seal).await?;
        let key = self.unwrapped(scope, &data_key).await?;
        Ok(Sealed::seal((data_key.id, key), scope, context, plain))
    }

    /// Opens a value.
    ///
    /// # Errors
    /// When the data keys cannot be read or unwrapped, the value was changed, or it was sealed for
    /// another scope, field or row.
    pub async fn open(
        &self,
        scope: Scope,
        context: &Context,
        sealed: &Sealed,
    ) -> Result<SecretSlice<u8>, VaultError> {
        let id = sealed.data_key()?;
        let keyring = self
            .keyring(scope, |keyring| keyring.sealing(id).is_some())
            .await?;
        let data_key = keyring
            .sealing(id)
            .ok_or(VaultError::UnknownDataKey(scope))?;
        let key = self.unwrapped(scope, data_key).await?;
        sealed.open(key, scope, context)
    }

    /// Opens a text.
    ///
    /// # Errors
    /// As [`Vault::open`], and when the value is not UTF-8.
    pub async fn open_text(
        &self,
        scope: Scope,
        context: &Context,
        sealed: &Sealed,
    ) -> Result<SecretString, VaultError> {
        let plain = self.open(scope, context, sealed).await?;
        let text = str::from_utf8(plain.expose_secret())
            .map_err(|_| VaultError::NotText(context.field))?;
        Ok(text.into())
    }

    /// What finds the rows where `field` of the context has this text; the row of the context does not
    /// count. Texts that should find each other are brought into one form first (case, spaces).
    ///
    /// # Errors
    /// When the data keys cannot be read, written or unwrapped.
    pub async fn index(
        &self,
        scope: Scope,
        context: &Context,
        plain: &str,
    ) -> Result<BlindIndex, VaultError> {
        let data_key = self.current(scope, Purpose::Index).await?;
        let key = self.unwrapped(scope, &data_key).await?;
        Ok(BlindIndex::of(key, context, plain))
    }

    /// Whether a value is sealed under the scope's current data key. After a rotation by another
    /// replica this may take a minute to change.
    ///
    /// # Errors
    /// When the data keys cannot be read, or the value is none of ours.
    pub async fn is_current(&self, scope: Scope, sealed: &Sealed) -> Result<bool, VaultError> {
        let id = sealed.data_key()?;
        let keyring = self.keyring(scope, |_| true).await?;
        Ok(keyring
            .current(Purpose::Seal)
            .is_some_and(|current| current.id == id))
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}
