//! The list of canned replies.

use chrono::{DateTime, Utc};
use common::Problem;
use ids::{CannedReplyId, UserId, WorkspaceId};
use rest::{Cursor, Keyset, Limit, like_containing};
use serde::{Deserialize, Serialize};
use sqlx::{PgExecutor, Postgres, QueryBuilder};
use utoipa::ToSchema;

use super::{model::fold, store::Row};

/// How the list is sorted; `-` is downwards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) enum Sort {
    /// By shortcut.
    #[default]
    #[serde(rename = "shortcut")]
    Shortcut,
    /// By shortcut, backwards.
    #[serde(rename = "-shortcut")]
    ShortcutDown,
    /// Longest unchanged first.
    #[serde(rename = "updated_at")]
    UpdatedAt,
    /// Last changed first.
    #[serde(rename = "-updated_at")]
    UpdatedAtDown,
}

impl Sort {
    const fn keyset(self) -> Keyset {
        let (key, down) = match self {
            Self::Shortcut => ("shortcut", false),
            Self::ShortcutDown => ("shortcut", true),
            Self::UpdatedAt => ("updated_at", false),
            Self::UpdatedAtDown => ("updated_at", true),
        };
        Keyset { key, down }
    }

    const fn by_shortcut(self) -> bool {
        matches!(self, Self::Shortcut | Self::ShortcutDown)
    }
}

/// Whose replies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Whose {
    /// The shared ones and the caller's own.
    #[default]
    All,
    /// The shared ones.
    Shared,
    /// The caller's own.
    Personal,
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
    id: CannedReplyId,
}

impl Position {
    /// The place of a row in an order.
    pub(super) fn of(row: &Row, sort: Sort) -> Self {
        let key = if sort.by_shortcut() {
            Key::Text(row.shortcut.clone())
        } else {
            Key::Time(row.updated_at)
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
            Key::Time(_) => !sort.by_shortcut(),
            // PostgreSQL's text cannot hold NUL, so no row has it.
            Key::Text(text) => sort.by_shortcut() && !text.contains('\0'),
        };
        if position.sort == sort && fits {
            return Ok(position);
        }
        Err(Cursor::of_another_order())
    }
}

/// One page of the replies that somebody sees.
#[derive(Debug)]
pub(super) struct PageOf {
    pub(super) text: Option<String>,
    pub(super) whose: Whose,
    pub(super) sort: Sort,
    pub(super) after: Option<Position>,
    pub(super) limit: Limit,
}

/// The rows of a page, and one more where there is one.
pub(super) async fn fetch(
    connection: impl PgExecutor<'_>,
    (workspace, user): (WorkspaceId, UserId),
    page: PageOf,
) -> sqlx::Result<Vec<Row>> {
    let keyset = page.sort.keyset();
    let mut sql = QueryBuilder::<Postgres>::new(
        "SELECT id, user_id, shortcut, title, text, created_by, version, created_at, updated_at
         FROM chat.canned_replies WHERE workspace_id = ",
    );
    sql.push_bind(workspace);
    match page.whose {
        Whose::All => sql
            .push(" AND (user_id IS NULL OR user_id = ")
            .push_bind(user)
            .push(")"),
        Whose::Shared => sql.push(" AND user_id IS NULL"),
        Whose::Personal => sql.push(" AND user_id = ").push_bind(user),
    };
    if let Some(text) = page.text {
        sql.push(" AND search LIKE ")
            .push_bind(like_containing(&fold(&text)));
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
