//! Settings in PostgreSQL.

use ids::WorkspaceId;
use sqlx::{PgConnection, PgExecutor};

use super::model::{self, Versioned};

/// The settings of a workspace.
pub(super) async fn find(
    connection: impl PgExecutor<'_>,
    workspace: WorkspaceId,
) -> sqlx::Result<Versioned> {
    let row = sqlx::query!(
        "SELECT decided, version, updated_at FROM chat.settings WHERE workspace_id = $1",
        workspace.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    match row {
        Some(row) => Ok(Versioned {
            settings: model::read(row.decided, row.updated_at).map_err(undecodable)?,
            version: row.version,
        }),
        None => Ok(Versioned {
            settings: model::defaults(),
            version: 0,
        }),
    }
}

/// The settings of a workspace, which nobody else can change until the transaction ends.
pub(super) async fn lock(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
) -> sqlx::Result<Versioned> {
    // An advisory lock, because most workspaces have no row to lock.
    sqlx::query!(
        r#"SELECT pg_advisory_xact_lock(hashtextextended('chat.settings:' || $1, 0))::text AS "done""#,
        workspace.to_string(),
    )
    .fetch_one(&mut *connection)
    .await?;
    find(connection, workspace).await
}

/// Writes the settings.
pub(super) async fn save(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    Versioned { settings, version }: &Versioned,
) -> sqlx::Result<()> {
    let decided = serde_json::to_value(settings).map_err(undecodable)?;
    sqlx::query!(
        "INSERT INTO chat.settings (workspace_id, decided, version, updated_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (workspace_id) DO UPDATE
         SET decided = EXCLUDED.decided, version = EXCLUDED.version, updated_at = EXCLUDED.updated_at",
        workspace.as_uuid(),
        decided,
        *version,
        settings.updated_at.unwrap_or_default(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Keeps a text that visitors are asked to agree to.
pub(super) async fn keep_text(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    Versioned { settings, .. }: &Versioned,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO chat.consent_texts (workspace_id, version, text, text_hash, created_at)
         VALUES ($1, $2, $3, $4, $5)",
        workspace.as_uuid(),
        settings.consent.version,
        settings.consent.text,
        settings.consent.hash,
        settings.updated_at.unwrap_or_default(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

fn undecodable(error: serde_json::Error) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}
