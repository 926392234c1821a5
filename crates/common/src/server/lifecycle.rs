//! Stopping in order: a token that says "finish", one that says "no more comes", and a tracker that
//! knows what is still running.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::FutureExt;
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The life of one service process. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    stop: CancellationToken,
    cut: CancellationToken,
    tasks: TaskTracker,
    broken: Arc<AtomicBool>,
}

impl Lifecycle {
    /// A life that ends by SIGTERM or SIGINT.
    ///
    /// # Errors
    /// When the signal handlers cannot be installed.
    pub fn until_signalled() -> std::io::Result<Self> {
        let lifecycle = Self::default();
        let stop = lifecycle.stop.clone();
        let mut term = signal(SignalKind::terminate())?;
        let mut int = signal(SignalKind::interrupt())?;
        tokio::spawn(async move {
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
            }
            stop.cancel();
        });
        Ok(lifecycle)
    }

    /// Cancelled when the service begins to stop: take no new work, finish or hand back what you have.
    /// Connections still come for the drain delay.
    #[must_use]
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Cancelled when the drain delay is over and nobody connects any more: cut what has no end of its
    /// own, such as a socket. Cut earlier, its client might come straight back to this process.
    #[must_use]
    pub fn cut_token(&self) -> CancellationToken {
        self.cut.clone()
    }

    /// Begins to stop, as a signal would.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Nobody connects any more.
    pub(super) fn cut(&self) {
        self.cut.cancel();
    }

    /// Runs a piece of work that the end of the service waits for. It must end by itself or watch a
    /// token. Its panic is its own: the handle tells.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tasks.spawn(task)
    }

    /// Runs what works as long as the service does, and watches the stop token. A panic in it stops the
    /// service with a failure, so that a supervisor starts it anew: nobody waits for this task, so
    /// nobody would notice that it is gone.
    pub fn spawn_background<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let life = self.clone();
        self.tasks.spawn(async move {
            // Whatever it shared is not used any more: the process ends.
            if AssertUnwindSafe(task).catch_unwind().await.is_err() {
                tracing::error!("a background task panicked; the service stops");
                life.broken.store(true, Ordering::SeqCst);
                life.stop();
            }
        });
    }

    /// Whether a background task panicked.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::SeqCst)
    }

    /// Waits until every task that was spawned here has ended.
    pub(super) async fn wait_for_tasks(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}
