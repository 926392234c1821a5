//! The signing keys in PostgreSQL. They are the fleet's, so no function takes a workspace.

use chrono::{DateTime, Utc};
use ids::SigningKeyId;
use sqlx::PgConnection;
use vault::Sealed;

use super::model::{Life, over_before};

/// A key that is to be written.
pub(super) struct NewKey {
    pub(super) id: SigningKeyId,
    /// What tokens will name it by.
    pub(super) kid: String,
    pub(super) sealed: Sealed,
}

/// A key as the table has it.
pub(super) struct StoredKey {
    pub(super) id: SigningKeyId,
    pub(super) sealed: Sealed,
    pub(super) life: Life,
}

/// Lets one replica or command at a time change the keys, until the transaction ends.
pub(super) async fn lock(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('auth.signing_keys', 0))")
        .execute(connection)
        .await?;
    Ok(())
}

/// All keys.
pub(super) async fn list(connection: &mut PgConnection) -> sqlx::Result<Vec<StoredKey>> {
    let rows = sqlx::query!(
        r#"SELECT id AS "id: SigningKeyId", sealed AS "sealed: Sealed", signs_from, retires_at
           FROM auth.signing_keys ORDER BY id"#
    )
    .fetch_all(connection)
    .await?;
    let keys = rows.into_iter().map(|row| StoredKey {
        id: row.id,
        sealed: row.sealed,
        life: Life {
            signs_from: row.signs_from,
            retires_at: row.retires_at,
        },
    });
    Ok(keys.collect())
}

/// Writes a key.
pub(super) async fn insert(
    connection: &mut PgConnection,
    key: &NewKey,
    life: &Life,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO auth.signing_keys (id, sealed, created_at, signs_from, retires_at)
         VALUES ($1, $2, $3, $4, $5)",
        key.id.as_uuid(),
        key.sealed.as_bytes(),
        now,
        life.signs_from,
        life.retires_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Retires all keys, unless they do before.
pub(super) async fn retire_all(
    connection: &mut PgConnection,
    at: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE auth.signing_keys SET retires_at = $1 WHERE retires_at IS NULL OR retires_at > $1",
        at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes the keys that nothing needs any more.
pub(super) async fn delete_over(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM auth.signing_keys WHERE retires_at < $1",
        over_before(now)
    )
    .execute(connection)
    .await?;
    Ok(())
}
