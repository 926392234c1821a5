//! Live delivery: from the log, and from what is in no log, to the sockets of this instance.
//!
//! What this instance appends is delivered here at once and told to the others through Redis. Those are
//! hints: each room keeps its place in the log, and where a hint is missing the log is read. So without
//! Redis everything still arrives, later.

mod desk;
mod frames;
mod hints;
mod outbox;
mod room;
mod stream;
mod viewers;

#[cfg(test)]
mod audience_tests;
#[cfg(test)]
mod room_tests;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::extract::ws::Utf8Bytes;
use chat_api::{Entry, QueuePlace, socket::ServerFrame};
use ids::{EventId, TurnId};
use stores::redis::Redis;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

pub use desk::Watching;
pub use frames::encode;
pub use outbox::{Close, Outbox};
pub use room::{Audience, Begun, Room, Standing, Stop, Viewing};
pub use stream::{Delta, Origin, utf16};

use self::{desk::Desks, hints::Hints};
use crate::{log::Place, metrics};

/// The rooms of this instance. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Hub(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    origin: Origin,
    rooms: Mutex<HashMap<Place, Slot>>,
    hints: Hints,
    /// Rooms that miss something, for whoever reads the log.
    behind: mpsc::UnboundedSender<Place>,
    desks: Desks,
    next_socket: AtomicU64,
}

#[derive(Debug)]
struct Slot {
    room: Arc<Room>,
    members: usize,
}

/// Somebody's stay in a room; leaving is dropping it.
#[derive(Debug)]
pub struct Member {
    hub: Hub,
    /// The room.
    pub room: Arc<Room>,
}

/// The rooms that miss something, in the order in which that was found out.
pub type Behind = mpsc::UnboundedReceiver<Place>;

impl Hub {
    /// A hub that tells and hears other instances through `redis` until `stop`.
    #[must_use]
    pub fn start(redis: Redis, stop: CancellationToken) -> (Self, Behind) {
        let (behind, found) = mpsc::unbounded_channel();
        let (hints, worker) = hints::new(redis);
        let hub = Self(Arc::new(Inner {
            // Not an id of anything that is stored: it only tells our own hints from the others'.
            origin: Origin(EventId::new().as_uuid().as_u128()),
            rooms: Mutex::default(),
            hints,
            behind,
            desks: Desks::new(),
            next_socket: AtomicU64::new(1),
        }));
        let renew = hub.clone().renew_until(stop.clone());
        tokio::spawn(renew);
        worker.start(&hub, stop);
        (hub, found)
    }

    /// This instance, as its pieces of answers name it.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.0.origin
    }

    /// A name for a socket, unique on this instance.
    #[must_use]
    pub fn next_socket(&self) -> u64 {
        self.0.next_socket.fetch_add(1, Ordering::Relaxed)
    }

    /// Enters a room. When it returns, everything that other instances tell from now on is heard here,
    /// unless Redis is down.
    pub async fn join(&self, place: Place) -> Member {
        let (room, confirmed) = {
            let mut rooms = self.rooms();
            let slot = rooms.entry(place).or_insert_with(|| Slot {
                room: Arc::new(Room::new(place)),
                members: 0,
            });
            slot.members += 1;
            let room = slot.room.clone();
            let confirmed =
                (!room.followed.load(Ordering::Acquire)).then(|| self.0.hints.follow(room.clone()));
            (room, confirmed)
        };
        let member = Member {
            hub: self.clone(),
            room,
        };
        if let Some(confirmed) = confirmed {
            // An error means that nobody listens to Redis any more: the service stops.
            let _ = confirmed.await;
        }
        member
    }

    /// The room, when somebody is in it.
    fn room(&self, place: Place) -> Option<Arc<Room>> {
        self.rooms().get(&place).map(|slot| slot.room.clone())
    }

    /// Every room with the last entry that was delivered in it.
    #[must_use]
    pub fn heads(&self) -> Vec<(Place, i64)> {
        let rooms: Vec<Arc<Room>> = self
            .rooms()
            .values()
            .map(|slot| slot.room.clone())
            .collect();
        rooms
            .iter()
            .filter_map(|room| Some((room.place, room.head()?)))
            .collect()
    }

    /// Delivers an entry that is in the log, here and on the other instances.
    pub fn publish(&self, place: Place, entry: Entry) {
        let placed = frames::placed(entry);
        self.0.hints.tell(self.0.origin, place, &placed.frame);
        if let Some(room) = self.room(place) {
            self.arrived(&room, placed);
        }
    }

    /// Delivers an entry that was read from the log, here only.
    pub fn deliver(&self, room: &Room, entry: Entry) {
        self.arrived(room, frames::placed(entry));
    }

    /// Begins a reply in a room, in place of the one that is under way; none when a later attempt was
    /// seen.
    #[must_use]
    pub fn begin_reply(
        &self,
        room: &Room,
        turn: TurnId,
        epoch: i64,
        owner_version: i64,
    ) -> Option<Begun> {
        let begun = room.begin_reply(turn, epoch, owner_version)?;
        // Before the new one says anything, because it may be the same turn once more.
        if let Some((turn, epoch)) = begun.aborted {
            self.abort(room, turn, epoch);
        }
        Some(begun)
    }

    /// Sends a piece of an answer that this instance takes.
    pub fn delta(&self, room: &Room, delta: &Delta) {
        let frame = frames::delta(room.place.channel, delta);
        self.0.hints.tell(self.0.origin, room.place, &frame);
        metrics::delivered("delta", room.delta(delta, || frame));
    }

    /// Tells that an answer of this instance broke off.
    pub fn abort(&self, room: &Room, turn: TurnId, epoch: i64) {
        let frame = frames::aborted(room.place.channel, turn, epoch);
        self.0.hints.tell(self.0.origin, room.place, &frame);
        metrics::delivered("aborted", room.abort(turn, epoch, self.0.origin));
    }

    /// Sends what is in no log to everybody in the room but `except`.
    pub fn hint(&self, room: &Room, frame: &ServerFrame, except: u64) {
        let frame = encode(frame);
        self.0.hints.tell(self.0.origin, room.place, &frame);
        metrics::delivered("hint", room.hint(&frame, Some(except)));
    }

    /// Tells the visitor of a channel where they stand in the queue.
    pub fn queue(&self, place: Place, stands: QueuePlace) {
        let frame = encode(&ServerFrame::Queue {
            channel: place.channel,
            place: stands,
        });
        self.0.hints.tell(self.0.origin, place, &frame);
        if let Some(room) = self.room(place) {
            metrics::delivered("queue", room.hint_to(&frame, Audience::Visitor));
        }
    }

    /// Asks for the log to be read for this room.
    pub fn read_on(&self, room: &Room) {
        if !room.asked.swap(true, Ordering::AcqRel) {
            // A closed queue means that the service stops.
            let _ = self.0.behind.send(room.place);
        }
    }

    /// As [`Hub::read_on`], for a room that may be empty by now.
    pub fn read_on_in(&self, place: Place) {
        if let Some(room) = self.room(place) {
            self.read_on(&room);
        }
    }

    /// The room whose log is to be read now; it may be asked for again from here on.
    #[must_use]
    pub fn reading(&self, place: Place) -> Option<Arc<Room>> {
        let room = self.room(place)?;
        room.asked.store(false, Ordering::Release);
        Some(room)
    }

    /// Asks for the log to be read for every room: hints may have been missed.
    fn read_all(&self) {
        let rooms: Vec<Arc<Room>> = self
            .rooms()
            .values()
            .map(|slot| slot.room.clone())
            .collect();
        for room in rooms {
            self.read_on(&room);
        }
    }

    fn arrived(&self, room: &Room, placed: room::Placed) {
        let arrival = room.entry(placed);
        metrics::delivered("entry", arrival.delivered);
        if arrival.gap {
            metrics::GAPS.inc();
            self.read_on(room);
        }
    }

    /// Takes what another instance tells.
    fn heard(&self, origin: Origin, place: Place, text: &str) {
        if origin == self.0.origin {
            return;
        }
        let Some(room) = self.room(place) else { return };
        let Ok(frame) = serde_json::from_str::<ServerFrame>(text) else {
            tracing::warn!(channel = %place.channel, "a hint of another instance cannot be read");
            return;
        };
        let text = || Utf8Bytes::from(text);
        match frame {
            ServerFrame::Message(entry)
            | ServerFrame::Note(entry)
            | ServerFrame::State(entry)
            | ServerFrame::Edit(entry)
            | ServerFrame::Delete(entry)
            | ServerFrame::Reaction(entry)
            | ServerFrame::Change(entry) => {
                let (seq, owner, turn) = (entry.seq, entry.owner, entry.turn_id);
                self.arrived(
                    &room,
                    room::Placed {
                        seq,
                        private: entry.private,
                        owner,
                        turn,
                        frame: text(),
                    },
                );
            }
            ServerFrame::MessageDelta {
                turn_id: turn,
                epoch,
                owner_version,
                offset,
                delta,
                ..
            } => {
                let delta = Delta {
                    turn,
                    epoch,
                    owner_version,
                    offset,
                    text: delta,
                    origin,
                };
                metrics::delivered("delta", room.delta(&delta, text));
            }
            ServerFrame::MessageAborted { turn_id, epoch, .. } => {
                metrics::delivered("aborted", room.abort(turn_id, epoch, origin));
            }
            ServerFrame::Typing { .. } | ServerFrame::Read { .. } => {
                metrics::delivered("hint", room.hint(&text(), None));
            }
            ServerFrame::Queue { .. } => {
                metrics::delivered("queue", room.hint_to(&text(), Audience::Visitor));
            }
            _ => {}
        }
    }

    fn rooms(&self) -> MutexGuard<'_, HashMap<Place, Slot>> {
        self.0.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Member {
    /// Takes a socket out of the room; the person behind it is not there any more.
    pub fn unsubscribe(&self, socket: u64) {
        self.room.unsubscribe(socket);
        self.hub.left(&self.room, socket);
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let place = self.room.place;
        let mut rooms = self.hub.rooms();
        if let Some(slot) = rooms.get_mut(&place) {
            slot.members -= 1;
            if slot.members == 0 {
                rooms.remove(&place);
                // Under the lock, so that it cannot overtake the next stay's following.
                self.hub.0.hints.unfollow(self.room.clone());
            }
        }
    }
}

/// Tells when something was confirmed.
type Confirmed = oneshot::Receiver<()>;
