//! One channel on one instance: the sockets that follow it, and how far they have come.
//!
//! The room has one cursor. An entry is delivered when it is the next one; one that comes early waits
//! until what lies before it has been read. So every socket gets each entry once and in order, and
//! what was written under an owner never follows the `state` frame of the next one. Everything happens
//! under one lock, and nothing in here waits.

mod presence;
mod replying;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicBool},
};

use axum::extract::ws::Utf8Bytes;
use chat_api::OwnerState;
use ids::{ChannelId, TurnId};

pub(super) use presence::Seen;
pub use presence::Viewing;
pub use replying::{Begun, Stop};

use self::{presence::Presence, replying::Replying};
use super::{
    frames,
    outbox::Outbox,
    stream::{Delta, Origin, Streams},
};
use crate::log::{Head, Place};

/// Early entries that are kept; more than that are read again.
const EARLY: usize = 256;

/// Whom a socket belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// People of the company, who see everything.
    People,
    /// The visitor, who sees nothing private.
    Visitor,
}

/// An entry, encoded once for all its receivers.
#[derive(Debug, Clone)]
pub struct Placed {
    /// Its place.
    pub seq: i64,
    /// Whether only people of the company get it.
    pub private: bool,
    /// The new owner, when it changes it.
    pub owner: Option<OwnerState>,
    /// The turn that it ends.
    pub turn: Option<TurnId>,
    /// The frame.
    pub frame: Utf8Bytes,
}

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Frames that went to sockets.
    pub delivered: u64,
    /// Whether something before an entry is missing here: the log must be read.
    pub gap: bool,
}

/// How a socket that has read up to an entry stands to the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It gets what comes from now on.
    Live,
    /// It has more to read first.
    Behind,
}

/// One channel on this instance.
#[derive(Debug)]
pub struct Room {
    /// Which channel.
    pub place: Place,
    /// Whether Redis has confirmed that we hear what other instances tell about it.
    pub(super) followed: AtomicBool,
    /// Whether a reading of the log is asked for already.
    pub(super) asked: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    channel: ChannelId,
    /// The last entry that was delivered; none until somebody has read the log.
    head: Option<i64>,
    owner: (OwnerState, i64),
    early: BTreeMap<i64, Placed>,
    sockets: HashMap<u64, Follower>,
    streams: Streams,
    reply: Option<Replying>,
    replies: u64,
    presence: Presence,
}

/// A socket that follows the channel.
#[derive(Debug)]
struct Follower {
    outbox: Arc<Outbox>,
    audience: Audience,
    /// Nothing is delivered while the socket still reads what it missed.
    live: bool,
    last_seq: i64,
    owner_version: i64,
}

impl Room {
    pub(super) fn new(place: Place) -> Self {
        let state = State {
            channel: place.channel,
            head: None,
            owner: (OwnerState::Ai, 0),
            early: BTreeMap::new(),
            sockets: HashMap::new(),
            streams: Streams::default(),
            reply: None,
            replies: 0,
            presence: Presence::default(),
        };
        Self {
            place,
            followed: AtomicBool::new(false),
            asked: AtomicBool::new(false),
            state: Mutex::new(state),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last entry that was delivered here; none until the log was read.
    #[must_use]
    pub fn head(&self) -> Option<i64> {
        self.lock().head
    }

    /// Tells the room how far the log is; answers whether the room has something to read.
    pub fn observe(&self, head: &Head) -> bool {
        let mut state = self.lock();
        let known = *state.head.get_or_insert(head.seq);
        if state.owner.1 == 0 {
            state.owner = (head.owner, head.owner_version);
            state.owner_moved();
            // What came before anybody knew the head is put in its place now.
            state.early = state.early.split_off(&(head.seq + 1));
            state.drain();
        }
        known < head.seq || !state.early.is_empty()
    }

    /// Adds a socket, which gets nothing before [`Room::go_live`].
    pub fn subscribe(&self, socket: u64, outbox: Arc<Outbox>, audience: Audience) {
        let follower = Follower {
            outbox,
            audience,
            live: false,
            last_seq: 0,
            owner_version: 0,
        };
        self.lock().sockets.insert(socket, follower);
    }

    /// Takes a socket away.
    pub fn unsubscribe(&self, socket: u64) {
        self.lock().sockets.remove(&socket);
    }

    /// Lets a socket that has everything up to `last_seq` hear what comes, if the room has come no
    /// further. A text that is being written is sent as far as it is.
    pub fn go_live(&self, socket: u64, last_seq: i64, owner_version: i64) -> Standing {
        let mut state = self.lock();
        if state.head.is_some_and(|head| head > last_seq) {
            return Standing::Behind;
        }
        let State {
            channel,
            sockets,
            streams,
            presence,
            ..
        } = &mut *state;
        if let Some(follower) = sockets.get_mut(&socket) {
            (follower.live, follower.last_seq, follower.owner_version) =
                (true, last_seq, owner_version);
            if let Some(stream) = streams.under(owner_version) {
                follower.outbox.push(&frames::so_far(*channel, stream));
            }
            if follower.audience == Audience::People && !presence.told().is_empty() {
                let frame = frames::presence(*channel, presence.told());
                follower.outbox.push(&frame);
            }
        }
        Standing::Live
    }

    /// Takes an entry: from here, from another instance, or from the log.
    pub fn entry(&self, entry: Placed) -> Arrival {
        let mut state = self.lock();
        match state.head {
            Some(head) if entry.seq <= head => Arrival {
                delivered: 0,
                gap: false,
            },
            Some(head) if entry.seq == head + 1 => {
                let delivered = state.place(&entry) + state.drain();
                Arrival {
                    delivered,
                    gap: !state.early.is_empty(),
                }
            }
            known => {
                if state.early.len() == EARLY {
                    state.early.pop_last();
                }
                state.early.insert(entry.seq, entry);
                Arrival {
                    delivered: 0,
                    gap: known.is_some(),
                }
            }
        }
    }

    /// Takes a piece of an answer; answers how many sockets got it. `encode` is asked only when there
    /// is somebody to send it to.
    pub fn delta(&self, delta: &Delta, encode: impl FnOnce() -> Utf8Bytes) -> u64 {
        let mut state = self.lock();
        let owner = state.owner;
        let shown = state.streams.take(delta, owner);
        if state
            .reply
            .as_ref()
            .is_some_and(|reply| reply.epoch < state.streams.epoch())
        {
            state.stop(Stop::Superseded);
        }
        if !shown || state.sockets.is_empty() {
            return 0;
        }
        let frame = encode();
        state.each(|follower| {
            // Under a newer owner than the socket knows of, it waits for the `state` frame; under an
            // older one it is void.
            let wanted = follower.owner_version == delta.owner_version;
            if wanted {
                follower.outbox.push(&frame);
            }
            wanted
        })
    }

    /// Forgets the text of a reply that broke off; answers how many sockets were told.
    pub fn abort(&self, turn: TurnId, epoch: i64, origin: Origin) -> u64 {
        let mut state = self.lock();
        if !state.streams.abort(turn, epoch, origin) {
            return 0;
        }
        let frame = frames::aborted(state.channel, turn, epoch);
        state.each(|follower| {
            follower.outbox.push(&frame);
            true
        })
    }

    /// Sends what is in no log to everybody but `except`; answers how many that are.
    pub fn hint(&self, frame: &Utf8Bytes, except: Option<u64>) -> u64 {
        let mut state = self.lock();
        let mut count = 0;
        for (socket, follower) in &mut state.sockets {
            if follower.live && Some(*socket) != except {
                follower.outbox.push(frame);
                count += 1;
            }
        }
        count
    }

    /// Sends what is in no log to everybody of an audience; answers how many that are.
    pub fn hint_to(&self, frame: &Utf8Bytes, audience: Audience) -> u64 {
        self.lock().each_of(audience, frame)
    }
}

impl State {
    /// Delivers the next entry; answers in how many frames.
    fn place(&mut self, entry: &Placed) -> u64 {
        self.head = Some(entry.seq);
        if let Some(owner) = entry.owner {
            self.owner = (owner, entry.seq);
            self.owner_moved();
        }
        if let Some(turn) = entry.turn {
            self.streams.end(turn);
        }
        let waiting = self
            .streams
            .under(entry.seq)
            .map(|stream| frames::so_far(self.channel, stream));
        self.each(|follower| {
            if follower.last_seq + 1 != entry.seq {
                // It read further in the log than this room had come.
                return false;
            }
            follower.last_seq = entry.seq;
            if entry.private && follower.audience == Audience::Visitor {
                return false;
            }
            follower.outbox.push(&entry.frame);
            if entry.owner.is_some() {
                follower.owner_version = entry.seq;
                // Its pieces came before the change that they were written under.
                if let Some(text) = &waiting {
                    follower.outbox.push(text);
                }
            }
            true
        })
    }

    /// Delivers what waited for the entry before it.
    fn drain(&mut self) -> u64 {
        let mut delivered = 0;
        while let Some(head) = self.head
            && let Some(entry) = self.early.remove(&(head + 1))
        {
            delivered += self.place(&entry);
        }
        delivered
    }

    /// Sends a frame to each socket of an audience; answers how many that are.
    fn each_of(&mut self, audience: Audience, frame: &Utf8Bytes) -> u64 {
        self.each(|follower| {
            let wanted = follower.audience == audience;
            if wanted {
                follower.outbox.push(frame);
            }
            wanted
        })
    }

    /// Calls `send` for each socket that hears; answers how many it was true for.
    fn each(&mut self, mut send: impl FnMut(&mut Follower) -> bool) -> u64 {
        let live = self.sockets.values_mut().filter(|follower| follower.live);
        live.map(|follower| u64::from(send(follower))).sum()
    }
}
