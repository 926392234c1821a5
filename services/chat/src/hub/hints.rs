//! Redis pub/sub: what instances tell each other, as hints that may be lost.
//!
//! One message is a line that names the sender and the workspace, and the frame as sockets get it, so
//! that a receiver forwards the text as it is. What no socket gets as it is has a third word in that
//! line. Each channel has a name in Redis, and so has the inbox of each workspace.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::extract::ws::Utf8Bytes;
use futures::StreamExt;
use ids::{ChannelId, WorkspaceId};
use redis::{
    Msg, RedisResult,
    aio::{MultiplexedConnection, PubSubSink},
};
use stores::redis::Redis;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{Confirmed, Hub, Origin, Room};
use crate::{log::Place, metrics};

/// What all names in Redis begin with.
const PREFIX: &str = "chat:";
/// What the names of inboxes begin with.
const INBOX: &str = "chat:inbox:";
/// The third word of what instances tell each other of people who look at a channel.
const ASIDE: &str = "aside";
/// Hints that may wait for Redis; more are dropped.
const QUEUE: usize = 4096;
/// Hints that go to Redis in one round trip.
const BATCH: usize = 128;
/// Channels that one command subscribes.
const CHUNK: usize = 256;
/// An answer of Redis that takes longer counts as none.
const WITHIN: Duration = Duration::from_secs(2);
/// A connection that is silent for so long is asked whether it lives.
const LOOK_EVERY: Duration = Duration::from_secs(5);
const RECONNECT_AFTER: Duration = Duration::from_millis(500);

/// The way to the other instances.
#[derive(Debug)]
pub(super) struct Hints {
    told: mpsc::Sender<Told>,
    wanted: mpsc::UnboundedSender<Wish>,
}

/// A name in Redis, and what is published under it.
type Told = (String, String);

#[derive(Debug)]
enum Wish {
    Follow(Arc<Room>, oneshot::Sender<()>),
    Unfollow(Arc<Room>),
    Watch(WorkspaceId),
    Unwatch(WorkspaceId),
}

/// What does the work behind [`Hints`].
pub(super) struct Worker {
    redis: Redis,
    told: mpsc::Receiver<Told>,
    wanted: mpsc::UnboundedReceiver<Wish>,
}

pub(super) fn new(redis: Redis) -> (Hints, Worker) {
    let (told, queue) = mpsc::channel(QUEUE);
    let (wanted, wishes) = mpsc::unbounded_channel();
    (
        Hints { told, wanted },
        Worker {
            redis,
            told: queue,
            wanted: wishes,
        },
    )
}

impl Hints {
    /// Tells the other instances, if Redis keeps up.
    pub(super) fn tell(&self, origin: Origin, place: Place, frame: &Utf8Bytes) {
        let text = format!("{:032x} {}\n{}", origin.0, place.workspace, frame.as_str());
        self.publish(name(place.channel), text);
    }

    /// Tells the other instances what no socket gets as it is.
    pub(super) fn tell_aside(&self, origin: Origin, place: Place, text: &str) {
        let text = format!("{:032x} {} {ASIDE}\n{text}", origin.0, place.workspace);
        self.publish(name(place.channel), text);
    }

    /// Tells the other instances that the inbox shows a channel differently.
    pub(super) fn tell_change(&self, origin: Origin, place: Place) {
        let text = format!("{:032x} {}\n{}", origin.0, place.workspace, place.channel);
        self.publish(inbox(place.workspace), text);
    }

    fn publish(&self, name: String, text: String) {
        if self.told.try_send((name, text)).is_err() {
            metrics::HINTS.with_label_values(&["dropped"]).inc();
        }
    }

    /// Hears what others tell about the inbox of a workspace.
    pub(super) fn watch(&self, workspace: WorkspaceId) {
        let _ = self.wanted.send(Wish::Watch(workspace));
    }

    /// Hears of the inbox of a workspace no more.
    pub(super) fn unwatch(&self, workspace: WorkspaceId) {
        let _ = self.wanted.send(Wish::Unwatch(workspace));
    }

    /// Hears what others tell about a channel; confirmed at once while Redis is down.
    pub(super) fn follow(&self, room: Arc<Room>) -> Confirmed {
        let (confirm, confirmed) = oneshot::channel();
        let _ = self.wanted.send(Wish::Follow(room, confirm));
        confirmed
    }

    /// Hears of a channel no more.
    pub(super) fn unfollow(&self, room: Arc<Room>) {
        let _ = self.wanted.send(Wish::Unfollow(room));
    }
}

impl Worker {
    pub(super) fn start(self, hub: &Hub, stop: CancellationToken) {
        let Self {
            redis,
            told,
            wanted,
        } = self;
        let teller = tell(redis.clone(), told);
        let token = stop.clone();
        tokio::spawn(async move { token.run_until_cancelled(teller).await });
        let listener = Listener {
            redis,
            hub: hub.clone(),
            followed: HashMap::new(),
            watched: HashSet::new(),
        };
        tokio::spawn(async move { stop.run_until_cancelled(listener.run(wanted)).await });
    }
}

/// Publishes what is told, many at a time.
async fn tell(redis: Redis, mut told: mpsc::Receiver<Told>) {
    let mut connection: Option<MultiplexedConnection> = None;
    let mut batch = Vec::with_capacity(BATCH);
    while told.recv_many(&mut batch, BATCH).await > 0 {
        let mut pipe = redis::pipe();
        for (name, text) in &batch {
            pipe.publish(name, text).ignore();
        }
        let sent = within(async {
            let mut open = match connection.take() {
                Some(open) => open,
                None => redis.dedicated().await?,
            };
            pipe.query_async::<()>(&mut open).await?;
            Ok(open)
        });
        let outcome = match sent.await {
            Ok(open) => {
                connection = Some(open);
                "told"
            }
            // They are hints: the others read the log within seconds.
            Err(_) => "lost",
        };
        metrics::HINTS
            .with_label_values(&[outcome])
            .inc_by(batch.len() as u64);
        batch.clear();
    }
}

/// Hears what the other instances tell, on a connection that is made anew whenever it breaks.
struct Listener {
    redis: Redis,
    hub: Hub,
    /// The rooms that somebody here is in.
    followed: HashMap<Place, Arc<Room>>,
    /// The workspaces whose inbox somebody here watches.
    watched: HashSet<WorkspaceId>,
}

/// What became of a wish.
enum Noted {
    /// A room was entered, and somebody waits to hear so.
    Entered(Arc<Room>, oneshot::Sender<()>),
    /// The inbox of a workspace is watched.
    Watched(WorkspaceId),
    /// Something is wanted no more.
    Left(Topic),
}

/// What can be heard of.
#[derive(Debug, Clone, Copy)]
enum Topic {
    Channel(Place),
    Inbox(WorkspaceId),
}

impl Listener {
    async fn run(mut self, mut wanted: mpsc::UnboundedReceiver<Wish>) {
        loop {
            match self.session(&mut wanted).await {
                Ok(()) => return,
                Err(error) => {
                    tracing::debug!(%error, "redis is not there; entries come from the log")
                }
            }
            for room in self.followed.values() {
                room.followed.store(false, Ordering::Release);
            }
            let pause = tokio::time::sleep(RECONNECT_AFTER);
            tokio::pin!(pause);
            loop {
                tokio::select! {
                    () = &mut pause => break,
                    wish = wanted.recv() => match wish {
                        // Nobody waits for Redis: what is missed is read from the log.
                        Some(wish) => drop(self.note(wish)),
                        None => return,
                    },
                }
            }
        }
    }

    /// Listens on one connection until it breaks; ends well only when nobody is left to listen for.
    async fn session(&mut self, wanted: &mut mpsc::UnboundedReceiver<Wish>) -> RedisResult<()> {
        let (mut sink, mut messages) = self.redis.pubsub().await?.split();
        let inboxes: Vec<String> = self.watched.iter().copied().map(inbox).collect();
        for names in inboxes.chunks(CHUNK) {
            within(sink.subscribe(&names.to_vec())).await?;
        }
        let rooms: Vec<Arc<Room>> = self.followed.values().cloned().collect();
        for rooms in rooms.chunks(CHUNK) {
            let names: Vec<String> = rooms.iter().map(|room| name(room.place.channel)).collect();
            within(sink.subscribe(&names)).await?;
            rooms
                .iter()
                .for_each(|room| room.followed.store(true, Ordering::Release));
        }
        tracing::info!(rooms = rooms.len(), "hearing the other instances");
        // What was told while nobody listened is in the log.
        self.hub.read_all();
        let mut look = tokio::time::interval(LOOK_EVERY);
        let mut wishes = Vec::with_capacity(CHUNK);
        loop {
            tokio::select! {
                count = wanted.recv_many(&mut wishes, CHUNK) => {
                    if count == 0 {
                        return Ok(());
                    }
                    self.apply(&mut sink, &mut wishes).await?;
                }
                message = messages.next() => match message {
                    Some(message) => self.heard(&message),
                    None => return Err((redis::ErrorKind::Io, "the connection ended").into()),
                },
                // Without this, a peer that vanished without a word would be waited for.
                _ = look.tick() => within(sink.ping::<redis::Value>()).await.map(drop)?,
            }
        }
    }

    async fn apply(&mut self, sink: &mut PubSubSink, wishes: &mut Vec<Wish>) -> RedisResult<()> {
        let (mut names, mut entered, mut left) = (Vec::new(), Vec::new(), Vec::new());
        for wish in wishes.drain(..) {
            match self.note(wish) {
                Noted::Entered(room, confirm) => {
                    names.push(name(room.place.channel));
                    entered.push((room, confirm));
                }
                Noted::Watched(workspace) => names.push(inbox(workspace)),
                Noted::Left(topic) => left.push(topic),
            }
        }
        // What was left and entered again within one batch stays.
        left.retain(|topic| !self.wants(*topic));
        if !left.is_empty() {
            let names: Vec<String> = left.iter().map(|topic| topic.name()).collect();
            within(sink.unsubscribe(&names)).await?;
        }
        if !names.is_empty() {
            within(sink.subscribe(&names)).await?;
        }
        for (room, confirm) in entered {
            room.followed.store(true, Ordering::Release);
            // Whoever asked may have gone away meanwhile.
            let _ = confirm.send(());
        }
        Ok(())
    }

    /// Keeps in mind what is wanted.
    fn note(&mut self, wish: Wish) -> Noted {
        match wish {
            Wish::Follow(room, confirm) => {
                self.followed.insert(room.place, room.clone());
                Noted::Entered(room, confirm)
            }
            Wish::Unfollow(room) => {
                if self
                    .followed
                    .get(&room.place)
                    .is_some_and(|kept| Arc::ptr_eq(kept, &room))
                {
                    self.followed.remove(&room.place);
                }
                Noted::Left(Topic::Channel(room.place))
            }
            Wish::Watch(workspace) => {
                self.watched.insert(workspace);
                Noted::Watched(workspace)
            }
            Wish::Unwatch(workspace) => {
                self.watched.remove(&workspace);
                Noted::Left(Topic::Inbox(workspace))
            }
        }
    }

    fn wants(&self, topic: Topic) -> bool {
        match topic {
            Topic::Channel(place) => self.followed.contains_key(&place),
            Topic::Inbox(workspace) => self.watched.contains(&workspace),
        }
    }

    fn heard(&self, message: &Msg) {
        let payload = message.get_payload::<String>().ok();
        if payload
            .and_then(|text| self.pass_on(message.get_channel_name(), &text))
            .is_none()
        {
            tracing::warn!("a hint of another instance cannot be read");
        }
    }

    /// Passes on what was published under a name; none when it cannot be read.
    fn pass_on(&self, name: &str, payload: &str) -> Option<()> {
        let (line, text) = payload.split_once('\n')?;
        let mut words = line.split(' ');
        let origin = Origin(u128::from_str_radix(words.next()?, 16).ok()?);
        let workspace: WorkspaceId = words.next()?.parse().ok()?;
        if name.starts_with(INBOX) {
            let channel: ChannelId = text.parse().ok()?;
            self.hub.heard_change(origin, Place { workspace, channel });
            return Some(());
        }
        let channel: ChannelId = name.strip_prefix(PREFIX)?.parse().ok()?;
        let place = Place { workspace, channel };
        match words.next() {
            None => self.hub.heard(origin, place, text),
            Some(ASIDE) => self.hub.heard_aside(origin, place, text),
            // A later version tells more.
            Some(_) => {}
        }
        Some(())
    }
}

impl Topic {
    fn name(self) -> String {
        match self {
            Self::Channel(place) => name(place.channel),
            Self::Inbox(workspace) => inbox(workspace),
        }
    }
}

/// The Redis channel of a channel. Ids are unique over all workspaces; the workspace is in the message
/// too, so that even a copied id would reach nobody else.
fn name(channel: ChannelId) -> String {
    format!("{PREFIX}{channel}")
}

/// The Redis channel of the inbox of a workspace.
fn inbox(workspace: WorkspaceId) -> String {
    format!("{INBOX}{workspace}")
}

async fn within<T>(call: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    match tokio::time::timeout(WITHIN, call).await {
        Ok(result) => result,
        Err(_) => Err((redis::ErrorKind::Io, "no answer in time").into()),
    }
}
