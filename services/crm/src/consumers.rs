//! What the CRM reacts to: the queue `crm.timeline`.
//!
//! | event | effect | once, because |
//! |---|---|---|
//! | `chat.message.created.v1` by a visitor | the visitor's contact exists | the contact is unique for each visitor |
//! | `chat.visitor.introduced.v1` | what chat knows of the visitor and their contact does not, and `crm.contact.updated.v1` | what is filled in is never filled in again |
//! | `chat.channel.closed.v1` with a message of the visitor | an interaction, and `crm.interaction.created.v1` | the interaction is unique for each channel and type |
//!
//! The event's inbox row, its rows and the events that it causes are one transaction, so a second
//! delivery has no effect, and a crash leaves either all or nothing. The order does not matter: a channel
//! that is closed, or a visitor who says who they are, makes the contact that the first message would have
//! made.

use bus::{Bus, Event, EventData, Failure, topology::CRM_TIMELINE};
use chat_api::{
    Introduction, SenderKind,
    events::{ChannelClosed, MessageCreated, VisitorIntroduced},
};
use outbox::{Inbox, Unhandled};
use sqlx::{Postgres, Transaction};
use tokio_util::sync::CancellationToken;

use crate::{
    app::{App, SCHEMA},
    contacts, interactions,
};

/// Consumes until `stop`, through every outage.
pub async fn run(app: App, bus: Bus, stop: CancellationToken) {
    bus.consumer(CRM_TIMELINE, stop)
        .run(move |event| {
            let app = app.clone();
            async move { handle(&app, &event).await }
        })
        .await;
}

/// Has the effect of one event, unless it had it before.
///
/// # Errors
/// When PostgreSQL is not there, or the event cannot have its effect.
pub async fn handle(app: &App, event: &Event) -> Result<(), Failure> {
    if event.r#type == VisitorIntroduced::TYPE {
        return visitor_introduced(app, event).await;
    }
    apply(app, event).await.map_err(Unhandled::failure)
}

async fn apply(app: &App, event: &Event) -> Result<(), Unhandled> {
    match event.r#type.as_str() {
        MessageCreated::TYPE => {
            let message: MessageCreated = event.read()?;
            if message.sender_kind == SenderKind::Visitor {
                message_created(app, event, &message).await?;
            }
        }
        ChannelClosed::TYPE => {
            let closed: ChannelClosed = event.read()?;
            if closed.visitor_messages > 0 {
                channel_closed(app, event, &closed).await?;
            }
        }
        // Bound by a release that is newer or older than this one.
        _ => tracing::debug!(r#type = event.r#type, "nothing to do"),
    }
    Ok(())
}

/// Asks chat who the visitor is, and fills in what their contact lacks. What somebody of the company or
/// the visitor filled in before stays. Chat answers the newest, so the order does not matter.
async fn visitor_introduced(app: &App, event: &Event) -> Result<(), Failure> {
    let told: VisitorIntroduced = event
        .read()
        .map_err(|error| Unhandled::from(error).failure())?;
    // Before the transaction, which must not wait for another service.
    let workspace = event.workspaceid;
    let Some(said) = app.chat.introduction(workspace, told.visitor_id).await? else {
        tracing::debug!("the visitor is not known any more");
        return Ok(());
    };
    introduced(app, event, &said)
        .await
        .map_err(|error| Unhandled::from(error).failure())
}

async fn introduced(app: &App, event: &Event, said: &Introduction) -> sqlx::Result<()> {
    let Some(mut transaction) = first(app, event).await? else {
        return Ok(());
    };
    contacts::introduced(app, &mut transaction, event.workspaceid, said).await?;
    app.outbox.commit(transaction).await
}

async fn message_created(app: &App, event: &Event, message: &MessageCreated) -> sqlx::Result<()> {
    let Some(mut transaction) = first(app, event).await? else {
        return Ok(());
    };
    contacts::of_visitor(app, &mut transaction, event.workspaceid, message.visitor_id).await?;
    app.outbox.commit(transaction).await
}

async fn channel_closed(app: &App, event: &Event, closed: &ChannelClosed) -> sqlx::Result<()> {
    let Some(mut transaction) = first(app, event).await? else {
        return Ok(());
    };
    let workspace = event.workspaceid;
    let found = contacts::of_visitor(app, &mut transaction, workspace, closed.visitor_id).await?;
    let whose = (workspace, found.contact.id);
    interactions::record_chat(app, &mut transaction, whose, closed).await?;
    app.outbox.commit(transaction).await
}

/// A transaction that has noted the event; none when it had its effect before.
async fn first(app: &App, event: &Event) -> sqlx::Result<Option<Transaction<'static, Postgres>>> {
    let inbox = Inbox::new(SCHEMA, CRM_TIMELINE, app.clock.clone());
    let mut transaction = app.pool.begin().await?;
    let first = inbox.is_first(&mut transaction, event).await?;
    Ok(first.then_some(transaction))
}
