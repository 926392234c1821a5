//! Catching up: where no hint came, the log is read.

use std::{collections::HashMap, sync::Arc, time::Duration};

use ids::{ChannelId, WorkspaceId};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{Log, Place};
use crate::{hub::Behind, metrics};

/// How often every room is held against the log.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Rooms that one query asks for.
const ROOMS: usize = 200;
/// Entries that one query brings.
const PAGE: i64 = 100;
/// A page that takes longer is given up, so that a store that hangs holds up no other room.
const WITHIN: Duration = Duration::from_secs(5);
/// Logs that are read at a time.
const READERS: usize = 8;

impl Log {
    /// Reads the log of each room that misses something.
    pub(super) async fn catch_up_until(self, mut behind: Behind, stop: CancellationToken) {
        let readers = Arc::new(Semaphore::new(READERS));
        while let Some(Some(place)) = stop.run_until_cancelled(behind.recv()).await {
            let Ok(permit) = readers.clone().acquire_owned().await else {
                return;
            };
            let log = self.clone();
            tokio::spawn(async move {
                log.catch_up(place).await;
                drop(permit);
            });
        }
    }

    async fn catch_up(&self, place: Place) {
        let Some(room) = self.0.hub.reading(place) else {
            return;
        };
        while let Some(head) = room.head() {
            let read = tokio::time::timeout(WITHIN, self.after(place, head, PAGE));
            let entries = match read.await {
                Ok(Ok(entries)) => entries,
                Ok(Err(error)) => {
                    tracing::debug!(%error, "the log cannot be read now; it is tried again");
                    return;
                }
                Err(_) => return,
            };
            let last = entries.last().map_or(head, |entry| entry.seq);
            for entry in entries {
                metrics::CAUGHT_UP.inc();
                self.0.hub.deliver(&room, entry);
            }
            // A hint may have brought the same entries meanwhile; then the room is further than that.
            if last == head {
                return;
            }
        }
    }

    /// Holds every room against the log, now and then.
    pub(super) async fn look_until(self, stop: CancellationToken) {
        while stop
            .run_until_cancelled(tokio::time::sleep(LOOK_EVERY))
            .await
            .is_some()
        {
            let mut rooms: HashMap<WorkspaceId, HashMap<ChannelId, i64>> = HashMap::new();
            for (place, head) in self.0.hub.heads() {
                rooms
                    .entry(place.workspace)
                    .or_default()
                    .insert(place.channel, head);
            }
            for (workspace, rooms) in rooms {
                let channels: Vec<ChannelId> = rooms.keys().copied().collect();
                for channels in channels.chunks(ROOMS) {
                    self.look(workspace, channels, &rooms).await;
                }
            }
        }
    }

    /// Compares some rooms with the projection, which follows the log within seconds even over a crash,
    /// because the relay moves it before it counts an entry as published.
    async fn look(
        &self,
        workspace: WorkspaceId,
        channels: &[ChannelId],
        rooms: &HashMap<ChannelId, i64>,
    ) {
        match self.0.store.heads(workspace, channels).await {
            Ok(heads) => {
                for (place, seq) in heads {
                    if rooms.get(&place.channel).is_some_and(|head| *head < seq) {
                        self.0.hub.read_on_in(place);
                    }
                }
            }
            Err(error) => tracing::debug!(%error, "the rooms cannot be held against the log now"),
        }
    }
}
