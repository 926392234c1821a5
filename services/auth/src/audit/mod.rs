//! The audit log: who changed what, when, and from where.
//!
//! An entry is written in the transaction of the change that it tells of, so that neither is there
//! without the other. Entries hold ids and codes; addresses of people and secrets stay where they are
//! sealed.

mod export;
mod http;
mod model;
mod store;

use chrono::{DateTime, Utc};
use ids::{AuditId, WorkspaceId};
use sqlx::PgConnection;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::app::App;

pub(crate) use model::{Action, Actor, Change, Target};

/// The routes that the gateway publishes.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::list_audit_entries))
        .routes(routes!(http::export_audit_entries))
}

/// Writes an entry into the log of `workspace`, in the caller's transaction.
pub(crate) async fn record(
    app: &App,
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    actor: &Actor,
    change: Change,
) -> sqlx::Result<()> {
    record_at(connection, workspace, app.clock.now(), actor, change).await
}

/// Writes an entry as [`record`] does, for a command.
pub(crate) async fn record_at(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    at: DateTime<Utc>,
    actor: &Actor,
    change: Change,
) -> sqlx::Result<()> {
    store::insert(connection, workspace, (AuditId::new(), at), actor, change).await
}

/// Writes the same entry into the log of every workspace that a person belongs to: what somebody does
/// to their own account matters to each.
pub(crate) async fn record_everywhere(
    app: &App,
    connection: &mut PgConnection,
    actor: &Actor,
    change: &Change,
) -> sqlx::Result<()> {
    let Some(user) = actor.user() else {
        return Ok(());
    };
    for workspace in store::workspaces_of(connection, user).await? {
        record(app, connection, workspace, actor, change.clone()).await?;
    }
    Ok(())
}
