//! The relay: from the log to the bus and to the projection.
//!
//! An entry carries its event until the broker has confirmed it. Publishing begins at once after the
//! insert; what a crash or an outage left is swept up, by any number of instances. An event that two of
//! them publish has the same id both times.

use std::{collections::HashMap, time::Duration};

use bus::{Bus, Event};
use chrono::{DateTime, Utc};
use futures::future;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::Span;

use super::{
    Log,
    documents::Pending,
    entry::{Head, Place},
};
use crate::metrics;

/// Entries that may wait for the broker in memory; the sweep finds the others.
const QUEUE: usize = 1024;
const BATCH: usize = 64;
/// How often what a crash left is looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(2);
/// An event that waits for so long was left behind: publishing at once takes milliseconds.
const LEFT_AFTER: chrono::Duration = chrono::Duration::seconds(3);
const SWEPT: i64 = 100;

/// The queue in front of the relay.
#[derive(Debug)]
pub(super) struct Relay {
    bus: Bus,
    queue: mpsc::Sender<Pending>,
    taken: Mutex<mpsc::Receiver<Pending>>,
}

impl Relay {
    pub(super) fn new(bus: Bus) -> Self {
        let (queue, taken) = mpsc::channel(QUEUE);
        Self {
            bus,
            queue,
            taken: Mutex::new(taken),
        }
    }

    /// Queues an entry that was just appended. When the queue is full, the sweep finds it.
    pub(super) fn offer(&self, pending: Pending) {
        let _ = self.queue.try_send(pending);
    }
}

impl Log {
    /// Publishes what is appended here.
    pub(super) async fn publish_until(self, stop: CancellationToken) {
        let mut taken = self.0.relay.taken.lock().await;
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let count = stop
                .run_until_cancelled(taken.recv_many(&mut batch, BATCH))
                .await;
            if count.is_none() {
                // What was appended before the end is still published; the rest is in the log.
                while batch.len() < QUEUE
                    && let Ok(pending) = taken.try_recv()
                {
                    batch.push(pending);
                }
            }
            self.publish(&batch).await;
            batch.clear();
            if count.unwrap_or_default() == 0 {
                return;
            }
        }
    }

    /// Publishes what was left behind.
    pub(super) async fn sweep_until(self, stop: CancellationToken) {
        // Whatever is there at the start was left by an instance that ended: no need to wait.
        let mut before = self.0.clock.now();
        let mut failing = false;
        while !stop.is_cancelled() {
            match self.sweep(before).await {
                Ok(published) if i64::try_from(published).unwrap_or(SWEPT) == SWEPT => continue,
                Ok(_) => failing = false,
                Err(error) if !failing => {
                    tracing::warn!(%error, "what a crash left cannot be looked for");
                    failing = true;
                }
                Err(_) => {}
            }
            stop.run_until_cancelled(tokio::time::sleep(SWEEP_EVERY))
                .await;
            before = self.0.clock.now() - LEFT_AFTER;
        }
    }

    /// Publishes events that wait since before `before`; answers how many were published.
    async fn sweep(&self, before: DateTime<Utc>) -> Result<usize, super::Error> {
        let left = self.0.store.pending(before, SWEPT).await?;
        let waiting = self.0.store.count_pending().await?;
        let oldest = left.first().map_or(0.0, |oldest| {
            (self.0.clock.now() - oldest.event.time)
                .as_seconds_f64()
                .max(0.0)
        });
        metrics::OUTBOX_PENDING
            .with_label_values(&["chat"])
            .set(i64::try_from(waiting).unwrap_or(i64::MAX));
        metrics::OUTBOX_OLDEST
            .with_label_values(&["chat"])
            .set(oldest);
        for pending in &left {
            // Whoever appended it may have died before anybody heard of it.
            self.0.hub.publish(pending.place, pending.entry.clone());
        }
        Ok(self.publish(&left).await)
    }

    /// Publishes events and moves the projections, then notes that it is done; answers for how many.
    async fn publish(&self, batch: &[Pending]) -> usize {
        if batch.is_empty() {
            return 0;
        }
        let events: Vec<Event> = batch.iter().map(|pending| pending.event.clone()).collect();
        let mut heads: HashMap<Place, Head> = HashMap::new();
        for Pending { place, head, .. } in batch {
            let highest = heads.entry(*place).or_insert_with(|| head.clone());
            if highest.seq < head.seq {
                highest.clone_from(head);
            }
        }
        let project = heads.into_iter().map(|(place, head)| async move {
            (place, self.0.store.project(place, &head).await.is_ok())
        });
        let project = future::join_all(project);
        // Open while they are published: each belongs to the trace that made the event.
        let spans: Vec<Span> = events.iter().map(span).collect();
        let publish = self.0.relay.bus.publish_all(&events);
        let (published, projected) = future::join(publish, project).await;
        drop(spans);
        let projected: HashMap<Place, bool> = projected.into_iter().collect();
        let mut done = Vec::with_capacity(batch.len());
        for (pending, result) in batch.iter().zip(published) {
            match result {
                Ok(()) if projected.get(&pending.place) == Some(&true) => {
                    done.push(self.0.store.settle(pending.place, pending.entry.seq));
                }
                Ok(()) => {}
                Err(error) => {
                    tracing::debug!(%error, event = %pending.event.id, "the event waits in the log")
                }
            }
        }
        future::join_all(done)
            .await
            .iter()
            .filter(|result| result.is_ok())
            .count()
    }
}

fn span(event: &Event) -> Span {
    let span = tracing::info_span!(
        parent: None,
        "chat.events.publish",
        otel.kind = "producer",
        messaging.message.id = %event.id,
        messaging.routing_key = event.r#type,
    );
    if let Some(traceparent) = &event.traceparent {
        common::telemetry::set_parent_from_traceparent(&span, traceparent);
    }
    span
}
