//! The list of agents: a filter, orders, and where a page begins.

use chrono::{DateTime, Utc};
use common::Problem;
use ids::{AgentId, WorkspaceId};
use rest::{Cursor, Keyset, Limit, like_containing};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, Postgres, QueryBuilder};
use utoipa::ToSchema;

use super::store::Row;

/// How the list is sorted; `-` is downwards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) enum Sort {
    /// Oldest first.
    #[serde(rename = "created_at")]
    CreatedAt,
    /// Newest first.
    #[default]
    #[serde(rename = "-created_at")]
    CreatedAtDown,
    /// By name, upper and lower case alike.
    #[serde(rename = "name")]
    Name,
    /// By name, backwards.
    #[serde(rename = "-name")]
    NameDown,
}

impl Sort {
    /// The expression that is sorted by, as the index has it, and whether downwards.
    const fn keyset(self) -> Keyset {
        let (key, down) = match self {
            Self::CreatedAt => ("created_at", false),
            Self::CreatedAtDown => ("created_at", true),
            Self::Name => ("lower(name)", false),
            Self::NameDown => ("lower(name)", true),
        };
        Keyset { key, down }
    }
}

/// What is sorted by, of one row.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Key {
    Time(DateTime<Utc>),
    Text(String),
}

/// Where a page begins. It names the order, because it is meaningless in another.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Position {
    sort: Sort,
    key: Key,
    id: AgentId,
}

impl Position {
    /// The place of a row in an order.
    pub(super) fn of(row: &Row, sort: Sort) -> Self {
        let key = match sort {
            Sort::CreatedAt | Sort::CreatedAtDown => Key::Time(row.created_at),
            Sort::Name | Sort::NameDown => Key::Text(row.name_key.clone().unwrap_or_default()),
        };
        Self {
            sort,
            key,
            id: row.id,
        }
    }

    /// Reads a cursor, which must have been made in this order.
    pub(super) fn read(cursor: &Cursor, sort: Sort) -> Result<Self, Problem> {
        let position: Self = cursor.read()?;
        let fits = match &position.key {
            Key::Time(_) => matches!(sort, Sort::CreatedAt | Sort::CreatedAtDown),
            // PostgreSQL's text cannot hold NUL, so no row has it.
            Key::Text(text) => matches!(sort, Sort::Name | Sort::NameDown) && !text.contains('\0'),
        };
        if position.sort == sort && fits {
            return Ok(position);
        }
        Err(Cursor::of_another_order())
    }
}

/// One page of a workspace's agents.
#[derive(Debug)]
pub(super) struct PageOf {
    pub(super) name: Option<String>,
    pub(super) sort: Sort,
    pub(super) after: Option<Position>,
    pub(super) limit: Limit,
}

/// The rows of a page, and one more where there is one.
pub(super) async fn fetch(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    page: PageOf,
) -> sqlx::Result<Vec<Row>> {
    let keyset = page.sort.keyset();
    let mut sql = QueryBuilder::<Postgres>::new(
        "SELECT id, user_id, name, voice_type, language, personality, system_prompt, version, created_at,
                updated_at, lower(name) AS name_key
         FROM agent.agent_configs WHERE workspace_id = ",
    );
    sql.push_bind(workspace);
    if let Some(name) = page.name {
        sql.push(" AND name ILIKE ")
            .push_bind(like_containing(&name));
    }
    if let Some(position) = page.after {
        match position.key {
            Key::Time(time) => keyset.after(&mut sql, time, position.id),
            Key::Text(text) => keyset.after(&mut sql, text, position.id),
        }
    }
    keyset.order(&mut sql, page.limit);
    sql.build_query_as().fetch_all(connection).await
}
