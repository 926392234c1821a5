//! Views in PostgreSQL.

use chat_api::{ChannelFilter, View};
use chrono::{DateTime, Utc};
use ids::{UserId, ViewId, WorkspaceId};
use sqlx::{PgConnection, types::Json};

use super::{MOST, Versioned};

struct Row {
    id: ViewId,
    user_id: UserId,
    name: String,
    shared: bool,
    filter: Json<ChannelFilter>,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Row> for Versioned {
    fn from(row: Row) -> Self {
        let view = View {
            id: row.id,
            name: row.name,
            shared: row.shared,
            user_id: row.user_id,
            filter: row.filter.0,
            created_at: row.created_at,
            updated_at: row.updated_at,
        };
        Self {
            view,
            version: row.version,
        }
    }
}

/// The views that somebody sees, oldest first: their own, and shared ones.
pub(in crate::inbox) async fn visible(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    user: UserId,
) -> sqlx::Result<Vec<View>> {
    page(connection, workspace, user, (None, MOST * 2)).await
}

/// Some of the views that somebody sees, oldest first, behind the one named.
pub(super) async fn page(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    user: UserId,
    (after, limit): (Option<ViewId>, i64),
) -> sqlx::Result<Vec<View>> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id AS "id: ViewId", user_id AS "user_id: UserId", name, shared,
                  filter AS "filter: Json<ChannelFilter>", version, created_at, updated_at
           FROM chat.views
           WHERE workspace_id = $1 AND (shared OR user_id = $2) AND ($3::uuid IS NULL OR id > $3)
           ORDER BY id LIMIT $4"#,
        workspace.as_uuid(),
        user.as_uuid(),
        after.map(|view| view.as_uuid()),
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Versioned::from(row).view)
        .collect())
}

/// A view that somebody sees.
pub(in crate::inbox) async fn find(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    user: UserId,
    view: ViewId,
) -> sqlx::Result<Option<Versioned>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id AS "id: ViewId", user_id AS "user_id: UserId", name, shared,
                  filter AS "filter: Json<ChannelFilter>", version, created_at, updated_at
           FROM chat.views WHERE workspace_id = $1 AND id = $3 AND (shared OR user_id = $2)"#,
        workspace.as_uuid(),
        user.as_uuid(),
        view.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Versioned::from))
}

/// A view that somebody sees, which nobody else can change until the transaction ends.
pub(super) async fn lock(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    user: UserId,
    view: ViewId,
) -> sqlx::Result<Option<Versioned>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id AS "id: ViewId", user_id AS "user_id: UserId", name, shared,
                  filter AS "filter: Json<ChannelFilter>", version, created_at, updated_at
           FROM chat.views WHERE workspace_id = $1 AND id = $3 AND (shared OR user_id = $2)
           FOR UPDATE"#,
        workspace.as_uuid(),
        user.as_uuid(),
        view.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Versioned::from))
}

/// How many there are of the kind: a person's own, or shared ones.
pub(super) async fn count(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    user: UserId,
    shared: bool,
) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM chat.views
           WHERE workspace_id = $1 AND shared = $3 AND (shared OR user_id = $2)"#,
        workspace.as_uuid(),
        user.as_uuid(),
        shared,
    )
    .fetch_one(connection)
    .await
}

/// Inserts a view.
pub(super) async fn insert(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    Versioned { view, version }: &Versioned,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO chat.views (workspace_id, id, user_id, name, shared, filter, version, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        workspace.as_uuid(),
        view.id.as_uuid(),
        view.user_id.as_uuid(),
        view.name,
        view.shared,
        Json(&view.filter) as _,
        *version,
        view.created_at,
        view.updated_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes what a patch may have changed.
pub(super) async fn update(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    Versioned { view, version }: &Versioned,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE chat.views SET user_id = $3, name = $4, shared = $5, filter = $6, version = $7, updated_at = $8
         WHERE workspace_id = $1 AND id = $2",
        workspace.as_uuid(),
        view.id.as_uuid(),
        view.user_id.as_uuid(),
        view.name,
        view.shared,
        Json(&view.filter) as _,
        *version,
        view.updated_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes a view.
pub(super) async fn delete(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    view: ViewId,
) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM chat.views WHERE workspace_id = $1 AND id = $2",
        workspace.as_uuid(),
        view.as_uuid(),
    )
    .execute(connection)
    .await?;
    Ok(())
}
