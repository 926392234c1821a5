//! Consuming: at least once, with patience for what passes and a dead letter for what does not.

use std::{sync::LazyLock, time::Duration};

use clock::Clock;
use futures::StreamExt;
use lapin::{
    Channel,
    message::Delivery,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, BasicRejectOptions},
    types::FieldTable,
};
use prometheus::{HistogramVec, IntCounterVec, register_histogram_vec, register_int_counter_vec};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

use crate::{
    Bus, Event,
    connection::{CALL_WITHIN, within},
    publish::PublishError,
    topology::Queue,
};

static CONSUMED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "bus_consumed_total",
        "events taken from a queue",
        &["queue", "outcome"]
    )
    .expect("the name is used once")
});
static TOOK: LazyLock<HistogramVec> = LazyLock::new(|| {
    register_histogram_vec!(
        "bus_consume_seconds",
        "time to handle an event",
        &["queue", "type"]
    )
    .expect("the name is used once")
});
static AGE: LazyLock<HistogramVec> = LazyLock::new(|| {
    register_histogram_vec!(
        "bus_event_age_seconds",
        "from the fact to its effect: the age of an event when it was handled",
        &["queue"],
        vec![
            0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0, 3600.0
        ]
    )
    .expect("the name is used once")
});

/// Events that one process handles at a time.
const PREFETCH: u16 = 32;
/// The first wait after a failure that may pass; it doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// Longer than this no event is held back: the broker closes the channel of a consumer that answers
/// nothing for half an hour (`consumer_timeout`).
const PATIENCE: Duration = Duration::from_secs(15 * 60);
const RECONNECT_WAIT: Duration = Duration::from_secs(1);

/// Why an event was not handled.
#[derive(Debug)]
pub enum Failure {
    /// A dependency is down: try again, the event is fine.
    Passing(anyhow::Error),
    /// The event can never be handled: into the dead-letter queue.
    Poison(anyhow::Error),
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Failure {
    /// What has no other name passes: dead letters are for what is known to be hopeless.
    fn from(error: E) -> Self {
        Self::Passing(error.into())
    }
}

/// A running consumer of one queue.
#[derive(Debug)]
pub struct Consumer {
    bus: Bus,
    queue: Queue,
    stop: CancellationToken,
}

impl Bus {
    /// A consumer of `queue` that runs until `stop`.
    #[must_use]
    pub fn consumer(&self, queue: Queue, stop: CancellationToken) -> Consumer {
        Consumer {
            bus: self.clone(),
            queue,
            stop,
        }
    }
}

impl Consumer {
    /// Hands every event of the queue to `handle` until told to stop, through every outage.
    ///
    /// `handle` must be idempotent: after a crash, a lost connection or a lost acknowledgement the same
    /// event comes again.
    pub async fn run<H, F>(self, handle: H)
    where
        H: Fn(Event) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<(), Failure>> + Send,
    {
        while !self.stop.is_cancelled() {
            if let Err(error) = self.session(&handle).await {
                tracing::warn!(queue = self.queue.name, %error, "consuming broke off; connecting again");
                let wait = tokio::time::sleep(RECONNECT_WAIT);
                self.stop.run_until_cancelled(wait).await;
            }
        }
    }

    /// Consumes on one channel until it breaks or the service stops.
    async fn session<H, F>(&self, handle: &H) -> Result<(), PublishError>
    where
        H: Fn(Event) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<(), Failure>> + Send,
    {
        let channel: Channel = self.bus.channel().await?;
        let limit = channel.basic_qos(PREFETCH, BasicQosOptions::default());
        within(CALL_WITHIN, limit).await?;
        let consume = channel.basic_consume(
            self.queue.name.into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        );
        let mut deliveries = within(CALL_WITHIN, consume).await?;
        tracing::info!(queue = self.queue.name, "consuming");
        let running = TaskTracker::new();
        while let Some(Some(delivery)) = self.stop.run_until_cancelled(deliveries.next()).await {
            let delivery = delivery?;
            let (handle, queue, stop) = (handle.clone(), self.queue.name, self.stop.clone());
            running.spawn(async move { answer(delivery, queue, &stop, handle).await });
        }
        // What is under way finishes and is acknowledged; the rest goes back to the queue.
        running.close();
        running.wait().await;
        if self.stop.is_cancelled() {
            Ok(())
        } else {
            Err(PublishError::Ended)
        }
    }
}

/// Handles one delivery and answers the broker.
async fn answer<H, F>(delivery: Delivery, queue: &'static str, stop: &CancellationToken, handle: H)
where
    H: Fn(Event) -> F,
    F: Future<Output = Result<(), Failure>>,
{
    let answered = match serde_json::from_slice::<Event>(&delivery.data) {
        Ok(event) => {
            let span = tracing::info_span!(
                "bus.consume",
                otel.name = format!("consume {}", event.r#type),
                otel.kind = "consumer",
                messaging.destination.name = queue,
                messaging.message.id = %event.id,
            );
            if let Some(traceparent) = &event.traceparent {
                common::telemetry::set_parent_from_traceparent(&span, traceparent);
            }
            let happened = event.time;
            let outcome = with_patience(event, queue, stop, handle)
                .instrument(span)
                .await;
            if matches!(outcome, Outcome::Done) {
                let age = Clock::system().now().signed_duration_since(happened);
                AGE.with_label_values(&[queue])
                    .observe(age.as_seconds_f64().max(0.0));
            }
            outcome
        }
        Err(error) => {
            tracing::error!(queue, %error, "not an event; it goes to the dead letters");
            Outcome::Dead
        }
    };
    let result = match answered {
        Outcome::Done => delivery.ack(BasicAckOptions::default()).await,
        Outcome::Dead => delivery.reject(BasicRejectOptions { requeue: false }).await,
        Outcome::Back => delivery.reject(BasicRejectOptions { requeue: true }).await,
    };
    CONSUMED.with_label_values(&[queue, answered.label()]).inc();
    if let Err(error) = result {
        // The channel is gone, so the broker delivers the event again.
        tracing::debug!(queue, %error, "the answer to the broker was lost");
    }
}

#[derive(Clone, Copy)]
enum Outcome {
    Done,
    Dead,
    Back,
}

impl Outcome {
    const fn label(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Dead => "dead",
            Self::Back => "requeued",
        }
    }
}

/// Tries again in place while the failure may pass, so that an outage does not use up the delivery
/// limit, which is there for messages that kill their consumer.
async fn with_patience<H, F>(
    event: Event,
    queue: &'static str,
    stop: &CancellationToken,
    handle: H,
) -> Outcome
where
    H: Fn(Event) -> F,
    F: Future<Output = Result<(), Failure>>,
{
    let started = tokio::time::Instant::now();
    let timer = TOOK
        .with_label_values(&[queue, &event.r#type])
        .start_timer();
    let mut wait = FIRST_WAIT;
    let outcome = loop {
        match handle(event.clone()).await {
            Ok(()) => break Outcome::Done,
            Err(Failure::Poison(error)) => {
                tracing::error!(queue, event = %event.id, r#type = event.r#type, error = format!("{error:#}"),
                    "event cannot be handled; it goes to the dead letters");
                break Outcome::Dead;
            }
            Err(Failure::Passing(error)) => {
                tracing::warn!(queue, event = %event.id, r#type = event.r#type, error = format!("{error:#}"),
                    "event could not be handled now; trying again");
            }
        }
        if started.elapsed() > PATIENCE {
            break Outcome::Back;
        }
        if stop
            .run_until_cancelled(tokio::time::sleep(wait))
            .await
            .is_none()
        {
            break Outcome::Back;
        }
        wait = (wait * 2).min(LONGEST_WAIT);
    };
    timer.observe_duration();
    outcome
}
