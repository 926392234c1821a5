//! The inbox: channels as people of the company list, count and watch them.
//!
//! The log is the truth. Its relay moves a row of PostgreSQL forward for each channel before an entry
//! counts as settled, so lists, counts and filters are questions to a database, and right however many
//! instances there are. Who watches the inbox hears of changes by hints; every five seconds the rows that
//! changed are read anyway, so a lost hint costs no more than that.

mod counts;
mod http;
mod list;
mod live;
pub mod project;
mod query;
mod queue;
pub mod reads;
mod rebuild;
mod row;
mod views;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chat_api::QueuePlace;
use clock::Clock;
use common::server::Lifecycle;
use ids::{ChannelId, UserId, ViewId, WorkspaceId};
use sqlx::PgPool;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use utoipa_axum::{router::OpenApiRouter, routes};

pub use rebuild::rebuild;

use self::live::Live;
use crate::{
    app::App,
    hub::{Hub, Outbox, Watching},
    log::Place,
};

/// Marks of sockets are written so often; of several in one channel the furthest.
const WRITE_MARKS_EVERY: Duration = Duration::from_millis(500);
/// Marks that wait at most while PostgreSQL is away: beyond them new channels are not noted.
const MARKS: usize = 100_000;

/// The routes of the inbox.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::list))
        .routes(routes!(http::counts))
        .routes(routes!(http::queue))
        .merge(views::routes())
}

/// The inbox of this instance. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Inbox(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pool: PgPool,
    hub: Hub,
    clock: Clock,
    /// What sockets have read and PostgreSQL does not know yet.
    marks: Mutex<HashMap<(Place, UserId), i64>>,
    /// Workspaces that somebody begins to watch, and by which socket.
    woken: mpsc::UnboundedSender<(WorkspaceId, u64)>,
}

impl Inbox {
    /// The inbox over `pool`, and the work behind it, which ends with `lifecycle`.
    #[must_use]
    pub fn start(pool: PgPool, hub: Hub, clock: Clock, lifecycle: &Lifecycle) -> Self {
        let (woken, watched) = mpsc::unbounded_channel();
        let inbox = Self(Arc::new(Inner {
            pool,
            hub,
            clock,
            marks: Mutex::default(),
            woken,
        }));
        let (stop, cut) = (lifecycle.stop_token(), lifecycle.cut_token());
        lifecycle.spawn_background(inbox.clone().tell_until(stop));
        lifecycle.spawn_background(inbox.clone().write_marks_until(cut.clone()));
        // As long as clients may connect, they are told what changes.
        lifecycle.spawn_background(Live::new(inbox.clone()).run_until(watched, cut));
        inbox
    }

    /// Sends a socket of a person the inbox as it changes, and how many channels there are, for as long
    /// as the answer lives.
    #[must_use]
    pub fn watch(
        &self,
        workspace: WorkspaceId,
        user: UserId,
        socket: u64,
        outbox: Arc<Outbox>,
    ) -> Watching {
        let watching = self.0.hub.watch(workspace, user, socket, outbox);
        // Nobody listens any more only when the service ends.
        let _ = self.0.woken.send((workspace, socket));
        watching
    }

    /// Notes that `reader` has read a channel up to `seq`, and tells their other sockets; answers whether
    /// that is further than before.
    ///
    /// # Errors
    /// When PostgreSQL is not there.
    pub async fn mark(&self, place: Place, reader: UserId, seq: i64) -> sqlx::Result<bool> {
        let moved = reads::mark(&self.0.pool, place, reader, seq).await?;
        if moved {
            self.0.hub.changed(place);
        }
        Ok(moved)
    }

    /// The same for what a socket tells, which may be much: it is written soon, the furthest of a channel
    /// only.
    pub fn read(&self, place: Place, reader: UserId, seq: i64) {
        let mut marks = self.marks();
        let full = marks.len() >= MARKS;
        match marks.get_mut(&(place, reader)) {
            Some(known) => *known = (*known).max(seq),
            None if full => {}
            None => {
                marks.insert((place, reader), seq);
            }
        }
    }

    /// Where a channel stands among those that wait for a person.
    ///
    /// # Errors
    /// When PostgreSQL is not there.
    pub async fn queue_place(&self, place: Place) -> sqlx::Result<QueuePlace> {
        queue::place(&self.0.pool, place, self.0.clock.now()).await
    }

    /// Counts again for everybody who watches: their views have changed.
    fn recount(&self, workspace: WorkspaceId) {
        // A name that no channel has: there is no row to be sent, and counts follow every change.
        let channel = ChannelId::from_uuid(ViewId::new().as_uuid());
        self.0.hub.changed(Place { workspace, channel });
    }

    /// Writes the marks of sockets, until `cut`; then what is left.
    async fn write_marks_until(self, cut: CancellationToken) {
        loop {
            let ended = cut
                .run_until_cancelled(tokio::time::sleep(WRITE_MARKS_EVERY))
                .await
                .is_none();
            self.write_marks().await;
            if ended {
                return;
            }
        }
    }

    async fn write_marks(&self) {
        let marks = std::mem::take(&mut *self.marks());
        let mut failed = false;
        for ((place, reader), seq) in marks {
            if failed {
                self.read(place, reader, seq);
                continue;
            }
            if let Err(error) = self.mark(place, reader, seq).await {
                tracing::debug!(%error, "what was read is noted later");
                self.read(place, reader, seq);
                failed = true;
            }
        }
    }

    fn marks(&self) -> MutexGuard<'_, HashMap<(Place, UserId), i64>> {
        self.0.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
