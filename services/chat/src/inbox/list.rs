//! Lists of channels: what they show, in which order, and where a page begins.

use chat_api::{AssigneeFilter, ChannelFilter, OwnerFilter, SnoozedFilter};
use chrono::{DateTime, Datelike, Utc};
use common::Problem;
use ids::{ChannelId, UserId, WorkspaceId};
use rest::{Cursor, Limit};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, Postgres, QueryBuilder};
use utoipa::ToSchema;

use super::row::{MOST_UNREAD, Row};

/// Stands for a time that is not there, so that it comes last upwards.
const AFTER_ALL: DateTime<Utc> = DateTime::from_timestamp(253_402_214_400, 0).expect("a date");
/// The same downwards.
const BEFORE_ALL: DateTime<Utc> = DateTime::UNIX_EPOCH;

/// By what a list is sorted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Sort {
    /// By the last entry.
    #[default]
    LastActivity,
    /// By the time since when the visitor waits; those who wait for nobody come last both ways.
    Waiting,
    /// By how much it presses, then by the last entry.
    Priority,
    /// By the opening.
    Created,
}

/// Which way a list goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    /// The lowest or earliest first.
    Asc,
    /// The highest or latest first.
    Desc,
}

impl Sort {
    /// The way that is meant when nobody says one: whoever waits longest, otherwise the newest or most
    /// pressing first.
    pub(super) const fn usual(self) -> Order {
        match self {
            Self::Waiting => Order::Asc,
            Self::LastActivity | Self::Priority | Self::Created => Order::Desc,
        }
    }

    /// What is sorted by, as SQL; the id follows.
    const fn keys(self, order: Order) -> &'static [&'static str] {
        match (self, order) {
            (Self::LastActivity, _) => &["c.last_activity_at"],
            (Self::Waiting, Order::Asc) => &["coalesce(c.waiting_since, '9999-12-31 00:00:00+00')"],
            (Self::Waiting, Order::Desc) => {
                &["coalesce(c.waiting_since, '1970-01-01 00:00:00+00')"]
            }
            (Self::Priority, _) => &["c.priority", "c.last_activity_at"],
            (Self::Created, _) => &["c.opened_at"],
        }
    }

    fn key(self, order: Order, row: &Row) -> Key {
        match (self, order) {
            (Self::LastActivity, _) => Key::Time(row.last_activity_at),
            (Self::Waiting, Order::Asc) => Key::Time(row.waiting_since.unwrap_or(AFTER_ALL)),
            (Self::Waiting, Order::Desc) => Key::Time(row.waiting_since.unwrap_or(BEFORE_ALL)),
            (Self::Priority, _) => Key::Rank(row.priority, row.last_activity_at),
            (Self::Created, _) => Key::Time(row.opened_at),
        }
    }
}

/// What is sorted by, of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Key {
    Time(DateTime<Utc>),
    Rank(i16, DateTime<Utc>),
}

/// Where a page begins. It names the order, because it is meaningless in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    sort: Sort,
    order: Order,
    key: Key,
    id: ChannelId,
}

impl Position {
    /// The place of a row in an order.
    pub(super) fn of(row: &Row, (sort, order): (Sort, Order)) -> Self {
        Self {
            sort,
            order,
            key: sort.key(order, row),
            id: row.id,
        }
    }

    /// Reads a cursor, which must have been made in this order.
    pub(super) fn read(cursor: &Cursor, (sort, order): (Sort, Order)) -> Result<Self, Problem> {
        let position: Self = cursor.read()?;
        let (fits, time) = match position.key {
            Key::Time(time) => (sort != Sort::Priority, time),
            Key::Rank(_, time) => (sort == Sort::Priority, time),
        };
        // PostgreSQL keeps fewer years than the type can say, and no row has one beyond these.
        let kept = (1..=9999).contains(&time.year());
        if (position.sort, position.order) == (sort, order) && fits && kept {
            return Ok(position);
        }
        Err(Cursor::of_another_order())
    }
}

/// What a list begins with, before any filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// What the reader takes care of.
    Mine,
    /// Where a person is wanted and nobody takes care of it.
    Unassigned,
    /// Everything.
    All,
    /// Where a note mentions the reader.
    Mentions,
}

/// One page of a list.
#[derive(Debug)]
pub(super) struct PageOf {
    pub(super) scope: Scope,
    pub(super) filter: ChannelFilter,
    pub(super) sorted: (Sort, Order),
    pub(super) after: Option<Position>,
    pub(super) limit: Limit,
}

/// Who looks, in which workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reader {
    pub(super) workspace: WorkspaceId,
    pub(super) user: UserId,
}

/// The rows of a page, and one more where there is one.
pub(super) async fn fetch(
    connection: &mut PgConnection,
    reader: Reader,
    page: PageOf,
) -> sqlx::Result<Vec<Row>> {
    let mut sql = QueryBuilder::<Postgres>::new("SELECT ");
    sql.push_bind(reader.user).push(
        " AS reader, c.id, c.agent_id, c.visitor_id, c.owner, c.assignee_id, c.team_id, c.labels, c.priority,
            c.snoozed_until, c.episode, c.head_seq, c.public_seq, c.last_message_seq, c.opened_at, c.last_activity_at,
            c.last_message_at, c.waiting_since, c.closed_at, c.rating, c.merged_into, unread.count AS unread
          FROM (SELECT c.*, coalesce(r.seq, 0) AS read_seq",
    );
    from(&mut sql, reader);
    narrow(&mut sql, (page.scope, reader.user), &page.filter);
    if let Some(position) = page.after {
        after(&mut sql, position);
    }
    order(&mut sql, page.sorted);
    // What is unread is counted for the rows of the page only.
    sql.push(" LIMIT ").push_bind(page.limit.rows()).push(
        ") AS c CROSS JOIN LATERAL (
             SELECT count(*) AS count FROM (
               SELECT FROM chat.message_marks m
               WHERE m.workspace_id = c.workspace_id AND m.channel_id = c.id AND m.seq > c.read_seq
                 AND m.sender_id IS DISTINCT FROM ",
    );
    sql.push_bind(reader.user)
        .push(" AND NOT m.gone LIMIT ")
        .push_bind(MOST_UNREAD)
        .push(") AS counted) AS unread");
    order(&mut sql, page.sorted);
    sql.build_query_as().fetch_all(connection).await
}

/// Adds the channels of the reader's workspace as `c`, and what the reader has read of them as `r`.
pub(super) fn from(sql: &mut QueryBuilder<Postgres>, reader: Reader) {
    sql.push(
        " FROM chat.channels c LEFT JOIN chat.reads r
             ON r.workspace_id = c.workspace_id AND r.channel_id = c.id AND r.reader_id = ",
    )
    .push_bind(reader.user)
    .push(" WHERE c.workspace_id = ")
    .push_bind(reader.workspace);
}

/// Adds what a scope and a filter ask of `c`, for this reader.
pub(super) fn narrow(
    sql: &mut QueryBuilder<Postgres>,
    (scope, me): (Scope, UserId),
    filter: &ChannelFilter,
) {
    plain(sql, (scope, me), filter);
    match filter.unread {
        None => {}
        Some(unread) => {
            sql.push(if unread { " AND " } else { " AND NOT " });
            if scope == Scope::Mentions {
                mentioned(sql, me, " AND n.unread AND n.seq > coalesce(r.seq, 0)");
            } else {
                unread_by(sql, me);
            }
        }
    }
}

/// What [`narrow`] adds, without the question of what is unread.
pub(super) fn plain(
    sql: &mut QueryBuilder<Postgres>,
    (scope, me): (Scope, UserId),
    filter: &ChannelFilter,
) {
    match scope {
        Scope::Mine => {
            sql.push(" AND c.assignee_id = ").push_bind(me);
        }
        Scope::Unassigned => {
            sql.push(" AND c.owner = 'queued' AND c.assignee_id IS NULL");
        }
        Scope::All => {}
        Scope::Mentions => {
            sql.push(" AND ");
            mentioned(sql, me, "");
        }
    }
    match filter.owner {
        None if scope == Scope::Mentions => {}
        None => {
            sql.push(" AND c.owner <> 'closed'");
        }
        Some(owner) => {
            if let Some(state) = owner.state() {
                // In the text, so that the index over what is open is known to fit.
                sql.push(format_args!(" AND c.owner = '{state}'"));
                if owner != OwnerFilter::Closed {
                    sql.push(" AND c.owner <> 'closed'");
                }
            }
        }
    }
    match filter.snoozed {
        None if scope == Scope::Mentions => {}
        None | Some(SnoozedFilter::Awake) => {
            sql.push(" AND c.snoozed_until IS NULL");
        }
        Some(SnoozedFilter::Asleep) => {
            sql.push(" AND c.snoozed_until IS NOT NULL");
        }
        Some(SnoozedFilter::Any) => {}
    }
    match filter.assignee_id {
        None => {}
        Some(AssigneeFilter::Nobody) => {
            sql.push(" AND c.assignee_id IS NULL");
        }
        Some(AssigneeFilter::Me) => {
            sql.push(" AND c.assignee_id = ").push_bind(me);
        }
        Some(AssigneeFilter::Person(person)) => {
            sql.push(" AND c.assignee_id = ").push_bind(person);
        }
    }
    if let Some(team) = filter.team_id {
        sql.push(" AND c.team_id = ").push_bind(team);
    }
    if !filter.labels.is_empty() {
        let labels = filter.labels.iter().map(|one| one.trim().to_owned());
        let labels: Vec<String> = labels.collect();
        // The index leaves out those without labels, and has to be told that they are not meant.
        sql.push(" AND c.labels <> '{}' AND c.labels @> ")
            .push_bind(labels);
    }
    if let Some(priority) = filter.priority {
        sql.push(" AND c.priority = ").push_bind(priority.rank());
    }
    if let Some(agent) = filter.agent_id {
        sql.push(" AND c.agent_id = ").push_bind(agent);
    }
    if let Some(visitor) = filter.visitor_id {
        sql.push(" AND c.visitor_id = ").push_bind(visitor);
    }
}

/// Adds the question whether `c` has a message of somebody else that the reader has not read.
pub(super) fn unread_by(sql: &mut QueryBuilder<Postgres>, me: UserId) {
    sql.push(
        "EXISTS (
            SELECT FROM chat.message_marks m
            WHERE m.workspace_id = c.workspace_id AND m.channel_id = c.id AND m.seq > coalesce(r.seq, 0)
              AND m.sender_id IS DISTINCT FROM ",
    )
    .push_bind(me)
    .push(" AND NOT m.gone)");
}

fn mentioned(sql: &mut QueryBuilder<Postgres>, me: UserId, more: &'static str) {
    sql.push(
        "EXISTS (SELECT FROM chat.mentions n
           WHERE n.workspace_id = c.workspace_id AND n.channel_id = c.id AND n.user_id = ",
    )
    .push_bind(me)
    .push(more)
    .push(")");
}

/// Adds the condition that a row comes after this position.
fn after(sql: &mut QueryBuilder<Postgres>, position: Position) {
    let keys = position.sort.keys(position.order).join(", ");
    let direction = match position.order {
        Order::Asc => ">",
        Order::Desc => "<",
    };
    sql.push(format_args!(" AND ({keys}, c.id) {direction} ("));
    match position.key {
        Key::Time(time) => {
            sql.push_bind(time);
        }
        Key::Rank(rank, time) => {
            sql.push_bind(rank).push(", ").push_bind(time);
        }
    }
    sql.push(", ").push_bind(position.id).push(")");
}

fn order(sql: &mut QueryBuilder<Postgres>, (sort, order): (Sort, Order)) {
    let direction = match order {
        Order::Asc => "ASC",
        Order::Desc => "DESC",
    };
    sql.push(" ORDER BY ");
    for key in sort.keys(order) {
        sql.push(format_args!("{key} {direction}, "));
    }
    sql.push(format_args!("c.id {direction}"));
}
