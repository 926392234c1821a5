//! Hashes of passwords in PostgreSQL.

use ids::UserId;
use sqlx::PgConnection;

/// Sets the hash of a new password.
pub(super) async fn set(
    connection: &mut PgConnection,
    user: UserId,
    hash: &str,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE auth.users SET password_hash = $2 WHERE id = $1",
        user.as_uuid(),
        hash
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts a new hash into the place of `old`, if it is still there.
pub(super) async fn replace_hash(
    connection: &mut PgConnection,
    user: UserId,
    old: &str,
    new: &str,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE auth.users SET password_hash = $3 WHERE id = $1 AND password_hash = $2",
        user.as_uuid(),
        old,
        new,
    )
    .execute(connection)
    .await?;
    Ok(())
}
