//! The relay: from the log to the bus and to the projections.
//!
//! An entry carries its event until the broker has confirmed it and everything that follows from the
//! entry stands: the channel as MongoDB and PostgreSQL have it, and the message that an edit changes.
//! Publishing begins at once after the insert; what a crash or an outage left is swept up, by any number
//! of instances. An event that two of them publish has the same id both times.

use std::{
    collections::{HashMap, HashSet},
    num::NonZeroUsize,
    sync::{Mutex as SyncMutex, MutexGuard, PoisonError},
    time::Duration,
};

use bus::{Bus, Event};
use chat_api::EntryKind;
use chrono::{DateTime, Utc};
use futures::future;
use ids::EventId;
use lru::LruCache;
use sqlx::PgPool;
use tokio::{
    sync::{Mutex, mpsc},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tracing::Span;

use super::{
    Head, Log,
    documents::{Pending, Stored},
    entry::Place,
    sealing,
};
use crate::inbox::project;

/// Entries that may wait for the broker in memory; the sweep finds the others.
const QUEUE: usize = 1024;
const BATCH: usize = 64;
/// How often what a crash left is looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(2);
/// An event that waits for so long was left behind: publishing at once takes milliseconds.
const LEFT_AFTER: chrono::Duration = chrono::Duration::seconds(3);
const SWEPT: i64 = 100;
/// The inbox has this long for a batch: publishing must not wait for PostgreSQL.
const INBOX_WITHIN: Duration = Duration::from_secs(2);
/// After PostgreSQL failed it is left alone for so long; the sweep brings what it missed.
const INBOX_PAUSE: Duration = Duration::from_secs(3);
/// Channels that are moved forward in PostgreSQL at a time.
const AT_ONCE: usize = 8;
/// Events that are remembered as published while something else of their entry does not stand yet.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(65_536).expect("not zero");

/// The queue in front of the relay.
#[derive(Debug)]
pub(super) struct Relay {
    bus: Bus,
    pool: PgPool,
    queue: mpsc::Sender<Pending>,
    taken: Mutex<mpsc::Receiver<Pending>>,
    published: SyncMutex<LruCache<EventId, ()>>,
    /// Before this time PostgreSQL is left alone.
    inbox_from: SyncMutex<Option<Instant>>,
}

impl Relay {
    pub(super) fn new(bus: Bus, pool: PgPool) -> Self {
        let (queue, taken) = mpsc::channel(QUEUE);
        Self {
            bus,
            pool,
            queue,
            taken: Mutex::new(taken),
            published: SyncMutex::new(LruCache::new(REMEMBERED)),
            inbox_from: SyncMutex::default(),
        }
    }

    /// Whether this instance has published the event, and something else of its entry waits.
    fn was_published(&self, event: &Event) -> bool {
        self.remembered().contains(&event.id)
    }

    /// Whether PostgreSQL failed a moment ago.
    fn is_inbox_away(&self) -> bool {
        let from = self
            .inbox_from
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        from.is_some_and(|from| Instant::now() < from)
    }

    fn leave_inbox_alone(&self) {
        let from = Instant::now() + INBOX_PAUSE;
        *self
            .inbox_from
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(from);
    }

    fn remembered(&self) -> MutexGuard<'_, LruCache<EventId, ()>> {
        self.published
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
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
        // The outbox in PostgreSQL goes by the name of the schema.
        let waiting = i64::try_from(waiting).unwrap_or(i64::MAX);
        outbox::report("chat_log", waiting, oldest);
        let mut opened = Vec::with_capacity(left.len());
        for pending in left {
            let known = self.0.relay.was_published(&pending.event);
            let pending = self.with_body(pending).await;
            // Whoever appended it may have died before anybody heard of it. What cannot be opened now
            // is read from the log by those who miss it.
            if !known && (pending.sealed.is_none() || pending.entry.body.is_some()) {
                self.0.hub.publish(pending.place, pending.entry.clone());
            }
            opened.push(pending);
        }
        Ok(self.publish(&opened).await)
    }

    /// What was left behind, with its body where that can be opened.
    async fn with_body(&self, pending: Pending) -> Pending {
        let Some(sealed) = pending.sealed.clone() else {
            return pending;
        };
        let stored = Stored {
            entry: pending.entry.clone(),
            sealed: Some((sealed, pending.entry.seq)),
        };
        match sealing::open(&self.0.vault, pending.place, stored).await {
            Ok(entry) => Pending { entry, ..pending },
            Err(error) => {
                tracing::debug!(%error, "an entry that was left behind cannot be opened now");
                pending
            }
        }
    }

    /// Publishes events and moves the projections, then notes that it is done; answers for how many.
    async fn publish(&self, batch: &[Pending]) -> usize {
        if batch.is_empty() {
            return 0;
        }
        let fresh: Vec<&Pending> = batch
            .iter()
            .filter(|pending| !self.0.relay.was_published(&pending.event))
            .collect();
        let events: Vec<Event> = fresh.iter().map(|pending| pending.event.clone()).collect();
        let mut heads: HashMap<Place, Head> = HashMap::new();
        for Pending { place, head, .. } in batch {
            let highest = heads.entry(*place).or_insert_with(|| head.clone());
            if highest.seq < head.seq {
                highest.clone_from(head);
            }
        }
        // Open while they are published: each belongs to the trace that made the event.
        let spans: Vec<Span> = events.iter().map(span).collect();
        let publish = self.0.relay.bus.publish_all(&events);
        let (published, projected, listed) =
            future::join3(publish, self.project(&heads), self.list(&heads, batch)).await;
        drop(spans);
        for (pending, result) in fresh.iter().zip(published) {
            match result {
                Ok(()) => {
                    self.0.relay.remembered().put(pending.event.id, ());
                }
                Err(error) => {
                    tracing::debug!(%error, event = %pending.event.id, "the event waits in the log");
                }
            }
        }
        let (projected, listed) = (&projected, &listed);
        let settle = batch.iter().map(|pending| async move {
            let stands = projected.contains(&pending.place)
                && listed.contains(&pending.place)
                && self.0.relay.was_published(&pending.event);
            stands && self.settle(pending).await
        });
        let settled = future::join_all(settle).await;
        settled.into_iter().filter(|done| *done).count()
    }

    /// Ends the waiting of an entry, once what it changes is changed; answers whether it did.
    async fn settle(&self, pending: &Pending) -> bool {
        let Pending {
            place,
            entry,
            sealed,
            event,
            ..
        } = pending;
        let store = &self.0.store;
        if store.apply(*place, entry, sealed.as_ref()).await.is_err() {
            return false;
        }
        let settled = store.settle(*place, entry.seq).await.is_ok();
        if settled {
            self.0.relay.remembered().pop(&event.id);
        }
        settled
    }

    /// Moves the channels forward in MongoDB; answers those that stand.
    async fn project(&self, heads: &HashMap<Place, Head>) -> HashSet<Place> {
        let project = heads.iter().map(|(place, head)| async move {
            let done = self.0.store.project(*place, head).await;
            done.is_ok().then_some(*place)
        });
        let projected = future::join_all(project).await;
        projected.into_iter().flatten().collect()
    }

    /// Moves the channels forward in PostgreSQL; answers those that stand.
    async fn list(&self, heads: &HashMap<Place, Head>, batch: &[Pending]) -> HashSet<Place> {
        if self.0.relay.is_inbox_away() {
            return HashSet::new();
        }
        match tokio::time::timeout(INBOX_WITHIN, self.list_now(heads, batch)).await {
            Ok(Ok(listed)) => return listed,
            Ok(Err(error)) => tracing::debug!(%error, "the inbox stays behind for now"),
            Err(_) => tracing::debug!("the inbox stays behind for now: no answer in time"),
        }
        self.0.relay.leave_inbox_alone();
        HashSet::new()
    }

    async fn list_now(
        &self,
        heads: &HashMap<Place, Head>,
        batch: &[Pending],
    ) -> sqlx::Result<HashSet<Place>> {
        let pool = &self.0.relay.pool;
        let mut behind: HashSet<Place> = HashSet::new();
        for some in batch.chunks(AT_ONCE) {
            let noted = future::join_all(some.iter().map(|pending| mention(pool, pending))).await;
            for (pending, noted) in some.iter().zip(noted) {
                if !noted? {
                    behind.insert(pending.place);
                }
            }
        }
        let heads: Vec<(&Place, &Head)> = heads.iter().collect();
        let mut listed = HashSet::with_capacity(heads.len());
        for some in heads.chunks(AT_ONCE) {
            let moves = some
                .iter()
                .map(|(place, head)| project::project(pool, **place, head));
            for ((place, _), moved) in some.iter().zip(future::join_all(moves).await) {
                match moved {
                    Ok(true) => self.0.hub.changed(**place),
                    Ok(false) => {}
                    Err(error) => {
                        if !stands(Err(error))? {
                            behind.insert(**place);
                        }
                    }
                }
                if !behind.contains(*place) {
                    listed.insert(**place);
                }
            }
        }
        Ok(listed)
    }
}

/// Notes what an entry is to the inbox beside the state after it: unread messages, and whom a note calls.
/// Answers whether it stands.
async fn mention(pool: &PgPool, pending: &Pending) -> sqlx::Result<bool> {
    let Pending {
        place,
        entry,
        sealed,
        ..
    } = pending;
    if entry.kind == EntryKind::Note && entry.body.is_none() && sealed.is_some() {
        // Whom it calls is not known before it opens.
        return Ok(false);
    }
    stands(project::mention(pool, *place, entry).await)
}

/// Whether PostgreSQL took it. A row that it refuses must not keep the others behind; an error is that
/// it is not there.
fn stands(result: sqlx::Result<()>) -> sqlx::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.as_database_error().is_some() => {
            tracing::error!(%error, "the inbox cannot show an entry");
            Ok(false)
        }
        Err(error) => Err(error),
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
