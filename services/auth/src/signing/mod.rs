//! The keys that sign access tokens.
//!
//! They lie in PostgreSQL, sealed by the vault, and every replica knows all of them: the one that
//! signs, the one before it, whose tokens are still good, and the one that signs soon. Which is which
//! follows from the times in the table and from the clock, so that replicas change over at one moment
//! without a word between them. A rotation only has to leave them the time to read the table.

mod error;
mod model;
mod pair;
mod rotation;
mod signer;
mod store;

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;
use vault::Vault;

use crate::app::App;

pub use error::Error;
pub(crate) use error::SigningError;
pub use model::Rotation;
pub(crate) use model::{PERSON, VISITOR};
pub(crate) use pair::{public_jwk, random_pkcs8};
pub use rotation::{Rotated, rotate, run};
pub use signer::Signer;
pub(crate) use signer::{Person, Program, Visitor};

use model::{Life, RELOAD_EVERY};
use pair::Pair;
use signer::Known;
use store::NewKey;

/// While no key is known yet, PostgreSQL is asked this often.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// Reads the keys anew, for signing, publishing and verifying, until `stop`.
pub async fn follow(app: App, stop: CancellationToken) {
    let mut failing = false;
    while !stop.is_cancelled() {
        match load(&app).await {
            Ok(()) => failing = false,
            Err(error) if !failing => {
                tracing::warn!(%error, "the signing keys could not be read; those that are known serve on");
                failing = true;
            }
            Err(_) => {}
        }
        let wait = if app.signer.healthy().is_ok() {
            RELOAD_EVERY
        } else {
            RETRY_EVERY
        };
        stop.run_until_cancelled(tokio::time::sleep(wait)).await;
    }
}

/// Reads the keys as the table has them now. Where there is none, makes the first; by several replicas
/// at once it is made once.
///
/// # Errors
/// When PostgreSQL or the vault fails; then the keys that were known stay.
pub async fn load(app: &App) -> Result<(), Error> {
    let now = app.clock.now();
    let mut stored = store::list(&mut *app.pool.acquire().await?).await?;
    if !stored.iter().any(|key| key.life.verifies(now)) {
        make_first(app).await?;
        stored = store::list(&mut *app.pool.acquire().await?).await?;
    }
    if stored.iter().any(|key| key.life.is_over(now)) {
        store::delete_over(&mut *app.pool.acquire().await?, now).await?;
    }
    let mut keys = Vec::with_capacity(stored.len());
    for key in stored {
        let pair = match app.signer.pair(key.id) {
            Some(pair) => pair,
            None => Arc::new(Pair::open(&app.vault, key.id, &key.sealed).await?),
        };
        keys.push(Known {
            life: key.life,
            pair,
        });
    }
    app.signer.replace(keys);
    app.tokens.replace_keys(&app.signer.jwk_set(now));
    Ok(())
}

async fn make_first(app: &App) -> Result<(), Error> {
    let now = app.clock.now();
    let key = new_key(&app.vault).await?;
    let mut transaction = app.pool.begin().await?;
    store::lock(&mut transaction).await?;
    let stored = store::list(&mut transaction).await?;
    if stored.iter().any(|key| key.life.verifies(now)) {
        // Another replica was faster.
        return Ok(());
    }
    store::insert(&mut transaction, &key, &Life::from(now), now).await?;
    transaction.commit().await?;
    tracing::info!(kid = key.kid, "made the first signing key");
    Ok(())
}

/// A key that stands in no table yet. Not for a transaction: the vault reads its keys by connections of
/// its own.
async fn new_key(vault: &Vault) -> Result<NewKey, Error> {
    let (id, pkcs8) = (ids::SigningKeyId::new(), random_pkcs8()?);
    let pair = Pair::read(id, pkcs8.as_ref())?;
    let sealed = Pair::seal(vault, id, pkcs8.as_ref()).await?;
    Ok(NewKey {
        id,
        kid: pair.kid().to_owned(),
        sealed,
    })
}
