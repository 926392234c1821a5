//! The HTTP side of metrics.

use analytics_api::{Metric, MetricType};
use axum::extract::State;
use common::{
    problem::Result,
    tokens::{Caller, Permission},
};
use rest::{Check, Json, ListQuery, Page, PageQuery, Timestamp};
use serde::Deserialize;
use utoipa::IntoParams;

use super::store::{self, Filter, Position};
use crate::app::App;

/// Which metrics.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filters {
    /// What was measured; everything when absent.
    #[param(inline)]
    metric_type: Option<MetricType>,
    /// Measured then or later.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Measured before.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
}

/// List metrics
///
/// What was measured last comes first.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "list_metrics",
    tag = "analytics",
    security(("bearer" = ["analytics:read"])),
    params(Filters, PageQuery),
    responses((status = 200, description = "a page of metrics", body = Page<Metric>)),
)]
pub(super) async fn list_metrics(
    State(app): State<App>,
    caller: Caller,
    query: ListQuery<Filters>,
) -> Result<Json<Page<Metric>>> {
    caller.require(Permission::AnalyticsRead)?;
    let ListQuery { filters, page } = query;
    if let (Some(from), Some(to)) = (filters.from, filters.to)
        && from >= to
    {
        let mut check = Check::default();
        check.fault("from", "must be before `to`");
        check.parameters()?;
    }
    let filter = Filter {
        metric_type: filters.metric_type,
        from: filters.from.map(Timestamp::time),
        to: filters.to.map(Timestamp::time),
    };
    let after: Option<Position> = page.after()?;
    let limit = page.limit;
    let mut connection = app.replica.acquire().await?;
    let page = (after, limit);
    let items = store::list(&mut connection, caller.workspace_id, filter, page).await?;
    let position = |last: &Metric| Position {
        timestamp: last.timestamp,
        id: last.id,
    };
    Ok(Json(Page::cut(items, limit, position)))
}
