//! Whoever follows a room: each message once, in order, and how long it took.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use tokio::sync::{Notify, watch};

use super::{peer::Heard, room::Room, socket::Socket, text};

/// What all followers of a run have got.
#[derive(Debug)]
pub(super) struct Tally {
    /// Of each delivery, in microseconds.
    latencies: RefCell<Vec<u32>>,
    missing: Cell<usize>,
    /// When the last delivery came.
    last: Cell<Instant>,
    all: Notify,
}

impl Tally {
    pub(super) fn new(deliveries: usize) -> Self {
        Self {
            latencies: RefCell::new(Vec::with_capacity(deliveries)),
            missing: Cell::new(deliveries),
            last: Cell::new(Instant::now()),
            all: Notify::new(),
        }
    }

    fn took(&self, latency: Duration) {
        let micros = u32::try_from(latency.as_micros()).unwrap_or(u32::MAX);
        self.latencies.borrow_mut().push(micros);
        self.missing.set(self.missing.get().saturating_sub(1));
        self.last.set(Instant::now());
        if self.missing.get() == 0 {
            self.all.notify_one();
        }
    }

    /// Waits until nothing is missing any more.
    pub(super) async fn all(&self) {
        while self.missing.get() > 0 {
            self.all.notified().await;
        }
    }

    pub(super) fn missing(&self) -> usize {
        self.missing.get()
    }

    pub(super) fn last(&self) -> Instant {
        self.last.get()
    }

    /// The time within which 99 of 100 deliveries came, in microseconds.
    pub(super) fn p99_micros(&self) -> u32 {
        let mut latencies = self.latencies.borrow().clone();
        latencies.sort_unstable();
        let within = (latencies.len() * 99).div_ceil(100);
        latencies
            .get(within.saturating_sub(1))
            .copied()
            .unwrap_or(0)
    }
}

/// A socket that follows one room.
#[derive(Debug)]
pub(super) struct Follower {
    socket: Socket,
    room: Rc<Room>,
    run: u32,
    tally: Rc<Tally>,
    /// The place of the last entry, where the server tells it.
    seq: Option<i64>,
    /// The number of the next message.
    next: u32,
}

impl Follower {
    pub(super) fn new(
        (socket, seq): (Socket, Option<i64>),
        room: Rc<Room>,
        run: u32,
        tally: Rc<Tally>,
    ) -> Self {
        let seq = seq.or(room.head);
        Self {
            socket,
            room,
            run,
            tally,
            seq,
            next: 0,
        }
    }

    /// Follows until it is `over`.
    ///
    /// # Errors
    /// When a message came twice, too early, or not at all.
    pub(super) async fn run(mut self, mut over: watch::Receiver<bool>) -> anyhow::Result<()> {
        let result = loop {
            let frame = tokio::select! {
                frame = self.socket.frame() => frame,
                _ = over.changed() => break Ok(()),
            };
            let taken = match frame {
                Ok(frame) => self.take(&frame).await,
                Err(error) => Err(error),
            };
            if taken.is_err() {
                break taken;
            }
        };
        let Self { room, next, .. } = self;
        result.with_context(|| format!("in room {} after {next} messages", room.id))?;
        ensure!(
            next == room.planned,
            "{next} of {} messages came in room {}",
            room.planned,
            room.id
        );
        Ok(())
    }

    async fn take(&mut self, frame: &str) -> anyhow::Result<()> {
        let peer = self.socket.peer;
        for line in frame.lines() {
            match peer.hear(line)? {
                Heard::Entry { seq, text } => self.entry(seq, text.as_deref())?,
                Heard::Ping => self.socket.send(peer.pong().to_owned()).await?,
                Heard::Greeted | Heard::Joined { .. } | Heard::Accepted | Heard::Other => {}
            }
        }
        Ok(())
    }

    fn entry(&mut self, seq: Option<i64>, text: Option<&str>) -> anyhow::Result<()> {
        if let (Some(last), Some(seq)) = (self.seq, seq) {
            ensure!(seq == last + 1, "{seq} follows {last}");
            self.seq = Some(seq);
        }
        let Some(number) = text
            .map(|text| text::number(self.run, text))
            .transpose()?
            .flatten()
        else {
            return Ok(());
        };
        ensure!(
            number == self.next,
            "message {number} came instead of {}",
            self.next
        );
        let sent = self.room.sent_at(number).context("it was not sent yet")?;
        self.next += 1;
        self.tally.took(sent.elapsed());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_hundredth_does_not_count() {
        let tally = Tally::new(200);
        for micros in (1..=200).rev() {
            tally.took(Duration::from_micros(micros));
        }
        assert_eq!((tally.missing(), tally.p99_micros()), (0, 198));
        assert_eq!(Tally::new(0).p99_micros(), 0);
    }
}
