//! The audit log in PostgreSQL: written and read, never changed.

use auth_api::{AuditActorKind, AuditEntry};
use chrono::{DateTime, Utc};
use ids::{AuditId, UserId, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::model::{Actor, Change};

/// Which entries are wanted.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    pub(super) actor_id: Option<Uuid>,
    pub(super) action: Option<String>,
    pub(super) target_id: Option<Uuid>,
    pub(super) from: Option<DateTime<Utc>>,
    pub(super) to: Option<DateTime<Utc>>,
}

/// Writes an entry.
pub(super) async fn insert(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    (id, at): (AuditId, DateTime<Utc>),
    actor: &Actor,
    change: Change,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO auth.audit (workspace_id, id, at, actor_kind, actor_id, action, target_kind, target_id,
                                 before, after, address, user_agent)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        workspace.as_uuid(),
        id.as_uuid(),
        at,
        actor.who.kind(),
        actor.who.id(),
        change.action.as_str(),
        change.target.kind(),
        change.target.id(),
        change.before,
        change.after,
        actor.address.map(|address| address.to_string()),
        actor.user_agent,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The workspaces that a person belongs to.
pub(super) async fn workspaces_of(
    connection: &mut PgConnection,
    user: UserId,
) -> sqlx::Result<Vec<WorkspaceId>> {
    sqlx::query_scalar!(
        r#"SELECT workspace_id AS "workspace_id: WorkspaceId" FROM auth.memberships WHERE user_id = $1"#,
        user.as_uuid(),
    )
    .fetch_all(connection)
    .await
}

/// Entries of a workspace, newest first, from behind `before` on.
pub(super) async fn list(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    filter: &Filter,
    before: Option<AuditId>,
    rows: i64,
) -> sqlx::Result<Vec<AuditEntry>> {
    let rows = sqlx::query!(
        r#"SELECT id AS "id: AuditId", at, actor_kind, actor_id, action, target_kind, target_id, before, after,
                  address, user_agent
           FROM auth.audit
           WHERE workspace_id = $1
             AND ($2::uuid IS NULL OR actor_id = $2)
             AND ($3::text IS NULL OR action = $3)
             AND ($4::uuid IS NULL OR target_id = $4)
             AND ($5::timestamptz IS NULL OR at >= $5)
             AND ($6::timestamptz IS NULL OR at < $6)
             AND ($7::uuid IS NULL OR id < $7)
           ORDER BY id DESC LIMIT $8"#,
        workspace.as_uuid(),
        filter.actor_id,
        filter.action,
        filter.target_id,
        filter.from,
        filter.to,
        before.map(|id| id.as_uuid()),
        rows,
    )
    .fetch_all(connection)
    .await?;
    let entries = rows.into_iter().map(|row| AuditEntry {
        id: row.id,
        at: row.at,
        actor_kind: match row.actor_kind.as_str() {
            "user" => AuditActorKind::User,
            "program" => AuditActorKind::Program,
            _ => AuditActorKind::System,
        },
        actor_id: row.actor_id,
        action: row.action,
        target_kind: row.target_kind,
        target_id: row.target_id,
        before: row.before,
        after: row.after,
        address: row.address.and_then(|address| address.parse().ok()),
        user_agent: row.user_agent,
    });
    Ok(entries.collect())
}
