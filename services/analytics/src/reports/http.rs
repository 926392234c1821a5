//! The HTTP side of reports.

use analytics_api::{ConversationsReport, Interval, ReportType};
use axum::extract::State;
use common::{
    problem::Result,
    tokens::{Caller, Permission},
};
use rest::{Json, Path, Query, Timestamp};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{cache::Key, error::Error, model::Range, store};
use crate::app::App;

/// Over which time.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct GetReport {
    /// From when, inclusive; 30 days before `to` when absent.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Until when, exclusive, 366 days after `from` at most; a few seconds ahead of now when absent.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// How finely it is cut, in UTC; by the day when absent.
    #[serde(default)]
    #[param(inline, value_type = Option<Interval>)]
    interval: Interval,
}

/// Get a report
///
/// What happened up to a few seconds ago, added up for the whole time and for each interval in it.
#[utoipa::path(
    get,
    path = "/reports/{type}",
    operation_id = "get_report",
    tag = "analytics",
    security(("bearer" = ["analytics:read"])),
    params(("type" = inline(ReportType), Path, description = "which report"), GetReport),
    responses((status = 200, description = "the report", body = ConversationsReport)),
)]
pub(super) async fn get_report(
    State(app): State<App>,
    caller: Caller,
    Path(report): Path<String>,
    Query(query): Query<GetReport>,
) -> Result<Json<ConversationsReport>> {
    caller.require(Permission::AnalyticsRead)?;
    let report: ReportType = report.parse().map_err(|_| Error::Unknown)?;
    let (from, to) = (
        query.from.map(Timestamp::time),
        query.to.map(Timestamp::time),
    );
    let range = Range::new(from, to, app.clock.now())?;
    let key = Key::new(caller.workspace_id, report, range, query.interval);
    if let Some(kept) = app.cache.get(&key).await {
        return Ok(Json(kept));
    }
    let mut connection = app.replica.acquire().await?;
    let report = match report {
        ReportType::Conversations => {
            store::conversations(&mut connection, caller.workspace_id, range, query.interval)
                .await?
        }
    };
    drop(connection);
    app.cache.put(&key, &report).await;
    Ok(Json(report))
}
