//! The reply of the AI that this instance takes in a room: one at most.

use chat_api::OwnerState;
use ids::TurnId;
use tokio::sync::oneshot;

use super::{Room, State};

/// Why a reply on this instance must stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Somebody else answers now.
    OwnerChanged,
    /// A later attempt speaks.
    Superseded,
}

/// A reply that may begin.
#[derive(Debug)]
pub struct Begun {
    /// Names it in this room.
    pub number: u64,
    /// Resolves when it must stop.
    pub stopped: oneshot::Receiver<Stop>,
    /// The reply that it took the place of, when that one had streamed something.
    pub aborted: Option<(TurnId, i64)>,
}

/// A reply that this instance takes.
#[derive(Debug)]
pub(super) struct Replying {
    number: u64,
    turn: TurnId,
    pub(super) epoch: i64,
    owner_version: i64,
    stop: oneshot::Sender<Stop>,
}

impl Room {
    /// Begins a reply in place of the one that is under way; none when a later attempt was seen.
    pub fn begin_reply(&self, turn: TurnId, epoch: i64, owner_version: i64) -> Option<Begun> {
        let mut state = self.lock();
        if !state.streams.attempt(epoch) {
            return None;
        }
        let aborted = state.stop(Stop::Superseded);
        state.replies += 1;
        let (stop, stopped) = oneshot::channel();
        let number = state.replies;
        state.reply = Some(Replying {
            number,
            turn,
            epoch,
            owner_version,
            stop,
        });
        // Somebody may have taken over since the header was checked.
        state.owner_moved();
        Some(Begun {
            number,
            stopped,
            aborted,
        })
    }

    /// Ends a reply; answers whether it was still the one under way.
    pub fn end_reply(&self, number: u64) -> bool {
        let mut state = self.lock();
        state
            .reply
            .take_if(|reply| reply.number == number)
            .is_some()
    }
}

impl State {
    /// Stops what was begun under another owner.
    pub(super) fn owner_moved(&mut self) {
        let (owner, version) = self.owner;
        self.streams.owner_changed(version);
        let void = |reply: &Replying| {
            reply.owner_version < version
                || (reply.owner_version == version
                    && matches!(owner, OwnerState::Human | OwnerState::Closed))
        };
        if self.reply.as_ref().is_some_and(void) {
            self.stop(Stop::OwnerChanged);
        }
    }

    /// Stops the reply that is under way; answers it.
    pub(super) fn stop(&mut self, why: Stop) -> Option<(TurnId, i64)> {
        let reply = self.reply.take()?;
        // It may have ended by itself this instant.
        let _ = reply.stop.send(why);
        Some((reply.turn, reply.epoch))
    }
}
