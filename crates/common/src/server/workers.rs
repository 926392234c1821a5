//! Threads that serve connections, each with a runtime of its own.
//!
//! tokio's own pool moves a task to whoever is idle, so a request, its answer and the connection to a
//! service wake each other across threads. A proxy has nothing to gain from that: each of its requests is
//! small, and a connection that stays on its thread costs a tenth less.

use std::{
    cell::Cell,
    io,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use tokio::{net::TcpStream, runtime::Handle, sync::oneshot};
use tokio_util::task::TaskTracker;

thread_local! {
    static NUMBER: Cell<usize> = const { Cell::new(0) };
}

/// The number of the thread that serves this connection, from 0: for what each keeps by itself, such as
/// its connections to services.
#[must_use]
pub fn worker() -> usize {
    NUMBER.get()
}

/// The threads. They end when this is dropped, whatever they are doing.
pub struct Workers {
    workers: Vec<Worker>,
    next: AtomicUsize,
}

struct Worker {
    handle: Handle,
    /// Dropped to end it.
    _end: oneshot::Sender<()>,
}

impl Workers {
    /// So many threads, one at least.
    ///
    /// # Errors
    /// When a thread or its runtime cannot be made.
    pub fn start(count: usize) -> io::Result<Self> {
        let workers = (0..count.max(1)).map(Worker::start);
        Ok(Self {
            workers: workers.collect::<io::Result<_>>()?,
            next: AtomicUsize::new(0),
        })
    }

    /// Hands a new connection to the next thread.
    pub(super) fn spawn<F>(
        &self,
        tasks: &TaskTracker,
        stream: TcpStream,
        serve: impl FnOnce(TcpStream) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.workers.len();
        // It must be watched by the runtime that uses it. A connection that cannot be moved is gone.
        let Ok(stream) = stream.into_std() else {
            return;
        };
        let serving = async move {
            if let Ok(stream) = TcpStream::from_std(stream) {
                serve(stream).await;
            }
        };
        tasks.spawn_on(serving, &self.workers[turn].handle);
    }
}

impl Worker {
    fn start(number: usize) -> io::Result<Self> {
        let (end, ended) = oneshot::channel::<()>();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        thread::Builder::new()
            .name(format!("worker-{number}"))
            .spawn(move || {
                NUMBER.set(number);
                // An error says that the other side is gone, which is what is waited for.
                let _ = runtime.block_on(ended);
            })?;
        Ok(Self { handle, _end: end })
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    #[tokio::test]
    async fn connections_take_turns_and_stay_on_their_thread() {
        let workers = Workers::start(2).unwrap();
        let tasks = TaskTracker::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut seen = Vec::new();
        for _ in 0..4 {
            let dialing = TcpStream::connect(listener.local_addr().unwrap());
            let (mut client, accepted) = tokio::try_join!(dialing, listener.accept()).unwrap();
            workers.spawn(&tasks, accepted.0, |mut stream| async move {
                let here = worker();
                tokio::task::yield_now().await;
                let number = if worker() == here { here } else { 9 };
                let number = u8::try_from(number).unwrap();
                stream.write_all(&[number]).await.unwrap();
            });
            seen.push(client.read_u8().await.unwrap());
        }
        assert_eq!(seen, [0, 1, 0, 1]);
        tasks.close();
        tasks.wait().await;
    }
}
