//! A client's end of the socket.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use ids::ChannelId;
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        client::IntoClientRequest,
        http::{HeaderValue, Request, Response},
        protocol::frame::coding::CloseCode,
    },
};

/// No test waits longer for one thing.
const WITHIN: Duration = Duration::from_secs(15);

/// Connects to the socket of an instance, with a receive buffer of this many bytes. A refusal is its
/// status and body; where the connection itself broke, 0 and why.
pub(crate) async fn connect(
    address: std::net::SocketAddr,
    headers: &[(&'static str, &str)],
    buffer: Option<u32>,
) -> Result<(Socket, Response<Option<Vec<u8>>>), (u16, Value)> {
    let mut request: Request<()> = format!("ws://{address}/ws/chat")
        .into_client_request()
        .unwrap();
    for (name, value) in headers {
        request
            .headers_mut()
            .insert(*name, HeaderValue::from_str(value).unwrap());
    }
    let tcp = TcpSocket::new_v4().unwrap();
    if let Some(bytes) = buffer {
        tcp.set_recv_buffer_size(bytes).unwrap();
    }
    let stream = tcp
        .connect(address)
        .await
        .map_err(|error| (0, Value::String(error.to_string())))?;
    match tokio_tungstenite::client_async(request, stream).await {
        Ok((stream, response)) => Ok((Socket { stream }, response)),
        Err(tokio_tungstenite::tungstenite::Error::Http(response)) => {
            let body = response.body().clone().unwrap_or_default();
            Err((
                response.status().as_u16(),
                serde_json::from_slice(&body).unwrap_or_default(),
            ))
        }
        Err(error) => Err((0, Value::String(error.to_string()))),
    }
}

/// A client's end of a socket.
pub(crate) struct Socket {
    pub(crate) stream: WebSocketStream<TcpStream>,
}

impl Socket {
    pub(crate) async fn send(&mut self, frame: Value) {
        self.text(&frame.to_string()).await;
    }

    pub(crate) async fn text(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.unwrap();
    }

    pub(crate) async fn say(&mut self, channel: ChannelId, client_id: &str, text: &str) {
        let frame = json!({
            "type": "send", "channel": channel, "client_id": client_id, "body": { "text": text },
        });
        self.send(frame).await;
    }

    /// The next frame, or the code that the socket was closed with; 1006 for a connection that broke.
    pub(crate) async fn frame(&mut self) -> Result<Value, u16> {
        let next = async {
            loop {
                match self.stream.next().await {
                    Some(Ok(Message::Text(text))) => {
                        return Ok(serde_json::from_str(&text).unwrap());
                    }
                    Some(Ok(Message::Close(Some(frame)))) => return Err(u16::from(frame.code)),
                    Some(Ok(Message::Close(None))) => return Err(u16::from(CloseCode::Status)),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Err(1006),
                }
            }
        };
        tokio::time::timeout(WITHIN, next)
            .await
            .expect("a frame in time")
    }

    pub(crate) async fn next(&mut self) -> Value {
        self.frame().await.unwrap()
    }

    /// The next frame of this type; others are passed over.
    pub(crate) async fn until(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.next().await;
            if frame["type"] == kind {
                return frame;
            }
        }
    }

    /// The next frame of one of these types; others are passed over.
    pub(crate) async fn until_any(&mut self, kinds: &[&str]) -> Value {
        loop {
            let frame = self.next().await;
            if kinds.iter().any(|kind| frame["type"] == *kind) {
                return frame;
            }
        }
    }

    /// The frames up to the entry `seq`, that one included.
    pub(crate) async fn up_to(&mut self, seq: i64) -> Vec<Value> {
        let mut frames = Vec::new();
        loop {
            let frame = self.next().await;
            let done = frame["kind"].is_string() && frame["seq"] == seq;
            frames.push(frame);
            if done {
                return frames;
            }
        }
    }

    /// The code that the socket is closed with; frames before it are passed over.
    pub(crate) async fn closed(&mut self) -> u16 {
        loop {
            if let Err(code) = self.frame().await {
                return code;
            }
        }
    }
}

/// The places of the entries among frames.
pub(crate) fn seqs(frames: &[Value]) -> Vec<i64> {
    frames
        .iter()
        .filter(|frame| frame["kind"].is_string())
        .filter_map(|frame| frame["seq"].as_i64())
        .collect()
}
