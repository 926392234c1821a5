//! Who of the company looks at a channel, told to the sockets of all instances.
//!
//! Each instance speaks for its own sockets: at once when something changes, and again every ten
//! seconds. Who is not spoken of for half a minute is gone, whatever became of the instance.

use std::{sync::Arc, time::Duration};

use ids::UserId;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Hub, Origin, Room,
    room::{Seen, Viewing},
};
use crate::{log::Place, metrics};

/// How often other instances are told of those who stay.
const RENEW_EVERY: Duration = Duration::from_secs(10);

/// What instances tell each other that no socket gets as it is.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Aside {
    /// How somebody stands to the channel on the instance that says so.
    Seen(Seen),
    /// Whoever has somebody there is to say so.
    Who,
}

impl Hub {
    /// Notes that somebody of the company looks at a channel on a socket of this instance.
    pub fn viewing(&self, room: &Room, socket: u64, user: UserId, viewing: Viewing) {
        let (seen, told) = room.viewing(socket, user, viewing);
        metrics::delivered("presence", told);
        self.aside(room.place, &Aside::Seen(seen));
        if viewing != Viewing::Off && room.asks_who() {
            self.aside(room.place, &Aside::Who);
        }
    }

    /// Notes that a socket of this instance has left.
    pub(super) fn left(&self, room: &Room, socket: u64) {
        if let Some((seen, told)) = room.left(socket) {
            metrics::delivered("presence", told);
            self.aside(room.place, &Aside::Seen(seen));
        }
    }

    /// Takes what another instance says of those who look at a channel.
    pub(super) fn heard_aside(&self, origin: Origin, place: Place, text: &str) {
        if origin == self.0.origin {
            return;
        }
        let Some(room) = self.room(place) else { return };
        match serde_json::from_str(text) {
            Ok(Aside::Seen(seen)) => metrics::delivered("presence", room.seen(origin, seen)),
            Ok(Aside::Who) => self.speak_for(&room),
            Err(_) => tracing::warn!("what another instance says of people cannot be read"),
        }
    }

    /// Tells the others of those who stay, until `stop`.
    pub(super) async fn renew_until(self, stop: CancellationToken) {
        while stop
            .run_until_cancelled(tokio::time::sleep(RENEW_EVERY))
            .await
            .is_some()
        {
            let rooms: Vec<Arc<Room>> = self
                .rooms()
                .values()
                .map(|slot| slot.room.clone())
                .collect();
            for room in rooms {
                self.speak_for(&room);
            }
        }
    }

    fn speak_for(&self, room: &Room) {
        for seen in room.renew(Instant::now()) {
            self.aside(room.place, &Aside::Seen(seen));
        }
    }

    fn aside(&self, place: Place, aside: &Aside) {
        let text = serde_json::to_string(aside).expect("ids and flags are JSON");
        self.0.hints.tell_aside(self.0.origin, place, &text);
    }
}
