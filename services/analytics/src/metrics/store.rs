//! Metrics in PostgreSQL, as they are listed.

use analytics_api::{Metric, MetricType};
use chrono::{DateTime, Utc};
use ids::{MetricId, UserId, WorkspaceId};
use rest::Limit;
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, Postgres, QueryBuilder};

#[derive(sqlx::FromRow)]
struct Row {
    id: MetricId,
    user_id: Option<UserId>,
    metric_type: String,
    value: f64,
    timestamp: DateTime<Utc>,
}

impl TryFrom<Row> for Metric {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, Self::Error> {
        let metric_type = row
            .metric_type
            .parse()
            .map_err(|error: String| sqlx::Error::Decode(error.into()))?;
        Ok(Self {
            id: row.id,
            user_id: row.user_id,
            metric_type,
            value: row.value,
            timestamp: row.timestamp,
        })
    }
}

/// Which metrics; all of those that are given must hold.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) metric_type: Option<MetricType>,
    pub(super) from: Option<DateTime<Utc>>,
    pub(super) to: Option<DateTime<Utc>>,
}

/// Where a page begins.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Position {
    pub(super) timestamp: DateTime<Utc>,
    pub(super) id: MetricId,
}

/// A page of a workspace's metrics, newest first, and one more where there is one.
pub(super) async fn list(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    filter: Filter,
    (after, limit): (Option<Position>, Limit),
) -> sqlx::Result<Vec<Metric>> {
    let mut sql = QueryBuilder::<Postgres>::new(
        r#"SELECT id, user_id, metric_type, value, "timestamp" FROM analytics.metrics WHERE workspace_id = "#,
    );
    sql.push_bind(workspace);
    if let Some(metric_type) = filter.metric_type {
        sql.push(" AND metric_type = ")
            .push_bind(metric_type.as_str());
    }
    if let Some(from) = filter.from {
        sql.push(r#" AND "timestamp" >= "#).push_bind(from);
    }
    if let Some(to) = filter.to {
        sql.push(r#" AND "timestamp" < "#).push_bind(to);
    }
    if let Some(position) = after {
        sql.push(r#" AND ("timestamp", id) < ("#)
            .push_bind(position.timestamp);
        sql.push(", ").push_bind(position.id).push(")");
    }
    sql.push(r#" ORDER BY "timestamp" DESC, id DESC LIMIT "#)
        .push_bind(limit.rows());
    let rows: Vec<Row> = sql.build_query_as().fetch_all(connection).await?;
    rows.into_iter().map(Metric::try_from).collect()
}
