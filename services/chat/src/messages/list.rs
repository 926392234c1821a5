//! The history of a channel.

use axum::extract::State;
use chat_api::Entry;
use common::{ErrorCode, Problem, problem::FieldError, tokens::Participant};
use ids::ChannelId;
use rest::{Cursor, Json, Limit, Page, Path, Query};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use crate::{access, app::App, log::History};

/// Which piece of the log. At most one of `after_seq`, `before_seq` and `cursor`; the newest page
/// without any of them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// The entries after this one, oldest first; the next page goes on with newer ones. 0 for all.
    #[param(minimum = 0)]
    after_seq: Option<i64>,
    /// The newest entries before this one, in the order of the log; the next page goes on with older
    /// ones.
    #[param(minimum = 1)]
    before_seq: Option<i64>,
    /// How many entries a page has.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100)]
    limit: Limit,
    /// `next_cursor` of the page before, as it is.
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
}

/// Where a page begins, and which way the list goes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Position {
    After(i64),
    Before(i64),
}

impl ListQuery {
    fn history(&self) -> Result<History, Problem> {
        let wrong = |name: &'static str, detail: &'static str| {
            Err(Problem::new(ErrorCode::InvalidQuery)
                .detail(format!("{name}: {detail}"))
                .field(FieldError::parameter(name, detail)))
        };
        match (self.after_seq, self.before_seq, &self.cursor) {
            (None, None, None) => Ok(History::Latest),
            (Some(seq), None, None) if seq >= 0 => Ok(History::After(seq)),
            (Some(_), None, None) => wrong("after_seq", "0 or more"),
            (None, Some(seq), None) if seq >= 1 => Ok(History::Before(seq)),
            (None, Some(_), None) => wrong("before_seq", "1 or more"),
            (None, None, Some(cursor)) => Ok(match cursor.read()? {
                Position::After(seq) => History::After(seq.max(0)),
                Position::Before(seq) => History::Before(seq.max(1)),
            }),
            (_, _, Some(_)) => wrong(
                "cursor",
                "not together with after_seq or before_seq: it says which",
            ),
            _ => wrong("before_seq", "not together with after_seq"),
        }
    }
}

/// Lists the entries of a channel's log.
///
/// With `after_seq`, what came after that entry, oldest first, and `next_cursor` leads to newer
/// entries. With `before_seq`, or without either, the newest entries before it, and `next_cursor` leads
/// to older ones. Within a page the entries are always in the order of the log. Messages are given as
/// they stand now: edited, or without their text when they were taken back. Visitors get no private
/// entries, so that numbers may be missing for them.
#[utoipa::path(
    get, path = "/messages/{channel_id}", operation_id = "list_messages", tag = "messages",
    security(("bearer" = ["conversations:read"])),
    params(("channel_id" = ChannelId, Path, description = "the channel"), ListQuery),
    responses(
        (status = 200, description = "a page of the log", body = Page<Entry>),
        (status = 410, description = "what followed `after_seq` is no longer kept; `oldest_seq` is the first entry after it that is",
            body = common::problem::Document, content_type = "application/problem+json"),
        (status = 404, description = "no such channel for the caller", body = common::problem::Document,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(app): State<App>,
    who: Participant,
    Path(channel): Path<ChannelId>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<Entry>>, Problem> {
    let history = query.history()?;
    let (place, standing) = access::enter(&app.log, &who, channel).await?;
    let (items, more) = app
        .log
        .page(place, history, query.limit.rows() - 1, standing.audience())
        .await?;
    if let History::After(seq) = history
        && items.first().is_none_or(|entry| entry.seq != seq + 1)
        && let Some(oldest) = app.log.goes_on_at(place, seq).await?
    {
        return Err(Problem::new(ErrorCode::HistoryExpired)
            .detail(format!(
                "what followed {seq} is no longer kept; ask for after_seq={}",
                oldest - 1
            ))
            .member("oldest_seq", oldest));
    }
    let edge = match history {
        History::After(_) => items.last().map(|entry| Position::After(entry.seq)),
        History::Before(_) | History::Latest => {
            items.first().map(|entry| Position::Before(entry.seq))
        }
    };
    let next_cursor = edge.filter(|_| more).map(|edge| Cursor::of(&edge).into());
    Ok(Json(Page { items, next_cursor }))
}
