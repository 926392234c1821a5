//! Whoever sends: as fast as told, without waiting for the answer to the last one.

use std::rc::Rc;

use anyhow::Context;
use ids::EventId;
use tokio::sync::mpsc;

use super::{peer::Heard, room::Room, socket::Socket, text};

/// A socket that sends.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) socket: Socket,
    pub(super) run: u32,
}

impl Sender {
    /// Sends the next message into each room that comes, until no more do and all were taken.
    ///
    /// # Errors
    /// When the server refused one.
    pub(super) async fn run(
        mut self,
        mut rooms: mpsc::UnboundedReceiver<Rc<Room>>,
    ) -> anyhow::Result<()> {
        let (mut more, mut waiting) = (true, 0_usize);
        while more || waiting > 0 {
            tokio::select! {
                room = rooms.recv(), if more => match room {
                    Some(room) => {
                        self.send(&room).await.context("sending")?;
                        waiting += 1;
                    }
                    None => more = false,
                },
                frame = self.socket.frame() => {
                    let taken = self.take(&frame?).await.context("at a sender")?;
                    waiting = waiting.checked_sub(taken).context("more was taken than sent")?;
                }
            }
        }
        Ok(())
    }

    async fn send(&mut self, room: &Room) -> anyhow::Result<()> {
        let number = room.send();
        let client_id = EventId::new().to_string();
        let text = text::of(self.run, number);
        let frame = self.socket.peer.say(&room.id, &client_id, &text);
        self.socket.send(frame).await
    }

    /// How many messages the frame says were taken.
    async fn take(&mut self, frame: &str) -> anyhow::Result<usize> {
        let peer = self.socket.peer;
        let mut taken = 0;
        for line in frame.lines() {
            match peer.hear(line)? {
                Heard::Accepted => taken += 1,
                Heard::Ping => self.socket.send(peer.pong().to_owned()).await?,
                _ => {}
            }
        }
        Ok(taken)
    }
}
