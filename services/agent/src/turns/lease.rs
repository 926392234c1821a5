//! Keeping a lease while a turn runs, and hearing of news meanwhile.
//!
//! News reach a turn in two ways: at once, when this process consumed the event; and with the next
//! renewal, when another one did.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use ids::ChannelId;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::store::{self, Lease, News};
use crate::app::App;

/// As `store` writes it.
const LEASE: Duration = Duration::from_secs(5);
const RENEW_EVERY: Duration = Duration::from_millis(1_500);

/// The turns of this process, to be told of news.
#[derive(Debug, Clone, Default)]
pub struct Running(Arc<Mutex<HashMap<ChannelId, watch::Sender<News>>>>);

impl Running {
    /// Tells a turn of the conversation, if one runs here, what is wanted or who answers.
    pub fn tell(&self, channel: ChannelId, (wanted_seq, owner_version): (i64, i64)) {
        let running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(news) = running.get(&channel) {
            raise(
                news,
                News {
                    wanted_seq,
                    owner_version,
                },
            );
        }
    }

    fn enter(&self, channel: ChannelId, news: watch::Sender<News>) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(channel, news);
    }

    fn leave(&self, channel: ChannelId, news: &watch::Sender<News>) {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A later turn of the same conversation may have entered already.
        if running
            .get(&channel)
            .is_some_and(|known| known.same_channel(news))
        {
            running.remove(&channel);
        }
    }
}

/// Renews a lease until it is dropped.
#[derive(Debug)]
pub(super) struct Keeper {
    channel: ChannelId,
    running: Running,
    news: watch::Sender<News>,
    lost: CancellationToken,
    task: JoinHandle<()>,
}

impl Keeper {
    pub(super) fn start(app: &App, lease: &Lease) -> Self {
        let (news, _) = watch::channel(News {
            wanted_seq: lease.wanted_seq,
            owner_version: 0,
        });
        let lost = CancellationToken::new();
        app.running.enter(lease.channel, news.clone());
        let task = tokio::spawn(keep(app.clone(), lease.clone(), news.clone(), lost.clone()));
        Self {
            channel: lease.channel,
            running: app.running.clone(),
            news,
            lost,
            task,
        }
    }

    /// Ends when the lease is somebody else's, or could not be renewed in time.
    pub(super) async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Ends when a message after `seq` wants an answer.
    pub(super) async fn wanted_after(&self, seq: i64) {
        self.until(|news| news.wanted_seq > seq).await;
    }

    /// Ends when the owner has changed after `version`.
    pub(super) async fn owner_after(&self, version: i64) {
        self.until(|news| news.owner_version > version).await;
    }

    async fn until(&self, condition: impl FnMut(&News) -> bool) {
        // The sender is a field of this value, so it cannot be gone.
        let _ = self.news.subscribe().wait_for(condition).await;
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
        self.running.leave(self.channel, &self.news);
    }
}

fn raise(sender: &watch::Sender<News>, new: News) {
    sender.send_if_modified(|news| {
        let raised = News {
            wanted_seq: news.wanted_seq.max(new.wanted_seq),
            owner_version: news.owner_version.max(new.owner_version),
        };
        let changed = raised != *news;
        *news = raised;
        changed
    });
}

async fn keep(app: App, lease: Lease, news: watch::Sender<News>, lost: CancellationToken) {
    let mut renewed = Instant::now();
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        let asked = Instant::now();
        // A renewal that takes longer than the lease lasts comes too late anyway.
        let rest = LEASE.saturating_sub(renewed.elapsed());
        match tokio::time::timeout(rest, renew(&app, &lease)).await {
            Ok(Ok(Some(new))) => {
                renewed = asked;
                raise(&news, new);
            }
            Ok(Ok(None)) => break,
            Ok(Err(error)) => tracing::debug!(%error, "the lease could not be renewed"),
            Err(_) => {}
        }
        if renewed.elapsed() >= LEASE {
            break;
        }
    }
    lost.cancel();
}

async fn renew(app: &App, lease: &Lease) -> sqlx::Result<Option<News>> {
    let mut connection = app.pool.acquire().await?;
    store::renew(
        &mut connection,
        lease.workspace,
        (lease.channel, lease.epoch),
    )
    .await
}
