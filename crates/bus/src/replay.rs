//! Bringing dead letters back, once whatever they died of is mended.

use lapin::{
    BasicProperties,
    options::{BasicAckOptions, BasicGetOptions, BasicPublishOptions, BasicRejectOptions},
};

use crate::{Bus, PublishError, topology};

impl Bus {
    /// Moves what lies in the dead letters of `queue` back to it; answers how many there were. Each is
    /// confirmed in its queue before it leaves the dead letters, so a crash doubles at most one, and
    /// consumers are idempotent.
    ///
    /// # Errors
    /// When the broker fails meanwhile; what was moved stays moved.
    pub async fn replay(&self, queue: &str) -> Result<usize, PublishError> {
        let channel = self.publisher().await?;
        let dead = topology::dead_letters(queue);
        let mut moved = 0;
        while let Some(message) = channel
            .basic_get(dead.as_str().into(), BasicGetOptions::default())
            .await?
        {
            let delivery = message.delivery;
            // The default exchange routes by queue name; the headers of its first death stay behind.
            let properties = BasicProperties::default()
                .with_content_type("application/cloudevents+json".into())
                .with_delivery_mode(2);
            let confirm = channel
                .basic_publish(
                    "".into(),
                    queue.into(),
                    BasicPublishOptions {
                        mandatory: true,
                        ..Default::default()
                    },
                    &delivery.data,
                    properties,
                )
                .await?
                .await?;
            if confirm.is_nack() || confirm.take_message().is_some() {
                delivery
                    .reject(BasicRejectOptions { requeue: true })
                    .await?;
                return Err(PublishError::Refused);
            }
            delivery.ack(BasicAckOptions::default()).await?;
            moved += 1;
        }
        Ok(moved)
    }
}
