//! Consents in PostgreSQL.

use chat_api::Consent;
use chrono::{DateTime, Utc};
use ids::{VisitorId, WorkspaceId};
use rest::Limit;
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgExecutor, Postgres, QueryBuilder};

/// Where a page of the list begins.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Position {
    pub(super) given_at: DateTime<Utc>,
    pub(super) visitor_id: VisitorId,
    pub(super) version: i64,
}

/// Which consents; all of those that are given must hold.
#[derive(Debug, Default)]
pub(super) struct Filter {
    pub(super) visitor_id: Option<VisitorId>,
    pub(super) version: Option<i64>,
    pub(super) given_after: Option<DateTime<Utc>>,
    pub(super) given_before: Option<DateTime<Utc>>,
    /// Oldest first.
    pub(super) up: bool,
}

#[derive(Debug, sqlx::FromRow)]
struct Row {
    visitor_id: VisitorId,
    version: i64,
    text_hash: String,
    given_at: DateTime<Utc>,
}

impl From<Row> for Consent {
    fn from(row: Row) -> Self {
        Self {
            visitor_id: row.visitor_id,
            version: row.version,
            text_hash: row.text_hash,
            given_at: row.given_at,
        }
    }
}

/// Whether a visitor agreed to this version.
pub(crate) async fn exists(
    connection: impl PgExecutor<'_>,
    (workspace, visitor): (WorkspaceId, VisitorId),
    version: i64,
) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM chat.consents
                          WHERE workspace_id = $1 AND visitor_id = $2 AND version = $3) AS "exists!""#,
        workspace.as_uuid(),
        visitor.as_uuid(),
        version,
    )
    .fetch_one(connection)
    .await
}

/// Keeps a consent; answers the one that stands, and whether it is new.
pub(super) async fn give(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    consent: &Consent,
) -> sqlx::Result<(Consent, bool)> {
    let done = sqlx::query!(
        "INSERT INTO chat.consents (workspace_id, visitor_id, version, text_hash, given_at)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        workspace.as_uuid(),
        consent.visitor_id.as_uuid(),
        consent.version,
        consent.text_hash,
        consent.given_at,
    )
    .execute(&mut *connection)
    .await?;
    if done.rows_affected() == 1 {
        return Ok((consent.clone(), true));
    }
    let row = sqlx::query_as!(
        Row,
        r#"SELECT visitor_id AS "visitor_id: VisitorId", version, text_hash, given_at FROM chat.consents
           WHERE workspace_id = $1 AND visitor_id = $2 AND version = $3"#,
        workspace.as_uuid(),
        consent.visitor_id.as_uuid(),
        consent.version,
    )
    .fetch_one(connection)
    .await?;
    Ok((row.into(), false))
}

/// The rows of a page, and one more where there is one.
pub(super) async fn list(
    connection: impl PgExecutor<'_>,
    workspace: WorkspaceId,
    filter: Filter,
    (after, limit): (Option<Position>, Limit),
) -> sqlx::Result<Vec<Consent>> {
    let mut sql = QueryBuilder::<Postgres>::new(
        "SELECT visitor_id, version, text_hash, given_at FROM chat.consents WHERE workspace_id = ",
    );
    sql.push_bind(workspace);
    if let Some(visitor) = filter.visitor_id {
        sql.push(" AND visitor_id = ").push_bind(visitor);
    }
    if let Some(version) = filter.version {
        sql.push(" AND version = ").push_bind(version);
    }
    if let Some(time) = filter.given_after {
        sql.push(" AND given_at >= ").push_bind(time);
    }
    if let Some(time) = filter.given_before {
        sql.push(" AND given_at < ").push_bind(time);
    }
    let (compare, direction) = if filter.up {
        (">", "ASC")
    } else {
        ("<", "DESC")
    };
    if let Some(position) = after {
        sql.push(format_args!(
            " AND (given_at, visitor_id, version) {compare} ("
        ))
        .push_bind(position.given_at)
        .push(", ")
        .push_bind(position.visitor_id)
        .push(", ")
        .push_bind(position.version)
        .push(")");
    }
    sql.push(format_args!(
        " ORDER BY given_at {direction}, visitor_id {direction}, version {direction} LIMIT "
    ))
    .push_bind(limit.rows());
    let rows: Vec<Row> = sql.build_query_as().fetch_all(connection).await?;
    Ok(rows.into_iter().map(Consent::from).collect())
}
