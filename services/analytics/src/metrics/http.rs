//! The HTTP side of metrics.

use analytics_api::{Metric, MetricType};
use axum::extract::State;
use common::{
    problem::Result,
    tokens::{Caller, Permission},
};
use rest::{Check, Cursor, Json, Limit, Page, Query, Timestamp};
use serde::Deserialize;
use utoipa::IntoParams;

use super::store::{self, Filter, Position};
use crate::app::App;

/// Which metrics.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListMetrics {
    /// What was measured; everything when absent.
    #[param(inline)]
    metric_type: Option<MetricType>,
    /// Measured then or later.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Measured before.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// How many at most.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100)]
    limit: Limit,
    /// `next_cursor` of the page before.
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
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
    params(ListMetrics),
    responses((status = 200, description = "a page of metrics", body = Page<Metric>)),
)]
pub(super) async fn list_metrics(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListMetrics>,
) -> Result<Json<Page<Metric>>> {
    caller.require(Permission::AnalyticsRead)?;
    if let (Some(from), Some(to)) = (query.from, query.to)
        && from >= to
    {
        let mut check = Check::default();
        check.fault("from", "must be before `to`");
        check.parameters()?;
    }
    let filter = Filter {
        metric_type: query.metric_type,
        from: query.from.map(Timestamp::time),
        to: query.to.map(Timestamp::time),
    };
    let after: Option<Position> = query.cursor.map(|cursor| cursor.read()).transpose()?;
    let mut connection = app.replica.acquire().await?;
    let page = (after, query.limit);
    let items = store::list(&mut connection, caller.workspace_id, filter, page).await?;
    let position = |last: &Metric| Position {
        timestamp: last.timestamp,
        id: last.id,
    };
    Ok(Json(Page::cut(items, query.limit, position)))
}
