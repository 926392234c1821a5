//! Passkeys in PostgreSQL. They belong to people, who stand outside the workspaces.

use auth_api::Passkey;
use chrono::{DateTime, Utc};
use ids::{PasskeyId, UserId};
use serde_json::Value;
use sqlx::PgConnection;

/// A passkey as it signs in.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) id: PasskeyId,
    pub(super) credential: Value,
}

/// The names that devices have for the passkeys of a person, who cannot add another one until the
/// transaction ends.
pub(super) async fn lock_all(
    connection: &mut PgConnection,
    user: UserId,
) -> sqlx::Result<Vec<Vec<u8>>> {
    sqlx::query!(
        "SELECT id FROM auth.users WHERE id = $1 FOR NO KEY UPDATE",
        user.as_uuid()
    )
    .fetch_optional(&mut *connection)
    .await?;
    credential_ids(connection, user).await
}

/// The names that devices have for the passkeys of a person.
pub(super) async fn credential_ids(
    connection: &mut PgConnection,
    user: UserId,
) -> sqlx::Result<Vec<Vec<u8>>> {
    sqlx::query_scalar!(
        "SELECT credential_id FROM auth.passkeys WHERE user_id = $1",
        user.as_uuid(),
    )
    .fetch_all(connection)
    .await
}

/// Writes a passkey.
pub(super) async fn insert(
    connection: &mut PgConnection,
    user: UserId,
    passkey: &Passkey,
    (credential_id, credential): (&[u8], &Value),
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO auth.passkeys (id, user_id, credential_id, credential, name, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
        passkey.id.as_uuid(),
        user.as_uuid(),
        credential_id,
        credential,
        passkey.name,
        passkey.created_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The passkeys of a person, newest first.
pub(super) async fn list(
    connection: &mut PgConnection,
    user: UserId,
    before: Option<PasskeyId>,
    rows: i64,
) -> sqlx::Result<Vec<Passkey>> {
    sqlx::query_as!(
        Passkey,
        r#"SELECT id AS "id: PasskeyId", name, created_at, last_used_at FROM auth.passkeys
           WHERE user_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3"#,
        user.as_uuid(),
        before.map(|id| id.as_uuid()),
        rows,
    )
    .fetch_all(connection)
    .await
}

/// Renames a passkey.
pub(super) async fn rename(
    connection: &mut PgConnection,
    user: UserId,
    id: PasskeyId,
    name: &str,
) -> sqlx::Result<Option<Passkey>> {
    sqlx::query_as!(
        Passkey,
        r#"UPDATE auth.passkeys SET name = $3 WHERE user_id = $1 AND id = $2
           RETURNING id AS "id: PasskeyId", name, created_at, last_used_at"#,
        user.as_uuid(),
        id.as_uuid(),
        name,
    )
    .fetch_optional(connection)
    .await
}

/// What a passkey is called.
pub(super) async fn name(
    connection: &mut PgConnection,
    user: UserId,
    id: PasskeyId,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!(
        "SELECT name FROM auth.passkeys WHERE user_id = $1 AND id = $2",
        user.as_uuid(),
        id.as_uuid(),
    )
    .fetch_optional(connection)
    .await
}

/// Removes a passkey; answers whether there was one.
pub(super) async fn delete(
    connection: &mut PgConnection,
    user: UserId,
    id: PasskeyId,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "DELETE FROM auth.passkeys WHERE user_id = $1 AND id = $2",
        user.as_uuid(),
        id.as_uuid(),
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The passkey of a person that their device calls so. Nobody else signs in by it until the transaction
/// ends: two assertions at once are compared with the same counter otherwise.
pub(super) async fn lock(
    connection: &mut PgConnection,
    user: UserId,
    credential_id: &[u8],
) -> sqlx::Result<Option<Kept>> {
    sqlx::query_as!(
        Kept,
        r#"SELECT p.id AS "id: PasskeyId", p.credential
           FROM auth.passkeys p JOIN auth.users u ON u.id = p.user_id
           WHERE p.user_id = $1 AND p.credential_id = $2 AND u.deleted_at IS NULL
           FOR UPDATE OF p"#,
        user.as_uuid(),
        credential_id,
    )
    .fetch_optional(connection)
    .await
}

/// Keeps what a sign-in changed of a passkey: its counter and its flags.
pub(super) async fn note_use(
    connection: &mut PgConnection,
    id: PasskeyId,
    credential: &Value,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE auth.passkeys SET credential = $2, last_used_at = $3 WHERE id = $1",
        id.as_uuid(),
        credential,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}
