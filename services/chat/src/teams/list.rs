//! The list of teams.

use chrono::{DateTime, Utc};
use common::Problem;
use ids::{TeamId, UserId, WorkspaceId};
use rest::{Cursor, Keyset, Limit, like_containing};
use serde::{Deserialize, Serialize};
use sqlx::{PgExecutor, Postgres, QueryBuilder};
use utoipa::ToSchema;

use super::store::{Row, name_key};

/// How the list is sorted; `-` is downwards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) enum Sort {
    /// By name, upper and lower case alike.
    #[default]
    #[serde(rename = "name")]
    Name,
    /// By name, backwards.
    #[serde(rename = "-name")]
    NameDown,
    /// Oldest first.
    #[serde(rename = "created_at")]
    CreatedAt,
    /// Newest first.
    #[serde(rename = "-created_at")]
    CreatedAtDown,
}

impl Sort {
    const fn keyset(self) -> Keyset {
        let (key, down) = match self {
            Self::Name => ("name_key", false),
            Self::NameDown => ("name_key", true),
            Self::CreatedAt => ("created_at", false),
            Self::CreatedAtDown => ("created_at", true),
        };
        Keyset { key, down }
    }

    const fn by_name(self) -> bool {
        matches!(self, Self::Name | Self::NameDown)
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
    id: TeamId,
}

impl Position {
    /// The place of a row in an order.
    pub(super) fn of(row: &Row, sort: Sort) -> Self {
        let key = if sort.by_name() {
            Key::Text(row.name_key.clone())
        } else {
            Key::Time(row.created_at)
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
            Key::Time(_) => !sort.by_name(),
            // PostgreSQL's text cannot hold NUL, so no row has it.
            Key::Text(text) => sort.by_name() && !text.contains('\0'),
        };
        if position.sort == sort && fits {
            return Ok(position);
        }
        Err(Cursor::of_another_order())
    }
}

/// One page of a workspace's teams.
#[derive(Debug)]
pub(super) struct PageOf {
    pub(super) text: Option<String>,
    pub(super) member: Option<UserId>,
    pub(super) sort: Sort,
    pub(super) after: Option<Position>,
    pub(super) limit: Limit,
}

/// The rows of a page, and one more where there is one.
pub(super) async fn fetch(
    connection: impl PgExecutor<'_>,
    workspace: WorkspaceId,
    page: PageOf,
) -> sqlx::Result<Vec<Row>> {
    let keyset = page.sort.keyset();
    let mut sql = QueryBuilder::<Postgres>::new(
        "SELECT id, name, name_key, version, created_at, updated_at,
                ARRAY(SELECT m.user_id FROM chat.team_members m
                      WHERE m.workspace_id = t.workspace_id AND m.team_id = t.id
                      ORDER BY m.user_id) AS members
         FROM chat.teams t WHERE deleted_at IS NULL AND workspace_id = ",
    );
    sql.push_bind(workspace);
    if let Some(text) = page.text {
        sql.push(" AND name_key LIKE ")
            .push_bind(like_containing(&name_key(&text)));
    }
    if let Some(member) = page.member {
        sql.push(
            " AND EXISTS (SELECT FROM chat.team_members m
                          WHERE m.workspace_id = t.workspace_id AND m.team_id = t.id AND m.user_id = ",
        )
        .push_bind(member)
        .push(")");
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
