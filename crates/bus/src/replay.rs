//! Bringing dead letters back, once whatever they died of is mended.

use clap::builder::PossibleValuesParser;
use lapin::{
    BasicProperties,
    options::{
        BasicAckOptions, BasicGetOptions, BasicPublishOptions, BasicRejectOptions,
        QueueDeclareOptions,
    },
    types::FieldTable,
};

use crate::{Bus, BusConfig, PublishError, topology};

/// The subcommand that moves dead letters back.
#[derive(Debug, Clone, clap::Args)]
pub struct Replay {
    /// The queue whose dead letters go back to it.
    #[arg(value_parser = PossibleValuesParser::new(topology::QUEUES.iter().map(|queue| queue.name)))]
    pub queue: String,
    /// Where RabbitMQ is.
    #[command(flatten)]
    pub bus: BusConfig,
}

impl Replay {
    /// Moves them, and prints how many there were.
    ///
    /// # Errors
    /// When the broker fails meanwhile; what was moved stays moved.
    #[expect(clippy::print_stdout, reason = "the subcommand's output")]
    pub async fn run(&self, service: &'static str) -> anyhow::Result<()> {
        let moved = Bus::new(service, &self.bus).replay(&self.queue).await?;
        println!("{moved} dead letters went back to {}", self.queue);
        Ok(())
    }
}

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
        let passive = QueueDeclareOptions {
            passive: true,
            ..Default::default()
        };
        let queue_now = channel
            .queue_declare(dead.as_str().into(), passive, FieldTable::default())
            .await?;
        let mut moved = 0;
        // As many as lie there now: what dies again meanwhile would come round for ever.
        for _ in 0..queue_now.message_count() {
            let get = channel.basic_get(dead.as_str().into(), BasicGetOptions::default());
            let Some(message) = get.await? else { break };
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
