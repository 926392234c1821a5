//! The inbox as it changes: which channels have changed, and the sockets that want to know.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chat_api::socket::ServerFrame;
use ids::{UserId, WorkspaceId};
use tokio::sync::broadcast;

use super::{Hub, Origin, Outbox, frames};
use crate::{log::Place, metrics};

/// Changes that may wait for whoever takes care of them; a slow one reads everything instead.
const CHANGES: usize = 4096;

/// The sockets of this instance that watch the inbox of a workspace.
type Desk = HashMap<u64, Watcher>;

/// Who watches, and who hears of changes.
#[derive(Debug)]
pub(super) struct Desks {
    watchers: Mutex<HashMap<WorkspaceId, Desk>>,
    changes: broadcast::Sender<Place>,
}

#[derive(Debug)]
struct Watcher {
    user: UserId,
    outbox: Arc<Outbox>,
}

/// A socket that watches the inbox of a workspace, as long as this lives.
#[derive(Debug)]
pub struct Watching {
    hub: Hub,
    workspace: WorkspaceId,
    socket: u64,
}

impl Desks {
    pub(super) fn new() -> Self {
        let (changes, _) = broadcast::channel(CHANGES);
        Self {
            watchers: Mutex::default(),
            changes,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<WorkspaceId, Desk>> {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hub {
    /// Lets a socket of this instance watch the inbox of a workspace. From then on [`Hub::changes`]
    /// has what other instances change in it, unless Redis is down.
    #[must_use]
    pub fn watch(
        &self,
        workspace: WorkspaceId,
        user: UserId,
        socket: u64,
        outbox: Arc<Outbox>,
    ) -> Watching {
        let mut desks = self.0.desks.lock();
        let desk = desks.entry(workspace).or_insert_with(|| {
            // Under the lock, so that it cannot overtake the end of the last stay.
            self.0.hints.watch(workspace);
            Desk::new()
        });
        desk.insert(socket, Watcher { user, outbox });
        drop(desks);
        Watching {
            hub: self.clone(),
            workspace,
            socket,
        }
    }

    /// The sockets of this instance that watch the inbox of a workspace.
    #[must_use]
    pub fn watchers(&self, workspace: WorkspaceId) -> Vec<(UserId, u64, Arc<Outbox>)> {
        let desks = self.0.desks.lock();
        let desk = desks.get(&workspace).into_iter().flatten();
        desk.map(|(socket, watcher)| (watcher.user, *socket, watcher.outbox.clone()))
            .collect()
    }

    /// Tells that the inbox shows a channel differently now, here and on the other instances.
    pub fn changed(&self, place: Place) {
        // Nobody may be there to hear it.
        let _ = self.0.desks.changes.send(place);
        self.0.hints.tell_change(self.0.origin, place);
    }

    /// The channels that change from now on: those that this instance changes, and those that others
    /// change in workspaces whose inbox is watched here.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<Place> {
        self.0.desks.changes.subscribe()
    }

    /// Sends a frame to the sockets of this instance on which a person watches the inbox; answers how
    /// many that are.
    pub fn send_person(&self, workspace: WorkspaceId, user: UserId, frame: &ServerFrame) -> u64 {
        let desks = self.0.desks.lock();
        let desk = desks.get(&workspace).into_iter().flatten();
        let mine = desk.filter(|(_, watcher)| watcher.user == user);
        let frame = frames::encode(frame);
        let mut count = 0;
        for (_, watcher) in mine {
            watcher.outbox.push(&frame);
            count += 1;
        }
        metrics::delivered("inbox", count);
        count
    }

    /// Takes what another instance tells of a change.
    pub(super) fn heard_change(&self, origin: Origin, place: Place) {
        if origin != self.0.origin && self.0.desks.lock().contains_key(&place.workspace) {
            let _ = self.0.desks.changes.send(place);
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let mut desks = self.hub.0.desks.lock();
        if let Some(desk) = desks.get_mut(&self.workspace) {
            desk.remove(&self.socket);
            if desk.is_empty() {
                desks.remove(&self.workspace);
                self.hub.0.hints.unwatch(self.workspace);
            }
        }
    }
}
