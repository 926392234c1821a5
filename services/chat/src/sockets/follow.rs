//! Following a channel: hearing what comes, and reading what was missed.

use std::time::Duration;

use chat_api::socket::{CLOSE_TOO_SLOW, Resume, ServerFrame};
use common::{Problem, tokens::Participant};
use ids::ChannelId;

use super::{
    UNAVAILABLE,
    work::{About, Work, invalid, within},
};
use crate::{
    access::{self, Standing},
    app::App,
    hub::{Close, Member, Standing as Reading, encode},
    log::Place,
    metrics,
};

/// Channels that a visitor's socket may follow, and one of somebody of the company.
const VISITOR_CHANNELS: usize = 20;
const PERSON_CHANNELS: usize = 500;
/// Entries of a backlog that are read at a time.
const PAGE: i64 = 100;
/// A client that takes no piece of its backlog for so long does not read.
const BACKLOG_WITHIN: Duration = Duration::from_secs(30);
/// An entry that the log has, but a majority has not, is waited for in steps of this.
const SETTLE: Duration = Duration::from_millis(20);
const TOO_SLOW: Close = Close {
    code: CLOSE_TOO_SLOW,
    reason: "too slow",
};

/// A channel that the client follows, as long as this lives.
#[derive(Debug)]
pub(super) struct Follow {
    pub(super) member: Member,
    pub(super) standing: Standing,
    socket: u64,
}

impl Work {
    /// Takes a wish to follow a channel.
    pub(super) async fn subscribe(&mut self, Resume { channel, after_seq }: Resume) {
        let result = self.follow(channel, after_seq).await;
        if let Err(problem) = result {
            self.follows.remove(&channel);
            if problem.code().status().is_server_error() {
                // The client cannot tell when to ask again; a new connection asks by itself.
                tracing::warn!(?problem, %channel, "a channel could not be read");
                self.outbox.close(UNAVAILABLE);
                return;
            }
            self.refuse(
                &problem,
                About {
                    channel: Some(channel),
                    client_id: None,
                },
            );
        }
    }

    /// Follows a channel from `after` on: hears what comes first, then reads what there is.
    async fn follow(&mut self, channel: ChannelId, after: i64) -> Result<(), Problem> {
        let most = match self.who {
            Participant::Visitor(_) => VISITOR_CHANNELS,
            Participant::Person(_) => PERSON_CHANNELS,
        };
        // Asking again starts anew from where the client says that it is.
        self.follows.remove(&channel);
        if self.follows.len() >= most {
            return Err(invalid(format!(
                "one socket follows {most} channels at most"
            )));
        }
        let App { log, hub, .. } = self.app.clone();
        let (place, standing) = within(access::enter(&log, &self.who, channel)).await?;
        let member = hub.join(place).await;
        let head = within(async { Ok(log.head(place).await?) }).await?;
        let end = standing.end_of(&head);
        if !(0..=end).contains(&after) {
            return Err(invalid(format!(
                "after_seq is {after}, and the log ends at {end}"
            )));
        }
        if member.room.observe(&head) {
            hub.read_on(&member.room);
        }
        let room = member.room.clone();
        room.subscribe(self.socket, self.outbox.clone(), standing.audience());
        self.follows.insert(
            channel,
            Follow {
                member,
                standing,
                socket: self.socket,
            },
        );
        let mut version = head.owner_version;
        self.push(&ServerFrame::Subscribed {
            channel,
            head_seq: end,
            owner: head.owner,
            owner_version: version,
        });
        let (mut last, mut target) = (after, head.seq);
        loop {
            while last < target {
                let read = self.backlog(place, (last, standing)).await?;
                (last, version) = (read.0, version.max(read.1));
            }
            match room.go_live(self.socket, last, version) {
                Reading::Live => return Ok(()),
                Reading::Behind => target = room.head().unwrap_or(target),
            }
        }
    }

    /// Sends a piece of the log after `last`, as far as `standing` may see it; answers where it ends, and
    /// the last change of owner in it.
    async fn backlog(
        &self,
        place: Place,
        (last, standing): (i64, Standing),
    ) -> Result<(i64, i64), Problem> {
        let entries = within(async {
            loop {
                let entries = self.app.log.after(place, last, PAGE).await?;
                if !entries.is_empty() {
                    return Ok(entries);
                }
                if let Some(oldest) = self.app.log.goes_on_at(place, last).await? {
                    return Ok(self.app.log.after(place, oldest - 1, PAGE).await?);
                }
                tokio::time::sleep(SETTLE).await;
            }
        });
        let (mut end, mut version) = (last, 0);
        for entry in entries.await? {
            if entry.seq != end + 1 {
                // The log is dense by its unique key: what is missing was there and is kept no more.
                self.push(&ServerFrame::Expired {
                    channel: place.channel,
                    oldest_seq: entry.seq,
                });
            }
            end = entry.seq;
            if entry.owner.is_some() {
                version = entry.seq;
            }
            if entry.private && standing.is_customer() {
                continue;
            }
            // Before each one: an entry may be large, and the socket is written to while this waits.
            let room = tokio::time::timeout(BACKLOG_WITHIN, self.outbox.room());
            if room.await.is_err() {
                self.outbox.close(TOO_SLOW);
            }
            self.outbox.push(&encode(&entry.into()));
            metrics::delivered("backlog", 1);
        }
        Ok((end, version))
    }
}

impl Drop for Follow {
    fn drop(&mut self) {
        self.member.unsubscribe(self.socket);
    }
}
