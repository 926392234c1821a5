//! Running instances of chat that share their stores, and what tests say to them.

use std::time::Duration;

use bus::{Bus, BusConfig};
use chat::{Parts, app::App};
use chat_api::{ChatClient, Entry, OpenChannel, ReplyHeader};
use clock::Clock;
use common::{
    server::Lifecycle,
    tokens::{Revocations, Role},
};
use futures::{SinkExt, StreamExt};
use ids::{AgentId, ChannelId, TurnId, UserId, VisitorId, WorkspaceId};
use mongodb::Database;
use reqwest::{RequestBuilder, StatusCode};
use rest::ServiceClient;
use serde_json::{Value, json};
use stores::redis::Redis;
use testkit::{Keys, Server};
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

/// What the instances of one test share.
pub(crate) struct Fleet {
    pub(crate) database: Database,
    pub(crate) keys: Keys,
    pub(crate) clock: Clock,
    pub(crate) bus: BusConfig,
    pub(crate) workspace: WorkspaceId,
    pub(crate) agent: AgentId,
}

/// One instance.
pub(crate) struct Instance {
    pub(crate) app: App,
    pub(crate) server: Server,
    pub(crate) chat: ChatClient,
    pub(crate) revocations: Revocations,
}

/// A channel, and the tokens of those who may see it.
pub(crate) struct Conversation {
    pub(crate) channel: ChannelId,
    pub(crate) visitor: VisitorId,
    pub(crate) token: String,
}

impl Fleet {
    /// Stores of its own, and no broker: events wait in the log.
    pub(crate) async fn start() -> Self {
        Self::with(Clock::system(), no_broker()).await
    }

    pub(crate) async fn with(clock: Clock, bus: BusConfig) -> Self {
        Self {
            database: testkit::mongo().await,
            keys: Keys::new(clock.clone()),
            clock,
            bus,
            workspace: WorkspaceId::new(),
            agent: AgentId::new(),
        }
    }

    /// Another instance on the same stores.
    pub(crate) async fn instance(&self) -> Instance {
        self.instance_on(self.database.clone(), testkit::redis(), 1800)
            .await
    }

    pub(crate) async fn instance_on(
        &self,
        database: Database,
        redis: Redis,
        idle: i64,
    ) -> Instance {
        let lifecycle = Lifecycle::default();
        let revocations = Revocations::empty(self.clock.clone(), self.clock.now());
        let parts = Parts {
            database,
            redis,
            bus: Bus::new("chat", &self.bus),
            tokens: self.keys.tokens("chat"),
            revocations: revocations.clone(),
            clock: self.clock.clone(),
            idle_after: chrono::Duration::seconds(idle),
        };
        let health = parts.health();
        let app = parts.start(&lifecycle);
        let (public, internal) = (chat::public(app.clone()), chat::internal(app.clone()));
        let server = Server::with_health(public, internal, health, lifecycle).await;
        let client = ServiceClient::new("chat", server.internal.clone(), self.keys.signer("agent"));
        Instance {
            app,
            server,
            chat: ChatClient::new(client.unwrap()),
            revocations,
        }
    }

    /// Opens a channel of a new visitor.
    pub(crate) async fn open(&self, instance: &Instance) -> Conversation {
        self.open_for(instance, VisitorId::new()).await
    }

    pub(crate) async fn open_for(&self, instance: &Instance, visitor: VisitorId) -> Conversation {
        let channel = ChannelId::new();
        let open = OpenChannel {
            workspace_id: self.workspace,
            agent_id: self.agent,
            visitor_id: visitor,
        };
        let opened = instance.chat.open(channel, &open).await.unwrap();
        assert!(opened.created);
        let token = self.keys.visitor(self.workspace, visitor, self.agent);
        Conversation {
            channel,
            visitor,
            token,
        }
    }

    /// The token of a person who may read and write.
    pub(crate) fn person(&self) -> String {
        self.keys.person(self.workspace, UserId::new(), Role::Admin)
    }

    /// The header of a reply to `seq`.
    pub(crate) fn reply(&self, epoch: i64, owner_version: i64, answers_to_seq: i64) -> ReplyHeader {
        ReplyHeader {
            workspace_id: self.workspace,
            agent_id: self.agent,
            agent_name: "Ada".to_owned(),
            turn_id: TurnId::new(),
            epoch,
            owner_version,
            answers_to_seq,
            answered_seq: None,
        }
    }

    /// The whole log of a channel, as the store has it.
    pub(crate) async fn log(&self, instance: &Instance, channel: ChannelId) -> Vec<Entry> {
        let mut log: Vec<Entry> = Vec::new();
        loop {
            let after = log.last().map_or(0, |entry| entry.seq);
            let page = instance
                .chat
                .log(self.workspace, channel, after)
                .await
                .unwrap();
            if page.items.is_empty() {
                return log;
            }
            log.extend(page.items);
        }
    }
}

impl Instance {
    pub(crate) fn get(&self, token: &str, path: &str) -> RequestBuilder {
        self.server.get(path).bearer_auth(token)
    }

    pub(crate) fn post(&self, token: &str, path: &str, body: &Value) -> RequestBuilder {
        self.server.post(path).bearer_auth(token).json(body)
    }

    /// Sends a message by REST; answers the status and the body.
    pub(crate) async fn say(
        &self,
        token: &str,
        channel: ChannelId,
        text: &str,
    ) -> (StatusCode, Value) {
        self.say_as(token, channel, &TurnId::new().to_string(), text)
            .await
    }

    pub(crate) async fn say_as(
        &self,
        token: &str,
        channel: ChannelId,
        client_id: &str,
        text: &str,
    ) -> (StatusCode, Value) {
        let body = json!({ "client_id": client_id, "body": { "text": text } });
        answer(self.post(token, &format!("/messages/{channel}"), &body)).await
    }

    pub(crate) async fn set_owner(
        &self,
        token: &str,
        channel: ChannelId,
        owner: &str,
    ) -> (StatusCode, Value) {
        let path = format!("/channels/{channel}/owner");
        answer(self.post(token, &path, &json!({ "owner": owner }))).await
    }

    /// A socket that has said hello and follows `channels`, each from an entry on.
    pub(crate) async fn follow(&self, token: &str, channels: &[(ChannelId, i64)]) -> Socket {
        let mut socket = self.socket(token).await;
        let resume: Vec<Value> = channels
            .iter()
            .map(|(channel, after)| json!({ "channel": channel, "after_seq": after }))
            .collect();
        socket
            .send(json!({ "type": "hello", "resume": resume }))
            .await;
        assert_eq!(socket.next().await["type"], "ready");
        for _ in channels {
            socket.until("subscribed").await;
        }
        socket
    }

    /// A socket that has said nothing yet.
    pub(crate) async fn socket(&self, token: &str) -> Socket {
        let protocols = format!("syntera.v1, bearer.{token}");
        let (socket, response) = self
            .upgrade(&[("sec-websocket-protocol", &protocols)])
            .await
            .unwrap();
        assert_eq!(response.headers()["sec-websocket-protocol"], "syntera.v1");
        socket
    }

    pub(crate) async fn upgrade(
        &self,
        headers: &[(&'static str, &str)],
    ) -> Result<(Socket, Response<Option<Vec<u8>>>), (u16, Value)> {
        let address = self.server.public.socket_addrs(|| None).unwrap()[0];
        connect(address, headers, None).await
    }
}

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
    let stream = tcp.connect(address).await.unwrap();
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

pub(crate) async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    (response.status(), response.json().await.unwrap_or_default())
}

/// Asserts that a problem was answered.
#[track_caller]
pub(crate) fn refused((status, body): (StatusCode, Value), expected: u16, code: &str) {
    assert_eq!(
        (status.as_u16(), body["code"].as_str()),
        (expected, Some(code)),
        "{body}"
    );
}

/// A broker that nobody answers.
pub(crate) fn no_broker() -> BusConfig {
    BusConfig {
        amqp_url: "amqp://127.0.0.1:1/%2f".to_owned().into(),
    }
}
