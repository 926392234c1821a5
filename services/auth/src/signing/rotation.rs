//! `auth keys rotate`: another key takes over.

use chrono::{DateTime, SecondsFormat, Utc};
use clock::Clock;
use sqlx::PgPool;
use vault::Vault;

use super::{
    Error, Rotation,
    model::{self, Life},
    new_key, store,
};
use crate::config::RotateConfig;

/// What a rotation did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// What tokens name the new key by.
    pub kid: String,
    /// When it begins to sign.
    pub signs_from: DateTime<Utc>,
    /// When the keys before it retire, at the latest.
    pub others_retire_at: DateTime<Utc>,
}

/// Makes a key that takes over.
///
/// # Errors
/// [`Error::UnderWay`] when a smooth rotation would overtake another one; else when PostgreSQL or the
/// vault fails. Then nothing has changed.
pub async fn rotate(
    pool: &PgPool,
    vault: &Vault,
    rotation: Rotation,
    now: DateTime<Utc>,
) -> Result<Rotated, Error> {
    let key = new_key(vault).await?;
    let mut transaction = pool.begin().await?;
    store::lock(&mut transaction).await?;
    let lives: Vec<Life> = store::list(&mut transaction)
        .await?
        .into_iter()
        .map(|key| key.life)
        .collect();
    let change = model::plan(&lives, rotation, now).map_err(Error::UnderWay)?;
    store::retire_all(&mut transaction, change.others_retire_at).await?;
    store::insert(&mut transaction, &key, &Life::from(change.signs_from), now).await?;
    transaction.commit().await?;
    Ok(Rotated {
        kid: key.kid,
        signs_from: change.signs_from,
        others_retire_at: change.others_retire_at,
    })
}

/// Runs the command, and says what it did.
///
/// # Errors
/// As [`rotate`], and when a setting cannot be used.
#[expect(clippy::print_stdout, reason = "the subcommand's output")]
pub async fn run(config: &RotateConfig) -> anyhow::Result<()> {
    let clock = Clock::system();
    let (pool, vault) = config.kept.open("auth keys rotate", &clock)?;
    let rotation = if config.at_once {
        Rotation::AtOnce
    } else {
        Rotation::Smooth
    };
    let rotated = rotate(&pool, &vault, rotation, clock.now()).await?;
    let text = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    println!(
        "the key {} signs from {} on; tokens of the keys before it are good until {}",
        rotated.kid,
        text(rotated.signs_from),
        text(rotated.others_retire_at),
    );
    Ok(())
}
