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

/// What the workspaces are called that a person belongs to.
pub(super) async fn workspace_names(
    connection: &mut PgConnection,
    user: UserId,
) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        "SELECT w.name FROM auth.memberships m JOIN auth.workspaces w ON w.id = m.workspace_id
         WHERE m.user_id = $1",
        user.as_uuid(),
    )
    .fetch_all(connection)
    .await
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
