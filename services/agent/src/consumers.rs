//! What the agent service reacts to: the queue `agent.turns`.
//!
//! | event | effect | once, because |
//! |---|---|---|
//! | `chat.message.created.v1` by a visitor, while the AI answers | the message wants an answer | `wanted_seq` only rises |
//! | `chat.channel.owner_changed.v1` | the row knows who answers | a lower owner version changes nothing |
//! | `chat.channel.closed.v1` | the conversation is closed, its log completed | a lower owner version changes nothing |
//! | `chat.channel.reopened.v1` | the conversation is open again | a lower owner version changes nothing |
//! | `chat.channel.updated.v1` of an edit or a deletion | the log is brought up to date | `log_wanted_seq` only rises |
//!
//! Effects only ever raise numbers, so no inbox is needed: the same event again, or an older one later,
//! changes nothing. Work that takes longer (answering, logging) is found by its own work lists.

use bus::{Bus, Event, EventData, Failure, topology::AGENT_TURNS};
use chat_api::{
    EntryKind, OwnerState, SenderKind,
    events::{ChannelClosed, ChannelReopened, ChannelUpdated, MessageCreated, OwnerChanged},
};
use ids::{ChannelId, WorkspaceId};
use outbox::Unhandled;
use sqlx::PgConnection;
use tokio_util::sync::CancellationToken;

use crate::{
    app::App,
    conversations::store::{self, Wanted},
};

/// Consumes until `stop`, through every outage.
pub async fn run(app: App, bus: Bus, stop: CancellationToken) {
    bus.consumer(AGENT_TURNS, stop)
        .run(move |event| {
            let app = app.clone();
            async move { handle(&app, &event).await }
        })
        .await;
}

/// Has the effect of one event.
///
/// # Errors
/// When PostgreSQL is not there, or the event cannot have its effect.
pub async fn handle(app: &App, event: &Event) -> Result<(), Failure> {
    apply(app, event).await.map_err(Unhandled::failure)
}

async fn apply(app: &App, event: &Event) -> Result<(), Unhandled> {
    match event.r#type.as_str() {
        MessageCreated::TYPE => {
            let message: MessageCreated = event.read()?;
            // What is said to a person is not for the AI, even when it answers again later.
            if message.sender_kind == SenderKind::Visitor && message.owner == OwnerState::Ai {
                message_created(app, event, &message).await?;
            }
        }
        OwnerChanged::TYPE => owner_changed(app, event.workspaceid, &event.read()?).await?,
        ChannelClosed::TYPE => channel_closed(app, event.workspaceid, &event.read()?).await?,
        ChannelReopened::TYPE => channel_reopened(app, event.workspaceid, &event.read()?).await?,
        ChannelUpdated::TYPE => channel_updated(app, event.workspaceid, &event.read()?).await?,
        // Bound by a release that is newer or older than this one.
        _ => tracing::debug!(r#type = event.r#type, "nothing to do"),
    }
    Ok(())
}

async fn message_created(
    app: &App,
    event: &Event,
    message: &MessageCreated,
) -> Result<(), Unhandled> {
    let wanted = Wanted {
        channel: message.channel_id,
        seq: message.seq,
        at: message.created_at,
        owner_version: message.owner_version,
        // The consumer's own span, which the event's is the parent of.
        traceparent: common::telemetry::current_traceparent(),
    };
    let mut connection = app.pool.acquire().await?;
    let raised = store::want(&mut connection, event.workspaceid, wanted).await?;
    if raised {
        app.running.tell(message.channel_id, (message.seq, 0));
        app.wake.turns.notify_one();
    } else {
        warn_if_unknown(&mut connection, event.workspaceid, message.channel_id).await?;
    }
    Ok(())
}

async fn owner_changed(
    app: &App,
    workspace: WorkspaceId,
    changed: &OwnerChanged,
) -> Result<(), Unhandled> {
    let mut connection = app.pool.acquire().await?;
    let told = (changed.channel_id, changed.owner, changed.seq);
    store::observe_owner(&mut connection, workspace, told).await?;
    app.running.tell(changed.channel_id, (0, changed.seq));
    // The AI may have been given back a conversation whose message was faster than this.
    app.wake.turns.notify_one();
    app.wake.log.notify_one();
    Ok(())
}

async fn channel_closed(
    app: &App,
    workspace: WorkspaceId,
    closed: &ChannelClosed,
) -> Result<(), Unhandled> {
    let mut connection = app.pool.acquire().await?;
    let end = store::End {
        channel: closed.channel_id,
        seq: closed.seq,
        at: closed.closed_at,
        escalated: closed.escalated,
    };
    if !store::close(&mut connection, workspace, end).await? {
        warn_if_unknown(&mut connection, workspace, closed.channel_id).await?;
    }
    app.running.tell(closed.channel_id, (0, closed.seq));
    app.wake.log.notify_one();
    Ok(())
}

async fn channel_reopened(
    app: &App,
    workspace: WorkspaceId,
    reopened: &ChannelReopened,
) -> Result<(), Unhandled> {
    let mut connection = app.pool.acquire().await?;
    let told = (reopened.channel_id, reopened.owner, reopened.seq);
    let mut known = store::reopen(&mut connection, workspace, told).await;
    if let Err(sqlx::Error::Database(cause)) = &known
        && cause.is_unique_violation()
    {
        // Another one was started at this very moment; now it is seen.
        known = store::reopen(&mut connection, workspace, told).await;
    }
    if !known? {
        warn_if_unknown(&mut connection, workspace, reopened.channel_id).await?;
    }
    app.running.tell(reopened.channel_id, (0, reopened.seq));
    // Its first message may have been faster than this.
    app.wake.turns.notify_one();
    app.wake.log.notify_one();
    Ok(())
}

async fn channel_updated(
    app: &App,
    workspace: WorkspaceId,
    updated: &ChannelUpdated,
) -> Result<(), Unhandled> {
    if !matches!(updated.kind, EntryKind::Edit | EntryKind::Delete) {
        return Ok(());
    }
    let mut connection = app.pool.acquire().await?;
    let whose = (updated.channel_id, updated.seq);
    store::want_log(&mut connection, workspace, whose).await?;
    app.wake.log.notify_one();
    Ok(())
}

/// Conversations begin here, so a channel that this service does not know is a fault of somebody's.
async fn warn_if_unknown(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    channel: ChannelId,
) -> sqlx::Result<()> {
    if !store::exists(connection, workspace, channel).await? {
        tracing::warn!(conversation = %channel, "an event of a conversation that was never started here");
    }
    Ok(())
}
