//! How many channels there are, by what somebody looks at: counted when asked, never kept.

use chat_api::{ChannelFilter, Counts, OwnerFilter, ViewCount};
use ids::{UserId, WorkspaceId};
use sqlx::{PgConnection, Postgres, QueryBuilder};

use super::{
    list::{self, Reader, Scope},
    views,
};

/// Channels of one view that are counted at most.
const MOST: i64 = 10_000;

/// What the inbox shows beside its lists.
///
/// All that is open is looked at once: of a million channels that is a few thousand, and whatever the
/// views ask is asked of each of them. Only views over closed channels are counted by themselves, and
/// only so far.
pub(super) async fn fetch(connection: &mut PgConnection, reader: Reader) -> sqlx::Result<Counts> {
    let views = views::store::visible(connection, reader.workspace, reader.user).await?;
    let (open, others): (Vec<_>, Vec<_>) = views
        .into_iter()
        .map(|view| (view.id, view.filter))
        .partition(|(_, filter)| is_open(filter));
    let mut sql = QueryBuilder::<Postgres>::new("SELECT ARRAY[");
    count(
        &mut sql,
        (Scope::Mine, reader.user),
        &ChannelFilter::default(),
    );
    sql.push(", ");
    count(
        &mut sql,
        (Scope::Unassigned, reader.user),
        &ChannelFilter::default(),
    );
    sql.push(", ");
    count(
        &mut sql,
        (Scope::All, reader.user),
        &ChannelFilter::default(),
    );
    sql.push(", ");
    let unread = ChannelFilter {
        unread: Some(true),
        ..ChannelFilter::default()
    };
    count(&mut sql, (Scope::All, reader.user), &unread);
    for (_, filter) in &open {
        sql.push(", ");
        count(&mut sql, (Scope::All, reader.user), filter);
    }
    sql.push("] FROM (SELECT c.*, ");
    list::unread_by(&mut sql, reader.user);
    sql.push(" AS is_unread");
    list::from(&mut sql, reader);
    // Without the offset the question what is unread would be asked again by each count.
    sql.push(" AND c.owner <> 'closed' OFFSET 0) AS c");
    let numbers: Vec<i64> = sql.build_query_scalar().fetch_one(&mut *connection).await?;
    let mut numbers = numbers.into_iter();
    let mut next = || numbers.next().unwrap_or_default();
    let mut counts = Counts {
        mine: next(),
        unassigned: next(),
        all: next(),
        unread: next(),
        mentions: 0,
        views: Vec::with_capacity(open.len() + others.len()),
    };
    for (id, _) in open {
        counts.views.push(ViewCount { id, count: next() });
    }
    for (id, filter) in others {
        let count = one_by_one(connection, reader, &filter).await?;
        counts.views.push(ViewCount { id, count });
    }
    counts
        .views
        .sort_unstable_by_key(|view: &ViewCount| view.id);
    counts.mentions = mentions(connection, reader.workspace, reader.user).await?;
    Ok(counts)
}

/// Whether a view shows nothing that is closed.
const fn is_open(filter: &ChannelFilter) -> bool {
    !matches!(filter.owner, Some(OwnerFilter::Closed | OwnerFilter::Any))
}

/// Adds the number of those of `c` that a scope and a filter let through.
fn count(sql: &mut QueryBuilder<Postgres>, whose: (Scope, UserId), filter: &ChannelFilter) {
    sql.push("count(*) FILTER (WHERE true");
    list::plain(sql, whose, filter);
    match filter.unread {
        None => {}
        Some(true) => {
            sql.push(" AND c.is_unread");
        }
        Some(false) => {
            sql.push(" AND NOT c.is_unread");
        }
    }
    sql.push(")");
}

/// Counts what a view shows of closed channels too, up to [`MOST`].
async fn one_by_one(
    connection: &mut PgConnection,
    reader: Reader,
    filter: &ChannelFilter,
) -> sqlx::Result<i64> {
    let mut sql = QueryBuilder::<Postgres>::new("SELECT count(*) FROM (SELECT");
    list::from(&mut sql, reader);
    list::narrow(&mut sql, (Scope::All, reader.user), filter);
    sql.push(" LIMIT ").push_bind(MOST).push(") AS shown");
    sql.build_query_scalar().fetch_one(connection).await
}

/// Channels with a note that mentions somebody who has not read it.
async fn mentions(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    user: UserId,
) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(DISTINCT n.channel_id) AS "count!"
           FROM chat.mentions n
           LEFT JOIN chat.reads r
             ON r.workspace_id = n.workspace_id AND r.channel_id = n.channel_id AND r.reader_id = n.user_id
           WHERE n.workspace_id = $1 AND n.user_id = $2 AND n.unread AND n.seq > coalesce(r.seq, 0)"#,
        workspace.as_uuid(),
        user.as_uuid(),
    )
    .fetch_one(connection)
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_over_closed_channels_are_told_from_the_others() {
        let of = |owner| ChannelFilter {
            owner,
            ..ChannelFilter::default()
        };
        assert!(is_open(&of(None)) && is_open(&of(Some(OwnerFilter::Queued))));
        assert!(!is_open(&of(Some(OwnerFilter::Any))));
        assert!(!is_open(&of(Some(OwnerFilter::Closed))));
    }
}
