//! Changing e-mail addresses in PostgreSQL.

use chrono::{DateTime, Utc};
use ids::UserId;
use sqlx::PgConnection;

use crate::people::KeptEmail;

/// Gives a person another address, which was proven; answers whether it was free.
pub(super) async fn replace(
    connection: &mut PgConnection,
    user: UserId,
    email: &KeptEmail,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "UPDATE auth.users SET email_sealed = $2, email_index = $3, email_verified_at = $4
         WHERE id = $1 AND deleted_at IS NULL
           AND NOT EXISTS (SELECT FROM auth.users WHERE email_index = $3 AND id <> $1)",
        user.as_uuid(),
        email.sealed.as_bytes(),
        email.index.as_bytes(),
        now,
    )
    .execute(connection)
    .await;
    match done {
        Ok(done) => Ok(done.rows_affected() == 1),
        // Somebody took it at this moment.
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(false),
        Err(error) => Err(error),
    }
}
