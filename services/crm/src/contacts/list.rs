//! The list of contacts: filters, orders, and where a page begins.

use chrono::{DateTime, Utc};
use common::Problem;
use ids::{ContactId, WorkspaceId};
use rest::{Cursor, Keyset, Limit, like_containing};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, Postgres, QueryBuilder};
use utoipa::ToSchema;

use super::{model::fold, store::Row};

/// Sorts behind every name: the last code point. Contacts without a name come last in both directions.
const BEHIND_ALL_NAMES: &str = "\u{10FFFF}";

/// How the list is sorted; `-` is downwards. Contacts without a name come last by `name` and `-name`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) enum Sort {
    /// Oldest first.
    #[serde(rename = "created_at")]
    CreatedAt,
    /// Newest first.
    #[default]
    #[serde(rename = "-created_at")]
    CreatedAtDown,
    /// Longest unchanged first.
    #[serde(rename = "updated_at")]
    UpdatedAt,
    /// Last changed first.
    #[serde(rename = "-updated_at")]
    UpdatedAtDown,
    /// By name, upper and lower case alike.
    #[serde(rename = "name")]
    Name,
    /// By name, backwards.
    #[serde(rename = "-name")]
    NameDown,
    /// Least promising first.
    #[serde(rename = "lead_score")]
    LeadScore,
    /// Most promising first.
    #[serde(rename = "-lead_score")]
    LeadScoreDown,
}

impl Sort {
    /// The expression that is sorted by, as the index has it, and whether downwards.
    const fn keyset(self) -> Keyset {
        let (key, down) = match self {
            Self::CreatedAt => ("created_at", false),
            Self::CreatedAtDown => ("created_at", true),
            Self::UpdatedAt => ("updated_at", false),
            Self::UpdatedAtDown => ("updated_at", true),
            Self::Name => (r"coalesce(name_key, U&'\+10FFFF')", false),
            Self::NameDown => ("coalesce(name_key, '')", true),
            Self::LeadScore => ("lead_score", false),
            Self::LeadScoreDown => ("lead_score", true),
        };
        Keyset { key, down }
    }

    /// Where a row stands.
    fn key(self, row: &Row) -> Key {
        let name =
            |without: &str| Key::Text(row.name_key.clone().unwrap_or_else(|| without.to_owned()));
        match self {
            Self::CreatedAt | Self::CreatedAtDown => Key::Time(row.created_at),
            Self::UpdatedAt | Self::UpdatedAtDown => Key::Time(row.updated_at),
            Self::Name => name(BEHIND_ALL_NAMES),
            Self::NameDown => name(""),
            Self::LeadScore | Self::LeadScoreDown => Key::Score(row.lead_score),
        }
    }
}

/// What is sorted by, of one row.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Key {
    Time(DateTime<Utc>),
    Score(i16),
    Text(String),
}

/// Where a page begins. It names the order, because it is meaningless in another.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Position {
    sort: Sort,
    key: Key,
    id: ContactId,
}

impl Position {
    /// The place of a row in an order.
    pub(super) fn of(row: &Row, sort: Sort) -> Self {
        Self {
            sort,
            key: sort.key(row),
            id: row.id,
        }
    }

    /// Reads a cursor, which must have been made in this order.
    pub(super) fn read(cursor: &Cursor, sort: Sort) -> Result<Self, Problem> {
        let position: Self = cursor.read()?;
        let fits = match &position.key {
            Key::Time(_) => sort.keyset().key.ends_with("_at"),
            Key::Score(_) => matches!(sort, Sort::LeadScore | Sort::LeadScoreDown),
            // PostgreSQL's text cannot hold NUL, so no row has it.
            Key::Text(text) => matches!(sort, Sort::Name | Sort::NameDown) && !text.contains('\0'),
        };
        if position.sort == sort && fits {
            return Ok(position);
        }
        Err(Cursor::of_another_order())
    }
}

/// Which contacts; all of those that are given must hold.
#[derive(Debug, Default)]
pub(super) struct Filter {
    pub(super) text: Option<String>,
    pub(super) email: Option<String>,
    pub(super) tag: Option<String>,
    pub(super) min_lead_score: Option<i16>,
    pub(super) created_after: Option<DateTime<Utc>>,
    pub(super) created_before: Option<DateTime<Utc>>,
}

/// One page of a workspace's contacts.
#[derive(Debug)]
pub(super) struct PageOf {
    pub(super) filter: Filter,
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
        "SELECT id, user_id, visitor_id, name, email, phone, company, lead_score, tags, version, created_at,
                updated_at, name_key
         FROM crm.contacts WHERE workspace_id = ",
    );
    sql.push_bind(workspace);
    narrow(&mut sql, page.filter);
    if let Some(position) = page.after {
        match position.key {
            Key::Time(time) => keyset.after(&mut sql, time, position.id),
            Key::Score(score) => keyset.after(&mut sql, score, position.id),
            Key::Text(text) => keyset.after(&mut sql, text, position.id),
        }
    }
    keyset.order(&mut sql, page.limit);
    sql.build_query_as().fetch_all(connection).await
}

fn narrow(sql: &mut QueryBuilder<Postgres>, filter: Filter) {
    if let Some(text) = filter.text {
        sql.push(" AND search LIKE ")
            .push_bind(like_containing(&fold(&text)));
    }
    if let Some(email) = filter.email {
        sql.push(" AND email_key = ").push_bind(fold(&email));
    }
    if let Some(tag) = filter.tag {
        sql.push(" AND tags @> ")
            .push_bind(vec![tag.trim().to_owned()]);
    }
    if let Some(score) = filter.min_lead_score {
        sql.push(" AND lead_score >= ").push_bind(score);
    }
    if let Some(time) = filter.created_after {
        sql.push(" AND created_at >= ").push_bind(time);
    }
    if let Some(time) = filter.created_before {
        sql.push(" AND created_at < ").push_bind(time);
    }
}

#[cfg(test)]
mod tests {
    use common::ErrorCode;

    use super::*;

    #[test]
    fn a_cursor_fits_one_order_only() {
        let read = |sort: Sort, json: serde_json::Value| {
            let text = serde_json::to_value(rest::Page::cut(
                vec![0, 0],
                serde_json::from_str("1").unwrap(),
                |_| json,
            ));
            let cursor = serde_json::from_value(text.unwrap()["next_cursor"].clone()).unwrap();
            Position::read(&cursor, sort)
                .map(|position| position.id)
                .map_err(|problem| problem.code())
        };
        let id = ContactId::new();
        let of = |sort: &str, key: serde_json::Value| serde_json::json!({ "sort": sort, "key": key, "id": id });
        let name = serde_json::json!({ "text": "ada" });
        assert_eq!(read(Sort::Name, of("name", name.clone())), Ok(id));
        assert_eq!(
            read(Sort::NameDown, of("name", name.clone())),
            Err(ErrorCode::InvalidCursor)
        );
        // Forged: a key of another kind, and a text that no row can have.
        assert_eq!(
            read(Sort::LeadScore, of("lead_score", name)),
            Err(ErrorCode::InvalidCursor)
        );
        let nul = serde_json::json!({ "text": "\0" });
        assert_eq!(
            read(Sort::Name, of("name", nul)),
            Err(ErrorCode::InvalidCursor)
        );
    }
}
