//! What other services ask: opening a channel, reading its log, changing who answers.

use axum::{Router, extract::State, routing};
use chat_api::{Channel, Entry, OpenChannel, Opened, SetOwnerInternal};
use common::{ErrorCode, Problem, tokens::ServiceCaller};
use ids::{ChannelId, WorkspaceId};
use rest::{Cursor, Json, Page, Path, Query};
use serde::Deserialize;

use crate::{
    app::App,
    hub::Audience,
    log::{self, Actor, History, Place},
};

/// Entries in one answer.
const PAGE: i64 = 100;
/// The only service that opens channels and speaks in them.
const AGENT: &str = "agent";

/// The routes, all of them for services only.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/internal/channels/{id}", routing::put(open).get(get))
        .route("/internal/channels/{id}/log", routing::get(read))
        .route("/internal/channels/{id}/owner", routing::post(set_owner))
}

/// Lets the agent service pass.
///
/// # Errors
/// 403 for every other one.
pub fn only_agent(caller: &ServiceCaller) -> Result<(), Problem> {
    if caller.service == AGENT {
        return Ok(());
    }
    Err(Problem::new(ErrorCode::Forbidden).detail("only the agent service may do this"))
}

async fn open(
    State(app): State<App>,
    caller: ServiceCaller,
    Path(channel): Path<ChannelId>,
    Json(open): Json<OpenChannel>,
) -> Result<Json<Opened>, Problem> {
    only_agent(&caller)?;
    let place = Place {
        workspace: open.workspace_id,
        channel,
    };
    let (head, created) = app.log.open(place, &open).await?;
    Ok(Json(Opened {
        channel: Channel {
            // What opens a conversation is told where its log ends for the visitor.
            head_seq: head.public_seq,
            ..log::channel(place, &head)
        },
        created,
    }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GetQuery {
    workspace_id: WorkspaceId,
}

async fn get(
    State(app): State<App>,
    _caller: ServiceCaller,
    Path(channel): Path<ChannelId>,
    Query(query): Query<GetQuery>,
) -> Result<Json<Channel>, Problem> {
    let place = Place {
        workspace: query.workspace_id,
        channel,
    };
    let head = app.log.projected_head(place).await?;
    Ok(Json(log::channel(place, &head)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogQuery {
    workspace_id: WorkspaceId,
    #[serde(default)]
    after_seq: i64,
}

async fn read(
    State(app): State<App>,
    _caller: ServiceCaller,
    Path(channel): Path<ChannelId>,
    Query(query): Query<LogQuery>,
) -> Result<Json<Page<Entry>>, Problem> {
    let place = Place {
        workspace: query.workspace_id,
        channel,
    };
    let (items, more) = app
        .log
        .page(
            place,
            History::After(query.after_seq),
            PAGE,
            Audience::People,
        )
        .await?;
    if items.is_empty() {
        // Nothing after it, or no such channel at all: those differ.
        app.log.recent_head(place).await?;
    }
    let next = items.last().filter(|_| more);
    let next_cursor = next.map(|entry| Cursor::of(&entry.seq).into());
    Ok(Json(Page { items, next_cursor }))
}

async fn set_owner(
    State(app): State<App>,
    caller: ServiceCaller,
    Path(channel): Path<ChannelId>,
    Json(SetOwnerInternal {
        workspace_id,
        change,
    }): Json<SetOwnerInternal>,
) -> Result<Json<Channel>, Problem> {
    only_agent(&caller)?;
    let place = Place {
        workspace: workspace_id,
        channel,
    };
    let actor = Actor::Agent(app.log.recent_head(place).await?.agent_id);
    let head = app.log.set_owner(place, actor, (change, None)).await?;
    Ok(Json(log::channel(place, &head)))
}
