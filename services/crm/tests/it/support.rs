//! A running CRM, and what tests say to it.

use std::time::Duration;

use bus::{Bus, Event, EventData};
use chat_api::{
    ChatClient, OwnerState, SenderKind,
    events::{ChannelClosed, MessageCreated},
};
use chrono::{DateTime, Utc};
use clock::Clock;
use common::{server::Lifecycle, tokens::Role};
use crm::app::App;
use ids::{AgentId, ChannelId, UserId, VisitorId, WorkspaceId};
use reqwest::{Method, RequestBuilder, StatusCode};
use rest::ServiceClient;
use serde_json::Value;
use sqlx::PgPool;
use testkit::{Broker, Keys, Postgres, Server, json, no_bus};

/// A CRM on a fresh database, seen by one owner.
pub(crate) struct Crm {
    pub(crate) server: Server,
    pub(crate) keys: Keys,
    pub(crate) clock: Clock,
    pub(crate) app: App,
    pub(crate) bus: Bus,
    pub(crate) workspace: WorkspaceId,
    pub(crate) user: UserId,
    pub(crate) postgres: Postgres,
}

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

impl Crm {
    /// Without a broker.
    pub(crate) async fn start() -> Self {
        let postgres = Postgres::start(&crm::MIGRATOR, "crm").await;
        let pool = postgres.pool.clone();
        Self::on(postgres, pool, no_bus("crm")).await
    }

    /// With the consumer and the relay running on `broker`.
    pub(crate) async fn with(broker: &Broker) -> Self {
        let postgres = Postgres::start(&crm::MIGRATOR, "crm").await;
        let pool = postgres.pool.clone();
        let crm = Self::on(postgres, pool, broker.bus("crm")).await;
        crm.run();
        crm
    }

    /// Over these connections.
    pub(crate) async fn on(postgres: Postgres, pool: PgPool, bus: Bus) -> Self {
        let clock = Clock::manual(at("2026-11-23T10:00:00Z"));
        let keys = Keys::new(clock.clone());
        // Nobody answers there; who needs a chat brings one.
        let nowhere = "http://127.0.0.1:1".parse().unwrap();
        let chat = ServiceClient::new("chat", nowhere, keys.signer("crm")).unwrap();
        let chat = ChatClient::new(chat);
        let app = App::new(pool, bus.clone(), keys.tokens("crm"), chat, clock.clone());
        let (public, internal) = (crm::public(app.clone()), crm::internal(app.clone()));
        let health = crm::health(&app, &bus);
        let server = Server::with_health(public, internal, health, Lifecycle::default()).await;
        let (workspace, user) = (WorkspaceId::new(), UserId::new());
        Self {
            server,
            keys,
            clock,
            app,
            bus,
            workspace,
            user,
            postgres,
        }
    }

    /// Starts the consumer and the relay.
    pub(crate) fn run(&self) {
        let life = &self.server.lifecycle;
        life.spawn(self.app.outbox.clone().relay(life.stop_token()));
        life.spawn(crm::consumers::run(
            self.app.clone(),
            self.bus.clone(),
            life.stop_token(),
        ));
    }

    /// A token of the owner that has just been signed.
    pub(crate) fn token(&self) -> String {
        self.keys.person(self.workspace, self.user, Role::Owner)
    }

    /// A request of the owner.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.server.request(method, path).bearer_auth(self.token())
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.request(Method::POST, path).json(body)
    }

    pub(crate) fn patch(&self, path: &str, body: &Value) -> RequestBuilder {
        self.request(Method::PATCH, path).json(body)
    }

    /// Somebody else's token.
    pub(crate) fn token_of(&self, workspace: WorkspaceId, role: Role) -> String {
        self.keys.person(workspace, UserId::new(), role)
    }

    /// Creates a contact; answers its body.
    pub(crate) async fn create(&self, body: Value) -> Value {
        json(self.post("/contacts", &body), StatusCode::CREATED).await
    }

    /// The items that a list answers.
    pub(crate) async fn items(&self, path: &str) -> Vec<Value> {
        let page = json(self.get(path), StatusCode::OK).await;
        page["items"].as_array().unwrap().clone()
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

/// A conversation, as chat tells of it.
#[derive(Clone, Copy)]
pub(crate) struct Conversation {
    pub(crate) workspace: WorkspaceId,
    pub(crate) channel: ChannelId,
    pub(crate) visitor: VisitorId,
    pub(crate) agent: AgentId,
}

impl Conversation {
    pub(crate) fn new(workspace: WorkspaceId) -> Self {
        Self {
            workspace,
            channel: ChannelId::new(),
            visitor: VisitorId::new(),
            agent: AgentId::new(),
        }
    }

    pub(crate) fn event<T: EventData>(&self, data: &T) -> Event {
        Event::new(&Clock::system(), self.workspace, data)
    }

    pub(crate) fn message(&self, sender_kind: SenderKind) -> Event {
        self.event(&MessageCreated {
            channel_id: self.channel,
            seq: 2,
            sender_kind,
            agent_id: self.agent,
            visitor_id: self.visitor,
            owner: OwnerState::Ai,
            owner_version: 1,
            created_at: at("2026-11-23T09:00:10Z"),
        })
    }

    pub(crate) fn closed_data(&self) -> ChannelClosed {
        ChannelClosed {
            channel_id: self.channel,
            seq: 9,
            agent_id: self.agent,
            visitor_id: self.visitor,
            closed_by: SenderKind::Visitor,
            escalated: true,
            visitor_messages: 3,
            agent_messages: 2,
            user_messages: 1,
            opened_at: at("2026-11-23T09:00:00Z"),
            closed_at: at("2026-11-23T09:03:20.5Z"),
        }
    }

    pub(crate) fn closed(&self) -> Event {
        self.event(&self.closed_data())
    }
}
