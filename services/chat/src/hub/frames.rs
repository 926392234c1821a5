//! Frames as text, encoded once for all their receivers.

use axum::extract::ws::Utf8Bytes;
use chat_api::{Entry, Viewer, socket::ServerFrame};
use ids::{ChannelId, TurnId};

use super::{
    room::Placed,
    stream::{Delta, Stream},
};

/// A frame as it travels.
#[must_use]
pub fn encode(frame: &ServerFrame) -> Utf8Bytes {
    serde_json::to_string(frame)
        .expect("frames are structs of strings and numbers")
        .into()
}

/// An entry, ready to be delivered.
#[must_use]
pub(super) fn placed(entry: Entry) -> Placed {
    let (seq, owner, turn) = (entry.seq, entry.owner, entry.turn_id);
    Placed {
        seq,
        private: entry.private,
        owner,
        turn,
        frame: encode(&entry.into()),
    }
}

/// A piece of an answer.
#[must_use]
pub(super) fn delta(channel: ChannelId, delta: &Delta) -> Utf8Bytes {
    encode(&ServerFrame::MessageDelta {
        channel,
        turn_id: delta.turn,
        epoch: delta.epoch,
        owner_version: delta.owner_version,
        offset: delta.offset,
        delta: delta.text.clone(),
    })
}

/// The text of an answer so far, for somebody who joins in the middle.
#[must_use]
pub(super) fn so_far(channel: ChannelId, stream: &Stream) -> Utf8Bytes {
    encode(&ServerFrame::MessageDelta {
        channel,
        turn_id: stream.turn,
        epoch: stream.epoch,
        owner_version: stream.owner_version,
        offset: 0,
        delta: stream.text.clone(),
    })
}

/// Who of the company looks at a channel.
#[must_use]
pub(super) fn presence(channel: ChannelId, people: &[Viewer]) -> Utf8Bytes {
    encode(&ServerFrame::Presence {
        channel,
        people: people.to_vec(),
    })
}

/// The end of an answer that will not come.
#[must_use]
pub(super) fn aborted(channel: ChannelId, turn_id: TurnId, epoch: i64) -> Utf8Bytes {
    encode(&ServerFrame::MessageAborted {
        channel,
        turn_id,
        epoch,
    })
}
