//! The routes of channels: opened, read, and handed over.

use axum::extract::State;
use chat_api::{
    Channel, Entry, OpenChannel, Opened, OwnerState, Priority, Sender, SenderKind, SetOwner,
    SetOwnerInternal,
};
use common::{ErrorCode, Problem, problem::Result, tokens::ServiceCaller};
use ids::{ChannelId, WorkspaceId};
use rest::{Json, Page, Path, Query};
use serde::Deserialize;
use tokio::sync::watch;

use super::chat::{App, Room, tell};

/// Entries in one answer of the log: small, so that paging is exercised.
const PAGE: usize = 10;

pub(crate) fn only_agent(caller: &ServiceCaller) -> Result<()> {
    if caller.service == "agent" {
        Ok(())
    } else {
        Err(Problem::new(ErrorCode::Forbidden))
    }
}

pub(crate) async fn open(
    State(app): State<App>,
    caller: ServiceCaller,
    Path(id): Path<ChannelId>,
    Json(open): Json<OpenChannel>,
) -> Result<Json<Opened>> {
    only_agent(&caller)?;
    let now = app.clock.now();
    let mut state = app.state.lock().unwrap();
    if let Some(room) = state.rooms.get(&id) {
        let same = (
            room.open.workspace_id,
            room.open.agent_id,
            room.open.visitor_id,
        ) == (open.workspace_id, open.agent_id, open.visitor_id);
        if !same {
            return Err(Problem::new(ErrorCode::Conflict));
        }
        return Ok(Json(Opened {
            channel: room.channel.clone(),
            created: false,
        }));
    }
    let channel = Channel {
        id,
        agent_id: open.agent_id,
        visitor_id: open.visitor_id,
        owner: OwnerState::Ai,
        owner_version: 0,
        head_seq: 0,
        answered_seq: 0,
        episode: 1,
        assignee_id: None,
        team_id: None,
        labels: Vec::new(),
        priority: Priority::default(),
        snoozed_until: None,
        participants: Vec::new(),
        merged_into: None,
        rating: None,
        created_at: now,
        last_activity_at: now,
        closed_at: None,
    };
    let mut room = Room {
        open,
        channel,
        entries: Vec::new(),
        frames: Vec::new(),
        epoch: 0,
        moved: watch::channel((0, 0)).0,
        escalated: false,
    };
    let system = Sender {
        kind: SenderKind::System,
        id: None,
        name: None,
    };
    room.append(&app.clock, (system, None, Some(OwnerState::Ai), None));
    let channel = room.channel.clone();
    state.rooms.insert(id, room);
    Ok(Json(Opened {
        channel,
        created: true,
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tenant {
    workspace_id: WorkspaceId,
}

pub(crate) async fn channel(
    State(app): State<App>,
    _: ServiceCaller,
    Path(id): Path<ChannelId>,
    Query(tenant): Query<Tenant>,
) -> Result<Json<Channel>> {
    let state = app.state.lock().unwrap();
    let room = state
        .rooms
        .get(&id)
        .filter(|room| room.open.workspace_id == tenant.workspace_id);
    Ok(Json(room.ok_or_else(Problem::not_found)?.channel.clone()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct After {
    workspace_id: WorkspaceId,
    after_seq: i64,
}

pub(crate) async fn log(
    State(app): State<App>,
    _: ServiceCaller,
    Path(id): Path<ChannelId>,
    Query(after): Query<After>,
) -> Result<Json<Page<Entry>>> {
    let state = app.state.lock().unwrap();
    let room = state
        .rooms
        .get(&id)
        .filter(|room| room.open.workspace_id == after.workspace_id);
    let room = room.ok_or_else(Problem::not_found)?;
    let mut items: Vec<Entry> = room
        .entries
        .iter()
        .filter(|entry| entry.seq > after.after_seq)
        .cloned()
        .collect();
    let more = items.len() > PAGE;
    items.truncate(PAGE);
    Ok(Json(Page {
        items,
        next_cursor: more.then(|| "more".to_owned()),
    }))
}

pub(crate) async fn set_owner(
    State(app): State<App>,
    caller: ServiceCaller,
    Path(id): Path<ChannelId>,
    Json(SetOwnerInternal {
        workspace_id,
        change,
    }): Json<SetOwnerInternal>,
) -> Result<Json<Channel>> {
    only_agent(&caller)?;
    let SetOwner {
        owner,
        reason,
        if_owner_version,
    } = change;
    let (channel, events) = {
        let mut state = app.state.lock().unwrap();
        if state.refuse_owner_changes {
            return Err(Problem::unavailable("down by the test"));
        }
        let room = state
            .rooms
            .get_mut(&id)
            .filter(|room| room.open.workspace_id == workspace_id);
        let room = room.ok_or_else(Problem::not_found)?;
        if room.channel.owner == OwnerState::Closed {
            return Err(Problem::new(ErrorCode::ChannelClosed));
        }
        if if_owner_version.is_some_and(|version| version != room.channel.owner_version) {
            return Err(Problem::new(ErrorCode::OwnerChanged));
        }
        if !matches!(owner, OwnerState::Queued | OwnerState::Closed) {
            state
                .violations
                .push(format!("the agent made the owner {owner:?}"));
            return Err(Problem::new(ErrorCode::Forbidden));
        }
        let sender = Sender {
            kind: SenderKind::Agent,
            id: None,
            name: None,
        };
        let events = room.change(&app.clock, sender, (owner, reason));
        (room.channel.clone(), events)
    };
    for event in events {
        tell(&app, event).await;
    }
    Ok(Json(channel))
}
