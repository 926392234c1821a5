//! The list of members: filters, orders, and where a page begins.

use auth_api::Member;
use chrono::{DateTime, Utc};
use common::{Problem, telemetry::Personal, tokens::Role};
use ids::{RoleId, UserId, WorkspaceId};
use rest::{Cursor, Keyset, Limit, like_containing};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, Postgres, QueryBuilder};
use utoipa::ToSchema;
use vault::Sealed;

use super::role;
use crate::{app::App, people};

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
    /// Whoever has been there longest first.
    #[serde(rename = "joined_at")]
    JoinedAt,
    /// Whoever came last first.
    #[serde(rename = "-joined_at")]
    JoinedAtDown,
}

impl Sort {
    const fn keyset(self) -> Keyset {
        let (key, down) = match self {
            Self::Name => ("name_key", false),
            Self::NameDown => ("name_key", true),
            Self::JoinedAt => ("joined_at", false),
            Self::JoinedAtDown => ("joined_at", true),
        };
        Keyset { key, down }
    }
}

/// What is sorted by, of one row.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Key {
    Time(DateTime<Utc>),
    Text(Personal<String>),
}

/// Where a page begins. It names the order, because it is meaningless in another.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Position {
    sort: Sort,
    key: Key,
    id: UserId,
}

impl Position {
    /// The place of a row in an order.
    pub(super) fn of(row: &Row, sort: Sort) -> Self {
        let key = match sort {
            Sort::Name | Sort::NameDown => Key::Text(Personal::new(row.name_key.clone())),
            Sort::JoinedAt | Sort::JoinedAtDown => Key::Time(row.joined_at),
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
            Key::Time(_) => matches!(sort, Sort::JoinedAt | Sort::JoinedAtDown),
            // PostgreSQL's text cannot hold NUL, so no row has it.
            Key::Text(text) => {
                matches!(sort, Sort::Name | Sort::NameDown) && !text.expose().contains('\0')
            }
        };
        if position.sort == sort && fits {
            return Ok(position);
        }
        Err(Cursor::of_another_order())
    }
}

/// One page of a workspace's members; all filters that are given must hold.
#[derive(Debug)]
pub(super) struct PageOf {
    pub(super) name: Option<String>,
    pub(super) role: Option<Role>,
    pub(super) role_id: Option<RoleId>,
    pub(super) sort: Sort,
    pub(super) after: Option<Position>,
    pub(super) limit: Limit,
}

/// A member with their address still sealed.
#[derive(sqlx::FromRow)]
pub(super) struct Row {
    id: UserId,
    name: String,
    name_key: String,
    email: Sealed,
    email_verified: bool,
    second_factor: bool,
    role: String,
    role_id: Option<RoleId>,
    joined_at: DateTime<Utc>,
    last_used_at: Option<DateTime<Utc>>,
}

/// The members of a workspace as a table, whose name ends here for conditions to follow.
fn select(workspace: WorkspaceId) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new(
        "SELECT * FROM (
           SELECT u.id, u.name, lower(u.name) AS name_key, u.email_sealed AS email,
                  u.email_verified_at IS NOT NULL AS email_verified,
                  EXISTS (SELECT FROM auth.totp t WHERE t.user_id = u.id)
                    OR EXISTS (SELECT FROM auth.passkeys k WHERE k.user_id = u.id) AS second_factor,
                  m.role, m.role_id, m.created_at AS joined_at,
                  (SELECT max(s.last_used_at) FROM auth.sessions s
                   WHERE s.user_id = u.id AND s.workspace_id = m.workspace_id) AS last_used_at
           FROM auth.memberships m JOIN auth.users u ON u.id = m.user_id
           WHERE u.email_sealed IS NOT NULL AND m.workspace_id = ",
    );
    sql.push_bind(workspace).push(") AS member WHERE true");
    sql
}

/// The rows of a page, and one more where there is one.
pub(super) async fn fetch(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    page: PageOf,
) -> sqlx::Result<Vec<Row>> {
    let keyset = page.sort.keyset();
    let mut sql = select(workspace);
    if let Some(name) = page.name {
        sql.push(" AND name ILIKE ")
            .push_bind(like_containing(&name));
    }
    if let Some(role) = page.role {
        sql.push(" AND role = ").push_bind(role.as_str());
    }
    if let Some(id) = page.role_id {
        sql.push(" AND role_id = ").push_bind(id);
    }
    if let Some(position) = page.after {
        match position.key {
            Key::Time(time) => keyset.after(&mut sql, time, position.id),
            Key::Text(text) => keyset.after(&mut sql, text.into_inner(), position.id),
        }
    }
    keyset.order(&mut sql, page.limit);
    sql.build_query_as().fetch_all(connection).await
}

/// One member, as the list has them.
pub(super) async fn one(
    app: &App,
    workspace: WorkspaceId,
    user: UserId,
) -> Result<Option<Member>, people::Error> {
    let found: Option<Row> = {
        let mut sql = select(workspace);
        sql.push(" AND id = ").push_bind(user);
        let mut connection = app.pool.acquire().await?;
        sql.build_query_as()
            .fetch_optional(&mut *connection)
            .await?
    };
    match found {
        Some(row) => opened(app, row).await.map(Some),
        None => Ok(None),
    }
}

/// A member with their address opened. Outside of transactions, as all of the vault.
pub(super) async fn opened(app: &App, row: Row) -> Result<Member, people::Error> {
    Ok(Member {
        user_id: row.id,
        email: people::open_email(&app.vault, row.id, &row.email).await?,
        name: Personal::new(row.name),
        email_verified: row.email_verified,
        second_factor: row.second_factor,
        role: role(&row.role)?,
        role_id: row.role_id,
        joined_at: row.joined_at,
        last_used_at: row.last_used_at,
    })
}

#[cfg(test)]
mod tests {
    use common::ErrorCode;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_cursor_fits_one_order_only() {
        let read = |sort: Sort, position: Value| {
            let limit = serde_json::from_str("1").unwrap();
            let page = rest::Page::cut(vec![0, 0], limit, |_| position);
            let cursor = serde_json::from_value(json!(page.next_cursor)).unwrap();
            Position::read(&cursor, sort)
                .map(|position| position.id)
                .map_err(|problem| problem.code())
        };
        let id = UserId::new();
        let of = |sort: &str, key: Value| json!({ "sort": sort, "key": key, "id": id });
        let name = json!({ "text": "ada" });
        assert_eq!(read(Sort::Name, of("name", name.clone())), Ok(id));
        for (sort, position) in [
            (Sort::NameDown, of("name", name.clone())),
            (Sort::JoinedAt, of("joined_at", name)),
            (Sort::Name, of("name", json!({ "text": "\0" }))),
        ] {
            assert_eq!(read(sort, position), Err(ErrorCode::InvalidCursor));
        }
    }
}
