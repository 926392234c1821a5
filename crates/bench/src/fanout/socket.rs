//! A socket of the load: opened from one of many addresses of this machine, and greeted.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context, bail};
use futures::{SinkExt, StreamExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, Utf8Bytes, protocol::WebSocketConfig},
};

use super::peer::{Heard, Peer, Task};

/// Sockets from one address: few enough that its ports never run out, with those of earlier rounds
/// still in TIME_WAIT.
const FROM_ONE: usize = 200;
/// tungstenite's own default keeps 128 KiB for each socket.
const BUFFER: usize = 4096;
/// Opening one may take so long.
const WITHIN: Duration = Duration::from_secs(10);

/// An open socket to a server.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) peer: Peer,
    stream: WebSocketStream<TcpStream>,
}

/// The server, and how many sockets there are to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub(super) peer: Peer,
    pub(super) address: SocketAddr,
}

impl Line {
    /// Opens socket number `index` for a task, until the server says that it can begin. Answers the
    /// place of the last entry, too, where the server tells it.
    ///
    /// # Errors
    /// When the server refuses, or takes too long.
    pub(super) async fn open(
        self,
        index: usize,
        task: Task<'_>,
        token: &str,
    ) -> anyhow::Result<(Socket, Option<i64>)> {
        let opened = tokio::time::timeout(WITHIN, self.greeted(index, task, token));
        opened
            .await
            .with_context(|| format!("socket {index} was not opened within {WITHIN:?}"))?
            .with_context(|| format!("opening socket {index}"))
    }

    async fn greeted(
        self,
        index: usize,
        task: Task<'_>,
        token: &str,
    ) -> anyhow::Result<(Socket, Option<i64>)> {
        let mut socket = self.connected(index, task, token).await?;
        let Some(hello) = self.peer.hello(task, token) else {
            return Ok((socket, None));
        };
        socket.send(hello).await?;
        let follows = matches!(task, Task::Follow(_));
        loop {
            let frame = socket.frame().await?;
            for line in frame.lines() {
                match self.peer.hear(line)? {
                    Heard::Joined { seq } => return Ok((socket, seq)),
                    Heard::Greeted if !follows => return Ok((socket, None)),
                    Heard::Greeted | Heard::Other | Heard::Ping => {}
                    heard @ (Heard::Entry { .. } | Heard::Accepted) => {
                        bail!("{heard:?} came before the greeting was over")
                    }
                }
            }
        }
    }

    async fn connected(self, index: usize, task: Task<'_>, token: &str) -> anyhow::Result<Socket> {
        let tcp = TcpSocket::new_v4()?;
        tcp.bind(SocketAddr::from((source(index), 0)))?;
        let tcp = tcp.connect(self.address).await?;
        tcp.set_nodelay(true)?;
        let request = self.peer.request(self.address, (task, token))?;
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER)
            .write_buffer_size(BUFFER);
        let (stream, _) = client_async_with_config(request, tcp, Some(config)).await?;
        Ok(Socket {
            peer: self.peer,
            stream,
        })
    }
}

impl Socket {
    /// # Errors
    /// When the connection broke.
    pub(super) async fn send(&mut self, text: String) -> anyhow::Result<()> {
        Ok(self.stream.send(Message::text(text)).await?)
    }

    /// The next frame. Given up and asked again, it loses nothing.
    ///
    /// # Errors
    /// When the server closed the socket, or the connection broke.
    pub(super) async fn frame(&mut self) -> anyhow::Result<Utf8Bytes> {
        loop {
            match self.stream.next().await.context("the connection ended")?? {
                Message::Text(text) => return Ok(text),
                Message::Close(frame) => {
                    let (code, reason) = frame.map_or((0, String::new()), |frame| {
                        (u16::from(frame.code), frame.reason.to_string())
                    });
                    bail!("closed with {code}: {reason}")
                }
                // Pings are answered below this.
                Message::Ping(_) | Message::Pong(_) => {}
                other => bail!("no text: {other:?}"),
            }
        }
    }
}

/// All of 127.0.0.0/8 is this machine.
fn source(index: usize) -> Ipv4Addr {
    let [.., high, low] = u32::try_from(index / FROM_ONE)
        .unwrap_or_default()
        .to_be_bytes();
    Ipv4Addr::new(127, 1, high, low)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn ten_thousand_sockets_come_from_fifty_addresses() {
        let mut from = BTreeMap::new();
        for index in 0..10_000 {
            *from.entry(source(index)).or_insert(0) += 1;
        }
        assert_eq!(from.len(), 50);
        assert!(from.values().all(|count| *count == FROM_ONE));
        assert!(from.keys().all(Ipv4Addr::is_loopback));
    }
}
