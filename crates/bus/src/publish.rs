//! Publishing, confirmed: an event counts as published when a quorum of the broker has it.

use std::{sync::LazyLock, time::Duration};

use futures::future;
use lapin::{BasicProperties, Channel, options::BasicPublishOptions};
use prometheus::{IntCounterVec, register_int_counter_vec};

use crate::{Bus, Event, topology};

static PUBLISHED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "bus_published_total",
        "events handed to the broker",
        &["type", "outcome"]
    )
    .expect("the name is used once")
});

const CONFIRM_WITHIN: Duration = Duration::from_secs(5);
/// AMQP's delivery mode for messages that survive a restart (AMQP 0-9-1, basic class).
const PERSISTENT: u8 = 2;

/// An event did not reach the broker, or nobody knows whether it did. Publishing it again is safe.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The broker is not there, or the connection broke.
    #[error("the broker is not there")]
    Broker(#[from] lapin::Error),
    /// The address of the broker is none.
    #[error("the broker's address is not a URL")]
    Address,
    /// The broker did not answer in time.
    #[error("the broker did not answer in time")]
    TimedOut,
    /// The broker ended the stream of deliveries, as when the queue is deleted.
    #[error("the broker ended the deliveries")]
    Ended,
    /// The broker refused the message.
    #[error("the broker refused the event")]
    Refused,
    /// Somebody should listen to this type, but no queue took it.
    #[error("no queue took the event")]
    Unroutable,
}

impl Bus {
    /// Publishes one event and waits for the broker's confirm.
    ///
    /// # Errors
    /// When it was not confirmed.
    pub async fn publish(&self, event: &Event) -> Result<(), PublishError> {
        self.publish_all(std::slice::from_ref(event))
            .await
            .pop()
            .unwrap_or(Ok(()))
    }

    /// Publishes events side by side; one result for each, in their order.
    pub async fn publish_all(&self, events: &[Event]) -> Vec<Result<(), PublishError>> {
        let channel = match self.publisher().await {
            Ok(channel) => channel,
            Err(error) => {
                tracing::debug!(%error, "no channel to publish on");
                return events.iter().map(|_| Err(PublishError::TimedOut)).collect();
            }
        };
        let results =
            future::join_all(events.iter().map(|event| publish_on(&channel, event))).await;
        if results.iter().any(|result| {
            matches!(
                result,
                Err(PublishError::Broker(_) | PublishError::TimedOut)
            )
        }) {
            self.drop_publisher().await;
        }
        for (event, result) in events.iter().zip(&results) {
            let outcome = if result.is_ok() {
                "confirmed"
            } else {
                "failed"
            };
            PUBLISHED.with_label_values(&[&event.r#type, outcome]).inc();
        }
        results
    }
}

async fn publish_on(channel: &Channel, event: &Event) -> Result<(), PublishError> {
    let body = serde_json::to_vec(event).expect("an event is JSON");
    let properties = BasicProperties::default()
        .with_content_type("application/cloudevents+json".into())
        .with_message_id(event.id.to_string().into())
        .with_delivery_mode(PERSISTENT);
    let options = BasicPublishOptions {
        mandatory: true,
        ..Default::default()
    };
    let confirmed = async {
        let confirm = channel
            .basic_publish(
                topology::EXCHANGE.into(),
                event.r#type.as_str().into(),
                options,
                &body,
                properties,
            )
            .await?;
        confirm.await
    };
    let confirmation = tokio::time::timeout(CONFIRM_WITHIN, confirmed)
        .await
        .map_err(|_| PublishError::TimedOut)??;
    if confirmation.is_nack() {
        return Err(PublishError::Refused);
    }
    // RabbitMQ acknowledges an unroutable message too, and sends it back beside the acknowledgement.
    if confirmation.take_message().is_some() && topology::is_wanted(&event.r#type) {
        return Err(PublishError::Unroutable);
    }
    Ok(())
}
