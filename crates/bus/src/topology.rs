//! Who listens to what: every queue of the fleet, in one table.
//!
//! Every process declares the whole table when it connects. So no event is lost because its consumer
//! has never run yet, in whatever order the services start.

use lapin::{
    Channel, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};

/// The exchange that events are published to.
pub const EXCHANGE: &str = "syntera.events";
/// The exchange that dead letters go through; the routing key is the name of the queue they left.
pub const DEAD_EXCHANGE: &str = "syntera.dead";
/// A message that was handed out this often without an answer, because its consumer died each time, is
/// dead.
const DELIVERY_LIMIT: i32 = 20;

/// One consumer's queue.
#[derive(Debug, Clone, Copy)]
pub struct Queue {
    /// `<service>.<purpose>`.
    pub name: &'static str,
    /// The event types that it takes: routing keys, with `*` and `#` as RabbitMQ has them.
    pub takes: &'static [&'static str],
}

impl Queue {
    /// Whether the queue takes events of this type.
    #[must_use]
    pub fn wants(&self, event_type: &str) -> bool {
        self.takes
            .iter()
            .any(|pattern| matches(pattern, event_type))
    }
}

/// Agent: a customer's message wants an answer; a closed channel wants none any more, until it is opened
/// again; what is edited or taken back is so in the agent's own log too.
pub const AGENT_TURNS: Queue = Queue {
    name: "agent.turns",
    takes: &[
        "chat.message.created.v1",
        "chat.channel.owner_changed.v1",
        "chat.channel.closed.v1",
        "chat.channel.reopened.v1",
        "chat.channel.updated.v1",
    ],
};
/// CRM: the first message makes a contact, a closed channel an interaction, and what a visitor says of
/// themselves fills the contact.
pub const CRM_TIMELINE: Queue = Queue {
    name: "crm.timeline",
    takes: &[
        "chat.message.created.v1",
        "chat.channel.closed.v1",
        "chat.visitor.introduced.v1",
    ],
};
/// Analytics: everything that is counted.
pub const ANALYTICS_INGEST: Queue = Queue {
    name: "analytics.ingest",
    takes: &["chat.#", "crm.#", "agent.#", "auth.#"],
};

/// Every queue there is.
pub const QUEUES: &[Queue] = &[AGENT_TURNS, CRM_TIMELINE, ANALYTICS_INGEST];

/// The queue that holds what `queue` could not take.
#[must_use]
pub fn dead_letters(queue: &str) -> String {
    format!("{queue}.dead")
}

/// Whether somebody listens to this type; if not, an event that no queue took is no fault.
#[must_use]
pub fn is_wanted(event_type: &str) -> bool {
    QUEUES.iter().any(|queue| queue.wants(event_type))
}

fn matches(pattern: &str, key: &str) -> bool {
    match pattern.strip_suffix(".#") {
        Some(head) => key
            .strip_prefix(head)
            .is_some_and(|rest| rest.starts_with('.')),
        None => pattern == key,
    }
}

/// Declares the table. Declaring again what exists changes nothing.
pub(crate) async fn declare(channel: &Channel) -> lapin::Result<()> {
    let durable = ExchangeDeclareOptions {
        durable: true,
        ..Default::default()
    };
    channel
        .exchange_declare(
            EXCHANGE.into(),
            ExchangeKind::Topic,
            durable,
            FieldTable::default(),
        )
        .await?;
    channel
        .exchange_declare(
            DEAD_EXCHANGE.into(),
            ExchangeKind::Direct,
            durable,
            FieldTable::default(),
        )
        .await?;
    for queue in QUEUES {
        let mut live = quorum();
        live.insert(
            "x-dead-letter-exchange".into(),
            AMQPValue::LongString(DEAD_EXCHANGE.into()),
        );
        live.insert(
            "x-dead-letter-routing-key".into(),
            AMQPValue::LongString(queue.name.into()),
        );
        live.insert(
            "x-delivery-limit".into(),
            AMQPValue::LongInt(DELIVERY_LIMIT),
        );
        channel
            .queue_declare(queue.name.into(), QueueDeclareOptions::durable(), live)
            .await?;
        for key in queue.takes {
            bind(channel, queue.name, EXCHANGE, key).await?;
        }
        let dead = dead_letters(queue.name);
        channel
            .queue_declare(
                dead.as_str().into(),
                QueueDeclareOptions::durable(),
                quorum(),
            )
            .await?;
        bind(channel, &dead, DEAD_EXCHANGE, queue.name).await?;
    }
    Ok(())
}

fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert(
        "x-queue-type".into(),
        AMQPValue::LongString("quorum".into()),
    );
    arguments
}

async fn bind(channel: &Channel, queue: &str, exchange: &str, key: &str) -> lapin::Result<()> {
    let options = QueueBindOptions::default();
    channel
        .queue_bind(
            queue.into(),
            exchange.into(),
            key.into(),
            options,
            FieldTable::default(),
        )
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_the_broker_does() {
        assert!(matches("chat.#", "chat.message.created.v1"));
        assert!(!matches("chat.#", "chatter.message.created.v1"));
        assert!(matches("chat.channel.closed.v1", "chat.channel.closed.v1"));
        assert!(!matches("chat.channel.closed.v1", "chat.channel.closed.v2"));
        assert!(is_wanted("crm.contact.created.v1") && !is_wanted("voice.call.ended.v1"));
    }
}
