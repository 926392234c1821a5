//! The queue of one socket: bounded, so that a client that does not read costs nobody else anything.
//!
//! Whoever delivers never waits. When the queue is full the socket is cut; its client comes back and
//! resumes from what it has. Only a client's own backlog waits for room ([`Outbox::room`]).

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use axum::extract::ws::{Message, Utf8Bytes};
use chat_api::socket::CLOSE_TOO_SLOW;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Frames that may wait for a client.
const MAX_FRAMES: usize = 1024;
/// Bytes that may wait for a client.
const MAX_BYTES: usize = 1 << 20;
/// A backlog is read on only while fewer frames than this wait, so that it leaves room for what is new.
const BACKLOG_FRAMES: usize = 64;
/// The same in bytes: entries may be large.
const BACKLOG_BYTES: usize = MAX_BYTES / 4;
/// Frames that are written before the socket is flushed.
const BATCH: usize = 64;
/// What an idle queue keeps of the memory that a burst needed, in frames.
const KEEP: usize = 16;

/// Why and how a socket ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Close {
    /// The WebSocket close code.
    pub code: u16,
    /// Why, in a few words; also the label of the metric.
    pub reason: &'static str,
}

/// The queue of one socket.
#[derive(Debug, Default)]
pub struct Outbox {
    queue: Mutex<Queue>,
    filled: Notify,
    drained: Notify,
    ended: CancellationToken,
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Message>,
    bytes: usize,
    close: Option<Close>,
}

impl Queue {
    /// Whether a frame of backlog fits, with space left for what happens meanwhile.
    fn has_room(&self) -> bool {
        self.frames.len() < BACKLOG_FRAMES && self.bytes < BACKLOG_BYTES
    }
}

impl Outbox {
    /// Queues a frame; cuts the socket when there is no room. Never waits.
    pub fn push(&self, frame: &Utf8Bytes) {
        self.put(Message::Text(frame.clone()), frame.as_str().len());
    }

    /// Queues a ping.
    pub fn ping(&self) {
        self.put(Message::Ping(bytes::Bytes::new()), 0);
    }

    fn put(&self, frame: Message, size: usize) {
        let mut queue = self.lock();
        if queue.close.is_some() {
            return;
        }
        if queue.frames.len() >= MAX_FRAMES || queue.bytes + size > MAX_BYTES {
            drop(queue);
            self.close(Close {
                code: CLOSE_TOO_SLOW,
                reason: "too slow",
            });
            return;
        }
        queue.bytes += size;
        queue.frames.push_back(frame);
        drop(queue);
        self.filled.notify_one();
    }

    /// Ends the socket: nothing that waits is sent any more. The first reason counts.
    pub fn close(&self, close: Close) {
        let mut queue = self.lock();
        if queue.close.is_some() {
            return;
        }
        *queue = Queue {
            close: Some(close),
            ..Queue::default()
        };
        drop(queue);
        self.ended.cancel();
        self.filled.notify_one();
        self.drained.notify_one();
    }

    /// Waits until the socket is to end, and says why.
    pub async fn closed(&self) -> Close {
        self.ended.cancelled().await;
        self.lock().close.expect("a reason is set before the token")
    }

    /// Takes the next frames into `batch`, waiting for one. Answers the end of the socket instead.
    pub async fn take(&self, batch: &mut Vec<Message>) -> Result<(), Close> {
        loop {
            {
                let mut queue = self.lock();
                if let Some(close) = queue.close {
                    return Err(close);
                }
                if !queue.frames.is_empty() {
                    let count = queue.frames.len().min(BATCH);
                    batch.extend(queue.frames.drain(..count));
                    let taken: usize = batch.iter().map(size).sum();
                    queue.bytes = queue.bytes.saturating_sub(taken);
                    if queue.frames.is_empty() {
                        queue.frames.shrink_to(KEEP);
                    }
                    drop(queue);
                    self.drained.notify_one();
                    return Ok(());
                }
            }
            self.filled.notified().await;
        }
    }

    /// Waits until there is room for a piece of backlog, or until the socket ends.
    pub async fn room(&self) {
        loop {
            {
                let queue = self.lock();
                if queue.close.is_some() || queue.has_room() {
                    return;
                }
            }
            self.drained.notified().await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn size(message: &Message) -> usize {
    match message {
        Message::Text(text) => text.as_str().len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_queue_cuts_the_socket_and_forgets_what_waits() {
        let outbox = Outbox::default();
        for _ in 0..=MAX_FRAMES {
            outbox.push(&Utf8Bytes::from_static("x"));
        }
        assert_eq!(outbox.closed().await.code, CLOSE_TOO_SLOW);
        assert!(outbox.take(&mut Vec::new()).await.is_err());
        outbox.room().await;
    }

    #[tokio::test]
    async fn few_large_frames_fill_it_too() {
        let outbox = Outbox::default();
        let large = Utf8Bytes::from("x".repeat(MAX_BYTES / 2));
        outbox.push(&large);
        outbox.push(&large);
        let mut batch = Vec::new();
        outbox.take(&mut batch).await.unwrap();
        assert_eq!(batch.len(), 2);
        for _ in 0..3 {
            outbox.push(&large);
        }
        assert_eq!(outbox.closed().await.reason, "too slow");
    }
}
