//! The HTTP side of the inbox.

use axum::extract::State;
use chat_api::{ChannelFilter, ChannelSummary, Counts, OwnerFilter, QueuePlace, SnoozedFilter};
use common::{
    problem::{Document, Result},
    tokens::{Caller, Participant, Permission},
};
use ids::{ChannelId, UserId};
use rest::{Json, Page, Path};

use super::{
    counts,
    list::{self, Order, PageOf, Position, Reader, Scope, Sort},
    query::{ListChannels, Named, Wanted},
    row::{self, Row},
    views,
};
use crate::{access, app::App};

/// What visitors see: the newest first.
const OF_VISITORS: (Sort, Order) = (Sort::Created, Order::Desc);

/// List channels
///
/// People of the company list those of the workspace that fit all that is asked. Visitors list their own,
/// newest first, open and closed, and see of each what concerns them.
#[utoipa::path(
    get,
    path = "/channels",
    operation_id = "list_channels",
    tag = "inbox",
    security(("bearer" = ["conversations:read"])),
    params(ListChannels),
    responses(
        (status = 200, description = "a page of channels", body = Page<ChannelSummary>),
        (status = 404, description = "no such view for the caller", body = Document,
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn list(
    State(app): State<App>,
    who: Participant,
    wanted: Wanted,
) -> Result<Json<Page<ChannelSummary>>> {
    let caller = match who {
        Participant::Person(caller) => caller,
        Participant::Visitor(visitor) => {
            wanted.nothing_but_a_page()?;
            let reader = Reader {
                workspace: visitor.workspace_id,
                user: UserId::from_uuid(visitor.visitor_id.as_uuid()),
            };
            let filter = ChannelFilter {
                visitor_id: Some(visitor.visitor_id),
                owner: Some(OwnerFilter::Any),
                snoozed: Some(SnoozedFilter::Any),
                ..ChannelFilter::default()
            };
            let page = page(&app, reader, (Scope::All, filter), (&wanted, OF_VISITORS)).await?;
            return Ok(Json(page.map(row::for_visitor)));
        }
    };
    caller.require(Permission::ConversationsRead)?;
    let reader = reader(&caller);
    let sorted = wanted.sorted;
    let (scope, filter) = match wanted.view {
        None => (Scope::All, wanted.filter.clone()),
        Some(Named::BuiltIn(scope)) => (scope, wanted.filter.clone()),
        Some(Named::Saved(id)) => {
            let mut connection = app.pool.acquire().await?;
            let view = views::store::find(&mut connection, reader.workspace, reader.user, id)
                .await?
                .ok_or(views::Error::NotFound)?;
            (Scope::All, view.view.filter.with(wanted.filter.clone()))
        }
    };
    let page = page(&app, reader, (scope, filter), (&wanted, sorted)).await?;
    Ok(Json(page.map(ChannelSummary::from)))
}

/// Count channels
///
/// How many there are of what the caller looks at. Whoever has a socket gets these numbers as they change,
/// by the frame `watch`.
#[utoipa::path(
    get,
    path = "/channels/counts",
    operation_id = "count_channels",
    tag = "inbox",
    security(("bearer" = ["conversations:read"])),
    responses((status = 200, description = "the numbers", body = Counts)),
)]
pub(super) async fn counts(State(app): State<App>, caller: Caller) -> Result<Json<Counts>> {
    caller.require(Permission::ConversationsRead)?;
    let mut connection = app.pool.acquire().await?;
    let counts = counts::fetch(&mut connection, reader(&caller)).await?;
    Ok(Json(counts))
}

/// Get the place in the queue
///
/// Where a channel stands among those of its team that wait for a person, or among those of the workspace
/// that no team takes care of; no position while nobody waits in it. Whoever presses more comes first, then
/// whoever waits longer. What is expected is the median of the last waits of the day.
#[utoipa::path(
    get,
    path = "/channels/{id}/queue",
    operation_id = "get_queue_place",
    tag = "inbox",
    security(("bearer" = ["conversations:read"])),
    params(("id" = ChannelId, Path, description = "the channel")),
    responses(
        (status = 200, description = "where it stands", body = QueuePlace),
        (status = 404, description = "no such channel for the caller", body = Document,
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn queue(
    State(app): State<App>,
    who: Participant,
    Path(id): Path<ChannelId>,
) -> Result<Json<QueuePlace>> {
    let (place, _) = access::enter(&app.log, &who, id).await?;
    Ok(Json(app.inbox.queue_place(place).await?))
}

const fn reader(caller: &Caller) -> Reader {
    Reader {
        workspace: caller.workspace_id,
        user: caller.user_id,
    }
}

/// One page of what somebody sees.
async fn page(
    app: &App,
    reader: Reader,
    (scope, filter): (Scope, ChannelFilter),
    (wanted, sorted): (&Wanted, (Sort, Order)),
) -> Result<Page<Row>> {
    let page = PageOf {
        scope,
        filter,
        sorted,
        after: wanted.after(sorted)?,
        limit: wanted.limit,
    };
    let mut connection = app.pool.acquire().await?;
    let rows = list::fetch(&mut connection, reader, page).await?;
    Ok(Page::cut(rows, wanted.limit, |row| {
        Position::of(row, sorted)
    }))
}
