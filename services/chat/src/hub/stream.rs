//! The text of an answer that is being written, as far as this instance has heard it.

use chat_api::OwnerState;
use ids::TurnId;

/// Turns that ended lately, whose late pieces are dropped.
const ENDED: usize = 8;

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    /// The turn.
    pub turn: TurnId,
    /// The attempt.
    pub epoch: i64,
    /// The change of owner that it was started under.
    pub owner_version: i64,
    /// UTF-16 code units of the text before this piece.
    pub offset: u64,
    /// The piece.
    pub text: String,
    /// The instance that takes the reply.
    pub origin: Origin,
}

/// An instance of chat, by a number that it makes at its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Origin(pub u128);

/// The text so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stream {
    /// The turn.
    pub turn: TurnId,
    /// The attempt.
    pub epoch: i64,
    /// The change of owner that it was started under.
    pub owner_version: i64,
    /// The text.
    pub text: String,
    origin: Origin,
    length: u64,
}

/// The streams of one channel: one at most is alive.
#[derive(Debug, Default)]
pub(super) struct Streams {
    live: Option<Stream>,
    /// The highest attempt that was seen.
    epoch: i64,
    ended: Vec<TurnId>,
}

impl Streams {
    /// The text so far, when there is one that counts under `owner_version`.
    #[must_use]
    pub(super) fn under(&self, owner_version: i64) -> Option<&Stream> {
        self.live
            .as_ref()
            .filter(|stream| stream.owner_version == owner_version)
    }

    /// The highest attempt that was seen.
    #[must_use]
    pub(super) const fn epoch(&self) -> i64 {
        self.epoch
    }

    /// Takes note of an attempt; answers whether it may speak.
    pub(super) fn attempt(&mut self, epoch: i64) -> bool {
        if epoch < self.epoch {
            return false;
        }
        self.epoch = epoch;
        true
    }

    /// Takes one piece; answers whether it continues or begins a text that can be shown. A piece behind
    /// a hole does not: hints may be lost, and the message itself brings the whole.
    pub(super) fn take(&mut self, delta: &Delta, owner: (OwnerState, i64)) -> bool {
        let (owner, owner_version) = owner;
        let void = delta.owner_version < owner_version
            || (delta.owner_version == owner_version
                && matches!(owner, OwnerState::Human | OwnerState::Closed));
        if void || self.ended.contains(&delta.turn) || !self.attempt(delta.epoch) {
            return false;
        }
        if delta.offset == 0 {
            self.live = Some(Stream {
                turn: delta.turn,
                epoch: delta.epoch,
                owner_version: delta.owner_version,
                text: delta.text.clone(),
                origin: delta.origin,
                length: utf16(&delta.text),
            });
            return true;
        }
        match &mut self.live {
            Some(stream)
                if (stream.turn, stream.epoch, stream.origin)
                    == (delta.turn, delta.epoch, delta.origin)
                    && stream.length == delta.offset =>
            {
                stream.text.push_str(&delta.text);
                stream.length += utf16(&delta.text);
                true
            }
            // A late piece of an instance that lost the turn to another says nothing about the other's.
            Some(stream) if stream.origin != delta.origin && stream.epoch == delta.epoch => false,
            _ => {
                self.live = None;
                false
            }
        }
    }

    /// The owner changed: what was started before is void.
    pub(super) fn owner_changed(&mut self, owner_version: i64) {
        self.live
            .take_if(|stream| stream.owner_version < owner_version);
    }

    /// The message of the turn is in the log.
    pub(super) fn end(&mut self, turn: TurnId) {
        self.live.take_if(|stream| stream.turn == turn);
        if self.ended.len() == ENDED {
            self.ended.remove(0);
        }
        self.ended.push(turn);
    }

    /// The reply broke off; answers whether there was a text to forget.
    pub(super) fn abort(&mut self, turn: TurnId, epoch: i64, origin: Origin) -> bool {
        let mine = |stream: &mut Stream| {
            (stream.turn, stream.origin) == (turn, origin) && stream.epoch <= epoch
        };
        self.live.take_if(mine).is_some()
    }
}

/// The length that offsets count: UTF-16 code units, as browsers do.
#[must_use]
pub fn utf16(text: &str) -> u64 {
    text.chars().map(|c| c.len_utf16() as u64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AI: (OwnerState, i64) = (OwnerState::Ai, 1);

    fn piece(turn: TurnId, epoch: i64, offset: u64, text: &str) -> Delta {
        Delta {
            turn,
            epoch,
            owner_version: 1,
            offset,
            text: text.to_owned(),
            origin: Origin(1),
        }
    }

    #[test]
    fn pieces_join_and_offsets_count_utf_16() {
        let (turn, mut streams) = (TurnId::new(), Streams::default());
        assert!(streams.take(&piece(turn, 1, 0, "Hi 😀"), AI));
        assert!(streams.take(&piece(turn, 1, 5, "!"), AI));
        assert_eq!(streams.under(1).unwrap().text, "Hi 😀!");
        assert!(!streams.take(&piece(turn, 1, 9, "?"), AI), "a hole");
        assert!(streams.under(1).is_none());
        assert!(streams.take(&piece(turn, 1, 0, "Again"), AI));
    }

    #[test]
    fn lower_attempts_old_owners_and_ended_turns_are_dropped() {
        let (turn, mut streams) = (TurnId::new(), Streams::default());
        assert!(streams.take(&piece(turn, 2, 0, "b"), AI));
        assert!(!streams.take(&piece(TurnId::new(), 1, 0, "a"), AI));
        assert!(!streams.take(&piece(turn, 2, 1, "c"), (OwnerState::Queued, 5)));
        assert!(!streams.take(&piece(turn, 2, 1, "c"), (OwnerState::Human, 1)));
        streams.end(turn);
        assert!(!streams.take(&piece(turn, 2, 0, "late"), AI));
        assert!(streams.under(1).is_none());
    }

    #[test]
    fn an_end_elsewhere_does_not_end_the_same_turn_here() {
        let (turn, mut streams) = (TurnId::new(), Streams::default());
        assert!(streams.take(&piece(turn, 1, 0, "a"), AI));
        assert!(!streams.abort(turn, 1, Origin(2)));
        assert!(!streams.take(
            &Delta {
                origin: Origin(2),
                ..piece(turn, 1, 7, "x")
            },
            AI
        ));
        assert!(streams.abort(turn, 1, Origin(1)));
    }
}
