//! The program itself: killed under load, and followed by its spans.

use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use axum::{Json, Router, routing::get};
use chat_api::{ChatClient, Entry, OpenChannel};
use clock::Clock;
use common::tokens::{RevocationList, Role};
use futures::StreamExt;
use ids::{AgentId, ChannelId, UserId, VisitorId, WorkspaceId};
use mongodb::bson::{Document, doc};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use rest::ServiceClient;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use testkit::{Broker, Keys, Postgres, eventually, eventually_within};
use tokio::process::{Child, Command};
use tokio_tungstenite::tungstenite::Message;
use url::Url;

use crate::support::{Socket, connect, vault_config};

/// Everything that a `chat serve` needs, and the process itself.
struct Program {
    keys: Keys,
    broker: Broker,
    mongo: Url,
    postgres: Postgres,
    auth: Url,
    public: SocketAddr,
    internal: SocketAddr,
    folder: PathBuf,
    child: Option<Child>,
}

/// An address that was free a moment ago.
fn free() -> SocketAddr {
    TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap()
}

impl Program {
    async fn start() -> Self {
        let clock = Clock::system();
        let keys = Keys::new(clock.clone());
        let folder = std::env::temp_dir().join(format!("chat-{}", ids::EventId::new()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("key.pem"), keys.service_pem("chat")).unwrap();
        let services = serde_json::to_string(keys.service_jwks()).unwrap();
        std::fs::write(folder.join("services.jwks.json"), services).unwrap();
        let mut program = Self {
            auth: auth(&keys, clock).await,
            keys,
            broker: Broker::start().await,
            mongo: testkit::mongo_url(),
            postgres: Postgres::start(&chat::MIGRATOR, "chat").await,
            public: free(),
            internal: free(),
            folder,
            child: None,
        };
        let migrate = program.command(&["migrate"]).status().await.unwrap();
        assert!(migrate.success());
        program.run().await;
        program
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chat"));
        let file = |name: &str| self.folder.join(name);
        let files = Url::from_directory_path(file("files")).unwrap();
        command
            .args(arguments)
            .env("SYNTERA_BIND", self.public.to_string())
            .env("SYNTERA_INTERNAL_BIND", self.internal.to_string())
            .env("SYNTERA_MONGODB_URL", self.mongo.as_str())
            .env("SYNTERA_DATABASE_URL", self.postgres.url("chat"))
            .env(
                "SYNTERA_VAULT_KEYS",
                vault_config().vault_keys.expose_secret(),
            )
            .env("SYNTERA_ATTACHMENTS_URL", files.as_str())
            .env("SYNTERA_REDIS_URL", testkit::redis_url().as_str())
            .env(
                "SYNTERA_AMQP_URL",
                self.broker.config.amqp_url.expose_secret(),
            )
            .env("SYNTERA_AUTH_INTERNAL_URL", self.auth.as_str())
            .env("SYNTERA_SERVICE_KEY_FILE", file("key.pem"))
            .env("SYNTERA_SERVICE_JWKS_FILE", file("services.jwks.json"))
            .env("SYNTERA_TRACE_FILE", self.trace_file())
            .env("SYNTERA_LOG", "info")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true);
        command
    }

    async fn run(&mut self) {
        self.child = Some(self.command(&["serve"]).spawn().unwrap());
        let url = format!("http://{}/readyz", self.internal);
        eventually_within(Duration::from_secs(30), "it is ready", async || {
            reqwest::get(&url)
                .await
                .ok()?
                .status()
                .is_success()
                .then_some(())
        })
        .await;
    }

    /// SIGKILL: no goodbye to anybody.
    async fn kill(&mut self) {
        self.child.take().unwrap().kill().await.unwrap();
    }

    fn trace_file(&self) -> PathBuf {
        self.folder.join("spans.jsonl")
    }

    fn agent(&self) -> ChatClient {
        let url = Url::parse(&format!("http://{}", self.internal)).unwrap();
        ChatClient::new(ServiceClient::new("chat", url, self.keys.signer("agent")).unwrap())
    }

    async fn database(&self) -> mongodb::Database {
        testkit::mongo_at(self.mongo.clone()).await
    }

    async fn socket(&self, token: &str, traceparent: Option<&str>) -> Option<Socket> {
        let protocols = format!("syntera.v1, bearer.{token}");
        let mut headers = vec![("sec-websocket-protocol", protocols.as_str())];
        headers.extend(traceparent.map(|value| ("traceparent", value)));
        tokio::net::TcpStream::connect(self.public).await.ok()?;
        Some(connect(self.public, &headers, None).await.ok()?.0)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Whether the folder of the test can be removed is not what it is about.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// What chat asks of auth: the public keys, and who was signed out.
async fn auth(keys: &Keys, clock: Clock) -> Url {
    let jwks = serde_json::to_value(keys.jwks()).unwrap();
    let list = move || {
        let list = RevocationList {
            items: Vec::new(),
            as_of: clock.now(),
        };
        async move { Json(list) }
    };
    let router = Router::new()
        .route("/internal/jwks", get(move || async move { Json(jwks) }))
        .route("/internal/revocations", get(list));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_under_load_it_loses_no_acknowledged_message_and_shows_none_twice() {
    const MESSAGES: i64 = 300;
    const KILLS: usize = 4;
    let mut program = Program::start().await;
    let (workspace, visitor, agent) = (WorkspaceId::new(), VisitorId::new(), AgentId::new());
    let channel = ChannelId::new();
    let open = OpenChannel {
        workspace_id: workspace,
        agent_id: agent,
        visitor_id: visitor,
    };
    program.agent().open(channel, &open).await.unwrap();
    let token = program.keys.visitor(workspace, visitor, agent);
    let viewer = program.keys.person(workspace, UserId::new(), Role::Viewer);
    let (public, client) = (program.public, reqwest::Client::new());

    // Says one thing after the other, and each again under the same name until it is acknowledged.
    let writing = tokio::spawn(async move {
        let mut acknowledged = Vec::new();
        for n in 0..MESSAGES {
            let body = json!({ "client_id": n.to_string(), "body": { "text": n.to_string() } });
            let seq = loop {
                let request = client.post(format!("http://{public}/messages/{channel}"));
                let sent = request
                    .bearer_auth(&token)
                    .json(&body)
                    .timeout(Duration::from_secs(5))
                    .send()
                    .await;
                if let Ok(response) = sent
                    && response.status().is_success()
                    && let Ok(entry) = response.json::<Value>().await
                {
                    break entry["seq"].as_i64().unwrap();
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            };
            acknowledged.push(seq);
        }
        acknowledged
    });
    // Follows the channel over every death.
    let (reading, address) = (viewer.clone(), program.public);
    let reading = tokio::spawn(async move {
        let mut have = 0;
        while have < MESSAGES + 1 {
            let protocols = format!("syntera.v1, bearer.{reading}");
            if tokio::net::TcpStream::connect(address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            }
            let Ok((mut socket, _)) =
                connect(address, &[("sec-websocket-protocol", &protocols)], None).await
            else {
                continue;
            };
            let hello =
                json!({ "type": "hello", "resume": [{ "channel": channel, "after_seq": have }] });
            let _ =
                futures::SinkExt::send(&mut socket.stream, Message::text(hello.to_string())).await;
            while let Some(Ok(message)) = socket.stream.next().await {
                let Message::Text(text) = message else {
                    continue;
                };
                let frame: Value = serde_json::from_str(&text).unwrap();
                if let Some(seq) = frame["seq"].as_i64().filter(|_| frame["kind"].is_string()) {
                    assert_eq!(seq, have + 1, "missing, doubled or out of order");
                    have = seq;
                }
                if have == MESSAGES + 1 {
                    break;
                }
            }
        }
    });
    let mut dice = StdRng::seed_from_u64(3);
    let database = program.database().await;
    let messages = database.collection::<Document>("messages");
    for kill in 1..=KILLS {
        let so_far = MESSAGES as u64 * kill as u64 / (KILLS as u64 + 1);
        eventually_within(Duration::from_secs(60), "it goes on", async || {
            (messages.count_documents(doc! {}).await.unwrap() >= so_far).then_some(())
        })
        .await;
        tokio::time::sleep(Duration::from_millis(dice.random_range(0..30))).await;
        program.kill().await;
        program.run().await;
    }
    let acknowledged = writing.await.unwrap();
    tokio::time::timeout(Duration::from_secs(60), reading)
        .await
        .expect("everything arrives")
        .unwrap();

    let log = program.agent();
    let mut entries: Vec<Entry> = Vec::new();
    while let Ok(page) = log
        .log(
            workspace,
            channel,
            entries.last().map_or(0, |entry| entry.seq),
        )
        .await
        && !page.items.is_empty()
    {
        entries.extend(page.items);
    }
    assert_eq!(entries.len() as i64, MESSAGES + 1, "each message once");
    for (n, seq) in acknowledged.into_iter().enumerate() {
        let entry = &entries[usize::try_from(seq - 1).unwrap()];
        assert_eq!(
            (entry.seq, entry.client_id.clone()),
            (seq, Some(n.to_string()))
        );
    }
    // Every event was published, by whoever came after; a few perhaps twice.
    eventually_within(Duration::from_secs(60), "no event waits", async || {
        let waiting = doc! { "pending_event": { "$exists": true } };
        (messages.count_documents(waiting).await.unwrap() == 0).then_some(())
    })
    .await;
    eventually_within(
        Duration::from_secs(20),
        "the consumers' queue has them",
        async || (program.broker.depth("agent.turns").await >= MESSAGES as u64).then_some(()),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_goes_from_the_frame_to_the_event() {
    let program = Program::start().await;
    let (workspace, visitor, agent) = (WorkspaceId::new(), VisitorId::new(), AgentId::new());
    let channel = ChannelId::new();
    let open = OpenChannel {
        workspace_id: workspace,
        agent_id: agent,
        visitor_id: visitor,
    };
    program.agent().open(channel, &open).await.unwrap();
    let token = program.keys.visitor(workspace, visitor, agent);
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let traceparent = format!("00-{trace}-b7ad6b7169203331-01");
    let mut told = program.socket(&token, Some(&traceparent)).await.unwrap();
    let mut own = program.socket(&token, None).await.unwrap();
    for (socket, id) in [(&mut told, "told"), (&mut own, "own")] {
        socket.send(json!({ "type": "hello" })).await;
        socket.until("ready").await;
        socket.say(channel, id, "hello").await;
        socket.until("ack").await;
    }
    let spans = eventually("the spans are written", async || {
        let spans = spans(&program.trace_file());
        (spans
            .iter()
            .filter(|span| span["name"] == "db.message.insert")
            .count()
            == 3)
            .then_some(spans)
    })
    .await;
    let parent = |span: &Value| {
        spans
            .iter()
            .find(|other| other["span_id"] == span["parent_span_id"])
            .cloned()
    };
    let sent: Vec<&Value> = spans
        .iter()
        .filter(|span| span["name"] == "chat.socket.send")
        .collect();
    assert_eq!(sent.len(), 2);
    // A trace of its own, that leads to the one the socket was opened in.
    let (told, own): (Vec<&Value>, Vec<&Value>) = sent
        .into_iter()
        .partition(|span| span["links"][0]["trace_id"] == trace);
    assert_eq!((told.len(), own.len()), (1, 1));
    assert_eq!(told[0]["links"][0]["span_id"], "b7ad6b7169203331");
    assert_eq!(own[0]["links"], json!([]));
    for send in [told[0], own[0]] {
        assert_eq!(send["parent_span_id"], "0000000000000000");
    }
    for send in [told[0], own[0]] {
        let insert = spans.iter().find(|span| {
            span["name"] == "db.message.insert" && span["trace_id"] == send["trace_id"]
        });
        let create = parent(insert.unwrap()).unwrap();
        assert_eq!(create["name"], "chat.messages.create");
        assert_eq!(parent(&create).unwrap()["span_id"], send["span_id"]);
        // And on to the others: the event names the span that it was made in.
        let publish = eventually("the publication's span is written", async || {
            let spans = self::spans(&program.trace_file());
            let same = |span: &&Value| {
                span["name"] == "chat.events.publish" && span["trace_id"] == send["trace_id"]
            };
            spans.iter().find(same).cloned()
        });
        assert_eq!(publish.await["parent_span_id"], create["span_id"]);
    }
}

fn spans(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

#[tokio::test]
async fn migrating_twice_leaves_the_unique_keys() {
    let program = Program::start().await;
    assert!(
        program
            .command(&["migrate"])
            .status()
            .await
            .unwrap()
            .success()
    );
    let database = program.database().await;
    let names = async |collection: &str| {
        database
            .collection::<Document>(collection)
            .list_index_names()
            .await
            .unwrap()
    };
    for name in ["place", "client"] {
        assert!(
            names("messages").await.iter().any(|index| index == name),
            "{name}"
        );
    }
    assert!(
        names("channels")
            .await
            .iter()
            .any(|index| index == "channel")
    );
    let lines = database.collection::<Document>("logs");
    let indexes = lines.list_indexes().await.unwrap();
    let ages = indexes.filter_map(async |index| index.unwrap().options?.expire_after);
    let month = Duration::from_secs(30 * 24 * 3600);
    assert_eq!(
        ages.collect::<Vec<_>>().await,
        [month],
        "log lines go by age"
    );
}
