//! The inbox as it changes, for sockets that watch it.
//!
//! A hint names a channel; the row is read, with what each watcher has not read of it, and sent to those
//! for whom something is new. Counts follow, as often as they are cheap.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use chat_api::{Counts, socket::ServerFrame};
use chrono::{DateTime, Utc};
use futures::future::join_all;
use ids::{AgentId, ChannelId, TeamId, UserId, VisitorId, WorkspaceId};
use tokio::{
    sync::{broadcast::error::RecvError, mpsc},
    time::{Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;

use super::{
    Inbox, Inner, counts,
    list::Reader,
    row::{MOST_UNREAD, Row},
};
use crate::{
    hub::{Outbox, encode},
    log::Place,
    metrics,
};

/// What comes within this time is read and sent together.
const GATHER: Duration = Duration::from_millis(50);
/// Counts wait at least this long for the next ones.
const COUNT_EVERY: Duration = Duration::from_millis(250);
/// Counting takes at most one part of so many of the time.
const COUNT_SHARE: u32 = 10;
/// How often rows that changed are read, whether hints came or not.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// A row's time is set before its transaction ends: rows are looked for so far back.
const OVERLAP: chrono::Duration = chrono::Duration::seconds(10);
/// Rows that are read at a time.
const ROWS: usize = 200;
/// Rows that are remembered of one socket, to send none twice.
const REMEMBERED: usize = 5_000;
/// A database that did not answer is asked again after this time.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Far enough for a clock that nobody waits for.
const NEVER: Duration = Duration::from_secs(3_600);

/// Somebody who watches: who, by which socket, and its queue.
type Watcher = (UserId, u64, Arc<Outbox>);

/// What watches on this instance.
pub(super) struct Live {
    inbox: Inbox,
    feeds: HashMap<WorkspaceId, Feed>,
}

/// One workspace that somebody watches.
struct Feed {
    changed: HashSet<ChannelId>,
    /// Rows that are known to have changed, and how far they were then.
    seen: HashMap<(ChannelId, Option<UserId>), i64>,
    told: HashMap<u64, Told>,
    sweep: bool,
    /// When it was swept last, by the database's clock.
    swept: Option<DateTime<Utc>>,
    count: bool,
    not_before: Instant,
    ended: bool,
}

/// What a socket has been told.
#[derive(Default)]
struct Told {
    /// The head of each row and what was unread in it.
    rows: HashMap<ChannelId, (i64, i64)>,
    counts: Option<Counts>,
}

impl Live {
    pub(super) fn new(inbox: Inbox) -> Self {
        Self {
            inbox,
            feeds: HashMap::new(),
        }
    }

    /// Sends what changes, until `cut`.
    pub(super) async fn run_until(
        mut self,
        mut woken: mpsc::UnboundedReceiver<(WorkspaceId, u64)>,
        cut: CancellationToken,
    ) {
        let mut changes = self.inbox.0.hub.changes();
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let due = self.due();
            tokio::select! {
                () = cut.cancelled() => return,
                told = changes.recv() => if !self.heard(told) {
                    return;
                },
                Some(watcher) = woken.recv() => self.wake(watcher),
                _ = sweep.tick() => self.sweep_all(),
                () = tokio::time::sleep_until(due) => {}
            }
            let gathered = Instant::now() + GATHER;
            while let Ok(told) = tokio::time::timeout_at(gathered, changes.recv()).await {
                if !self.heard(told) {
                    return;
                }
            }
            // Who came meanwhile is served along with the others.
            while let Ok(watcher) = woken.try_recv() {
                self.wake(watcher);
            }
            let inbox = &*self.inbox.0;
            let work = self.feeds.iter_mut();
            join_all(work.map(|(workspace, feed)| feed.serve(inbox, *workspace))).await;
            self.feeds.retain(|_, feed| !feed.ended);
        }
    }

    /// When the next counts are due.
    fn due(&self) -> Instant {
        let due = self.feeds.values().filter(|feed| feed.count);
        due.map(|feed| feed.not_before)
            .min()
            .unwrap_or_else(|| Instant::now() + NEVER)
    }

    /// Takes a hint; answers false when there will be no more.
    fn heard(&mut self, told: Result<Place, RecvError>) -> bool {
        match told {
            Ok(place) => {
                if let Some(feed) = self.feeds.get_mut(&place.workspace) {
                    feed.changed.insert(place.channel);
                }
                true
            }
            // Some were lost: the rows tell.
            Err(RecvError::Lagged(_)) => {
                self.sweep_all();
                true
            }
            Err(RecvError::Closed) => false,
        }
    }

    /// Somebody begins to watch, and has been told nothing yet.
    fn wake(&mut self, (workspace, socket): (WorkspaceId, u64)) {
        let feed = self.feeds.entry(workspace).or_insert_with(Feed::new);
        feed.told.remove(&socket);
        feed.count = true;
        feed.not_before = Instant::now();
    }

    fn sweep_all(&mut self) {
        for feed in self.feeds.values_mut() {
            feed.sweep = true;
        }
    }
}

impl Feed {
    fn new() -> Self {
        Self {
            changed: HashSet::new(),
            seen: HashMap::new(),
            told: HashMap::new(),
            sweep: true,
            swept: None,
            count: true,
            not_before: Instant::now(),
            ended: false,
        }
    }

    /// Sends what is new to those who watch.
    async fn serve(&mut self, inbox: &Inner, workspace: WorkspaceId) {
        let watchers: Vec<Watcher> = inbox.hub.watchers(workspace);
        self.ended = watchers.is_empty();
        if self.ended {
            return;
        }
        let sockets: HashSet<u64> = watchers.iter().map(|(_, socket, _)| *socket).collect();
        self.told.retain(|socket, _| sockets.contains(socket));
        let swept = self.swept;
        if let Err(error) = self.serve_all(inbox, workspace, &watchers).await {
            tracing::debug!(%error, "the inbox cannot be read now");
            // What was to be sent is found again by the next look, which goes back as far as this one.
            self.swept = swept;
            self.seen.clear();
            self.not_before = Instant::now() + AGAIN_AFTER;
        }
    }

    async fn serve_all(
        &mut self,
        inbox: &Inner,
        workspace: WorkspaceId,
        watchers: &[Watcher],
    ) -> sqlx::Result<()> {
        let mut users: Vec<UserId> = watchers.iter().map(|(user, ..)| *user).collect();
        users.sort_unstable();
        users.dedup();
        if self.sweep {
            self.look(inbox, workspace, &users).await?;
            self.sweep = false;
        }
        if !self.changed.is_empty() {
            // Whatever it was, numbers may be others now.
            self.count = true;
            let changed: Vec<ChannelId> = self.changed.drain().collect();
            for channels in changed.chunks(ROWS) {
                for row in rows(inbox, workspace, (channels, &users)).await? {
                    self.send(row, watchers);
                }
            }
        }
        if self.count && self.not_before <= Instant::now() {
            self.send_counts(inbox, workspace, (watchers, &users))
                .await?;
        }
        Ok(())
    }

    /// Finds the rows that changed since the last look and were not read meanwhile.
    async fn look(
        &mut self,
        inbox: &Inner,
        workspace: WorkspaceId,
        users: &[UserId],
    ) -> sqlx::Result<()> {
        let now = sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "now!""#)
            .fetch_one(&inbox.pool)
            .await?;
        let since = self.swept.unwrap_or(now) - OVERLAP;
        let moved = sqlx::query!(
            r#"SELECT id AS "id: ChannelId", head_seq FROM chat.channels
               WHERE workspace_id = $1 AND changed_at > $2"#,
            workspace.as_uuid(),
            since,
        )
        .fetch_all(&inbox.pool)
        .await?;
        let readers: Vec<_> = users.iter().map(UserId::as_uuid).collect();
        let read = sqlx::query!(
            r#"SELECT channel_id AS "channel_id: ChannelId", reader_id AS "reader_id: UserId", seq
               FROM chat.reads
               WHERE workspace_id = $1 AND changed_at > $2 AND reader_id = ANY($3)"#,
            workspace.as_uuid(),
            since,
            &readers,
        )
        .fetch_all(&inbox.pool)
        .await?;
        let moved = moved.into_iter().map(|row| ((row.id, None), row.head_seq));
        let read = read
            .into_iter()
            .map(|row| ((row.channel_id, Some(row.reader_id)), row.seq));
        let found: HashMap<(ChannelId, Option<UserId>), i64> = moved.chain(read).collect();
        for (key, seq) in &found {
            if self.seen.get(key) != Some(seq) {
                self.changed.insert(key.0);
            }
        }
        self.seen = found;
        self.swept = Some(now);
        Ok(())
    }

    /// Sends a row to the sockets of its reader that do not have it so.
    fn send(&mut self, row: Row, watchers: &[Watcher]) {
        let (reader, id) = (row.reader, row.id);
        let state = (row.head_seq, row.unread);
        self.seen.insert((id, None), row.head_seq);
        let mut frame = None;
        let mut row = Some(row);
        for (_, socket, outbox) in watchers.iter().filter(|(user, ..)| *user == reader) {
            let told = self.told.entry(*socket).or_default();
            if told.rows.len() >= REMEMBERED {
                told.rows.clear();
            }
            if told.rows.insert(id, state) == Some(state) {
                continue;
            }
            let frame = frame.get_or_insert_with(|| {
                let channel = row.take().expect("it is made once").into();
                encode(&ServerFrame::Inbox {
                    channel: Box::new(channel),
                })
            });
            outbox.push(frame);
            metrics::delivered("inbox", 1);
        }
    }

    /// Counts for each person who watches, and sends what is new. The next counts wait the longer, the
    /// more these took.
    async fn send_counts(
        &mut self,
        inbox: &Inner,
        workspace: WorkspaceId,
        (watchers, users): (&[Watcher], &[UserId]),
    ) -> sqlx::Result<()> {
        let begun = Instant::now();
        let mut connection = inbox.pool.acquire().await?;
        for user in users {
            let reader = Reader {
                workspace,
                user: *user,
            };
            let counts = counts::fetch(&mut connection, reader).await?;
            let frame = encode(&ServerFrame::Counts {
                counts: counts.clone(),
            });
            for (_, socket, outbox) in watchers.iter().filter(|(watcher, ..)| watcher == user) {
                let told = self.told.entry(*socket).or_default();
                if told.counts.as_ref() != Some(&counts) {
                    told.counts = Some(counts.clone());
                    outbox.push(&frame);
                    metrics::delivered("counts", 1);
                }
            }
        }
        self.count = false;
        self.not_before = Instant::now() + COUNT_EVERY.max(begun.elapsed() * COUNT_SHARE);
        Ok(())
    }
}

/// Rows as each of the readers has them.
async fn rows(
    inbox: &Inner,
    workspace: WorkspaceId,
    (channels, readers): (&[ChannelId], &[UserId]),
) -> sqlx::Result<Vec<Row>> {
    let channels: Vec<_> = channels.iter().map(ChannelId::as_uuid).collect();
    let readers: Vec<_> = readers.iter().map(UserId::as_uuid).collect();
    sqlx::query_as!(
        Row,
        r#"SELECT p.reader AS "reader!: UserId", c.id AS "id!: ChannelId", c.agent_id AS "agent_id!: AgentId",
                  c.visitor_id AS "visitor_id!: VisitorId", c.owner AS "owner!",
                  c.assignee_id AS "assignee_id?: UserId", c.team_id AS "team_id?: TeamId", c.labels AS "labels!",
                  c.priority AS "priority!", c.snoozed_until AS "snoozed_until?", c.episode AS "episode!",
                  c.head_seq AS "head_seq!", c.public_seq AS "public_seq!", c.last_message_seq AS "last_message_seq!",
                  c.opened_at AS "opened_at!", c.last_activity_at AS "last_activity_at!",
                  c.last_message_at AS "last_message_at?", c.waiting_since AS "waiting_since?",
                  c.closed_at AS "closed_at?", c.rating AS "rating?", c.merged_into AS "merged_into?: ChannelId",
                  unread.count AS "unread!"
           FROM chat.channels c
           CROSS JOIN unnest($3::uuid[]) AS p (reader)
           LEFT JOIN chat.reads r
             ON r.workspace_id = c.workspace_id AND r.channel_id = c.id AND r.reader_id = p.reader
           CROSS JOIN LATERAL (
             SELECT count(*) AS count FROM (
               SELECT FROM chat.message_marks m
               WHERE m.workspace_id = c.workspace_id AND m.channel_id = c.id AND m.seq > coalesce(r.seq, 0)
                 AND m.sender_id IS DISTINCT FROM p.reader AND NOT m.gone
               LIMIT $4) AS counted) AS unread
           WHERE c.workspace_id = $1 AND c.id = ANY($2)"#,
        workspace.as_uuid(),
        &channels,
        &readers,
        MOST_UNREAD,
    )
    .fetch_all(&inbox.pool)
    .await
}
