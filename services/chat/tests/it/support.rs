//! Running instances of chat that share their stores, and what tests say to them.

mod socket;

use std::sync::Arc;

use bus::{Bus, BusConfig};
use chat::{
    MIGRATOR, Parts,
    app::{App, SCHEMA},
};
use chat_api::{ChatClient, Entry, OpenChannel, ReplyHeader};
use clock::Clock;
use common::{
    server::Lifecycle,
    tokens::{Revocations, Role},
};
use ids::{AgentId, ChannelId, TurnId, UserId, VisitorId, WorkspaceId};
use mongodb::Database;
use object_store::{ObjectStore, memory::InMemory};
use reqwest::{RequestBuilder, StatusCode};
use rest::ServiceClient;
use serde_json::{Value, json};
use sqlx::PgPool;
use stores::redis::Redis;
use testkit::{Keys, Postgres, Server};
use tokio_tungstenite::tungstenite::http::Response;
use vault::{EnvKeys, Vault, VaultConfig};

pub(crate) use socket::{Socket, connect, seqs};

/// What the instances of one test share.
pub(crate) struct Fleet {
    pub(crate) database: Database,
    pub(crate) postgres: Postgres,
    /// Files, in memory.
    pub(crate) objects: Arc<dyn ObjectStore>,
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
            postgres: Postgres::start(&MIGRATOR, SCHEMA).await,
            objects: Arc::new(InMemory::new()),
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
        let parts = Parts {
            idle_after: chrono::Duration::seconds(idle),
            ..self.parts(database, redis, self.postgres.pool.clone())
        };
        self.instance_of(parts).await
    }

    /// What an instance is made of that reaches its stores by these.
    pub(crate) fn parts(&self, database: Database, redis: Redis, pool: PgPool) -> Parts {
        Parts {
            database,
            vault: self.vault(pool.clone()),
            pool,
            objects: Some(Arc::clone(&self.objects)),
            redis,
            bus: Bus::new("chat", &self.bus),
            tokens: self.keys.tokens("chat"),
            revocations: Revocations::empty(self.clock.clone(), self.clock.now()),
            clock: self.clock.clone(),
            idle_after: chrono::Duration::seconds(1800),
        }
    }

    /// A vault as an instance has it, over `pool`.
    pub(crate) fn vault(&self, pool: PgPool) -> Vault {
        let wrapper = Arc::new(EnvKeys::read(&vault_config()).unwrap());
        Vault::new(SCHEMA, pool, wrapper, self.clock.clone())
    }

    /// An instance that is made of `parts`.
    pub(crate) async fn instance_of(&self, parts: Parts) -> Instance {
        let lifecycle = Lifecycle::default();
        let revocations = parts.revocations.clone();
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

    /// A request of any method with a body.
    pub(crate) fn call(
        &self,
        method: reqwest::Method,
        token: &str,
        path: &str,
        body: &Value,
    ) -> RequestBuilder {
        let request = self.server.request(method, path).bearer_auth(token);
        if body.is_null() {
            request
        } else {
            request.json(body)
        }
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

/// The master key of all tests.
pub(crate) fn vault_config() -> VaultConfig {
    VaultConfig {
        vault_keys: format!("test:{}=", "A".repeat(43)).into(),
    }
}

/// A broker that nobody answers.
pub(crate) fn no_broker() -> BusConfig {
    BusConfig {
        amqp_url: "amqp://127.0.0.1:1/%2f".to_owned().into(),
    }
}
