//! The HTTP side of the audit log.

use auth_api::AuditEntry;
use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use common::{
    problem::Result,
    tokens::{Caller, Permission},
};
use http::{HeaderValue, header};
use ids::AuditId;
use rest::{Check, Json, ListQuery, Page, PageQuery, Query, Timestamp};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::{export::export, store};
use crate::{access, app::App};

/// Which entries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filters {
    /// Only what this user or key did.
    actor_id: Option<Uuid>,
    /// Only this action, such as `member.updated`.
    #[param(min_length = 1, max_length = 100)]
    action: Option<String>,
    /// Only what was done to this.
    target_id: Option<Uuid>,
    /// Only from this time on.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Only before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
}

impl Filters {
    fn read(self) -> Result<store::Filter> {
        let mut check = Check::default();
        if let Some(action) = &self.action {
            check.line("action", action, 1..=100);
        }
        check.parameters()?;
        Ok(store::Filter {
            actor_id: self.actor_id,
            action: self.action,
            target_id: self.target_id,
            from: self.from.map(Timestamp::time),
            to: self.to.map(Timestamp::time),
        })
    }
}

/// List the audit log
///
/// Who changed what in the workspace, newest first.
#[utoipa::path(
    get,
    path = "/auth/audit",
    operation_id = "list_audit_entries",
    tag = "audit",
    security(("bearer" = ["audit:read"])),
    params(Filters, PageQuery),
    responses((status = 200, description = "a page of entries", body = Page<AuditEntry>)),
)]
pub(super) async fn list_audit_entries(
    State(app): State<App>,
    caller: Caller,
    query: ListQuery<Filters>,
) -> Result<Json<Page<AuditEntry>>> {
    let before = query.page.after::<AuditId>()?;
    let limit = query.page.limit;
    let filter = query.filters.read()?;
    let mut connection = app.pool.acquire().await?;
    access::require(&mut connection, &caller, Permission::AuditRead).await?;
    let rows = store::list(
        &mut connection,
        caller.workspace_id,
        &filter,
        before,
        limit.rows(),
    )
    .await?;
    Ok(Json(Page::cut(rows, limit, |last| last.id)))
}

/// Export the audit log
///
/// Everything that the filters let through, newest first, as CSV.
#[utoipa::path(
    get,
    path = "/auth/audit/export",
    operation_id = "export_audit_entries",
    tag = "audit",
    security(("bearer" = ["audit:read"])),
    params(Filters),
    responses((status = 200, description = "the entries, with a line of names first",
               body = String, content_type = "text/csv")),
)]
pub(super) async fn export_audit_entries(
    State(app): State<App>,
    caller: Caller,
    Query(filters): Query<Filters>,
) -> Result<Response> {
    let filter = filters.read()?;
    {
        let mut connection = app.pool.acquire().await?;
        access::require(&mut connection, &caller, Permission::AuditRead).await?;
    }
    let headers = [
        (
            header::CONTENT_TYPE,
            "text/csv; charset=utf-8; header=present",
        ),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"audit.csv\"",
        ),
        (header::CACHE_CONTROL, "no-store"),
    ]
    .map(|(name, value)| (name, HeaderValue::from_static(value)));
    let lines = export(app, caller.workspace_id, filter);
    Ok((headers, Body::from_stream(lines)).into_response())
}
