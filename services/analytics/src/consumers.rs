//! What analytics reacts to: the queue `analytics.ingest`.
//!
//! | event | metrics | fact, unique for each channel |
//! |---|---|---|
//! | `chat.channel.opened.v1` | `conversation_started` | conversation started |
//! | `chat.message.created.v1` | `message_sent` | |
//! | `crm.contact.created.v1` | `contact_created` | |
//! | `crm.interaction.created.v1` | `conversation_ended`, `conversation_duration_seconds` | conversation ended |
//! | `agent.turn.completed.v1` | `first_delta_ms`, `tokens_used` | |
//!
//! Every other type of the queue is acknowledged, counted and passed over. An event's inbox row, fact and
//! metrics are one transaction, so a second delivery has no effect. A metric is unique for its event and
//! type too, which holds after the inbox row was cleaned away. No order is needed: nothing is updated.

use std::sync::LazyLock;

use bus::{Bus, Event, Failure, topology::ANALYTICS_INGEST};
use outbox::{Inbox, Unhandled};
use prometheus::{IntCounterVec, register_int_counter_vec};
use tokio_util::sync::CancellationToken;

use crate::{
    app::{App, SCHEMA},
    ingest,
};

static IGNORED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "analytics_events_ignored_total",
        "events that count for nothing",
        &["type"]
    )
    .expect("the name is used once")
});

/// Consumes until `stop`, through every outage.
pub async fn run(app: App, bus: Bus, stop: CancellationToken) {
    bus.consumer(ANALYTICS_INGEST, stop)
        .run(move |event| {
            let app = app.clone();
            async move { handle(&app, &event).await }
        })
        .await;
}

/// Counts one event, unless it was counted before.
///
/// # Errors
/// When PostgreSQL is not there, or the event cannot be counted.
pub async fn handle(app: &App, event: &Event) -> Result<(), Failure> {
    apply(app, event).await.map_err(Unhandled::failure)
}

async fn apply(app: &App, event: &Event) -> Result<(), Unhandled> {
    let Some(reading) = ingest::read(event)? else {
        IGNORED.with_label_values(&[&event.r#type]).inc();
        return Ok(());
    };
    let inbox = Inbox::new(SCHEMA, ANALYTICS_INGEST, app.clock.clone());
    let mut transaction = app.pool.begin().await?;
    if inbox.is_first(&mut transaction, event).await? {
        ingest::write(&mut transaction, event, &reading).await?;
        transaction.commit().await?;
    }
    Ok(())
}
