//! What the tests stand on: a world with fresh stores, a strict chat, CRM and model, and any number of
//! running agent services, each of which can be killed.

mod channels;
pub(crate) mod chat;
pub(crate) mod crm;
mod instance;
mod replies;

use std::sync::Arc;

use agent_api::{Agent, Conversation, Document, DocumentStatus};
use bus::Bus;
use clock::Clock;
use common::{problem::Document as Problem, tokens::Role};
use ids::{AgentId, ChannelId, UserId, VisitorId, WorkspaceId};
use llm::fake::Fake;
use mongodb::{
    Database,
    bson::{Document as Bson, doc},
};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use testkit::{Broker, Keys, Postgres, Proxy, eventually};
use url::Url;

pub(crate) use chat::FakeChat;
pub(crate) use crm::FakeCrm;
pub(crate) use instance::{Instance, Options};

/// Fresh stores and strict neighbours.
pub(crate) struct World {
    pub(crate) keys: Keys,
    pub(crate) postgres: Postgres,
    pub(crate) broker: Broker,
    pub(crate) chat: FakeChat,
    /// Between the agent service and chat.
    pub(crate) chat_proxy: Proxy,
    pub(crate) crm: FakeCrm,
    pub(crate) llm: Arc<Fake>,
    pub(crate) mongo: Database,
    pub(crate) mongo_url: Url,
    pub(crate) workspace: WorkspaceId,
    pub(crate) user: UserId,
    http: Client,
}

impl World {
    pub(crate) async fn new() -> Self {
        let clock = Clock::system();
        let keys = Keys::new(clock);
        let broker = Broker::start().await;
        let bus = broker.bus("chat");
        bus.check()
            .await
            .expect("the broker answers, and has its queues");
        let chat = FakeChat::start(&keys, bus).await;
        let chat_proxy = Proxy::start(&chat.url).await;
        let mongo_url = testkit::mongo_url();
        Self {
            crm: FakeCrm::start(&keys).await,
            llm: Arc::new(Fake::start().await),
            postgres: Postgres::start(&agent::MIGRATOR, "agent").await,
            mongo: testkit::mongo_at(mongo_url.clone()).await,
            mongo_url,
            keys,
            broker,
            chat,
            chat_proxy,
            workspace: WorkspaceId::new(),
            user: UserId::new(),
            http: Client::new(),
        }
    }

    /// A world with one running agent service.
    pub(crate) async fn with_instance() -> (Self, Instance) {
        let world = Self::new().await;
        let instance = Instance::start(&world).await;
        (world, instance)
    }

    /// Where chat is, as the agent service reaches it.
    pub(crate) fn chat_url(&self) -> Url {
        self.chat_proxy.through(&self.chat.url)
    }

    pub(crate) fn bus(&self) -> Bus {
        self.broker.bus("agent")
    }

    /// A request of the owner.
    pub(crate) fn request(&self, at: &Instance, method: Method, path: &str) -> RequestBuilder {
        let token = self.keys.person(self.workspace, self.user, Role::Owner);
        self.request_as(at, &token, method, path)
    }

    pub(crate) fn request_as(
        &self,
        at: &Instance,
        token: &str,
        method: Method,
        path: &str,
    ) -> RequestBuilder {
        self.http
            .request(method, at.public.join(path).unwrap())
            .bearer_auth(token)
    }

    pub(crate) fn get(&self, at: &Instance, path: &str) -> RequestBuilder {
        self.request(at, Method::GET, path)
    }

    pub(crate) fn post(&self, at: &Instance, path: &str, body: &Value) -> RequestBuilder {
        self.request(at, Method::POST, path).json(body)
    }

    pub(crate) fn patch(&self, at: &Instance, path: &str, body: &Value) -> RequestBuilder {
        self.request(at, Method::PATCH, path).json(body)
    }

    pub(crate) async fn create_agent(&self, at: &Instance, body: Value) -> Agent {
        let response = self.post(at, "/agents", &body).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::CREATED);
        response.json().await.unwrap()
    }

    pub(crate) async fn add_document(
        &self,
        at: &Instance,
        agent: AgentId,
        body: Value,
    ) -> Document {
        let response = self
            .post(at, &format!("/agents/{agent}/documents"), &body)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::CREATED);
        response.json().await.unwrap()
    }

    pub(crate) async fn document(&self, at: &Instance, of: &Document) -> Document {
        let path = format!("/agents/{}/documents/{}", of.agent_id, of.id);
        self.get(at, &path)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    /// Waits until a document is prepared, or given up.
    pub(crate) async fn prepared(&self, at: &Instance, of: &Document) -> Document {
        eventually("the document is prepared", || async {
            let now = self.document(at, of).await;
            (now.status != DocumentStatus::Pending).then_some(now)
        })
        .await
    }

    /// An agent that knows about returns and shipping.
    pub(crate) async fn shop(&self, at: &Instance) -> Agent {
        let agent = self
            .create_agent(
                at,
                json!({ "name": "Juniper", "system_prompt": "Be kind." }),
            )
            .await;
        for (title, url, content) in [
            ("Returns", Some("/help/returns"), RETURNS),
            ("Shipping", None, SHIPPING),
        ] {
            let body = json!({ "title": title, "url": url, "content": content });
            let document = self.add_document(at, agent.id, body).await;
            assert_eq!(
                self.prepared(at, &document).await.status,
                DocumentStatus::Ready
            );
        }
        agent
    }

    /// A visitor's conversation with an agent.
    pub(crate) async fn start(&self, at: &Instance, agent: AgentId) -> Conversation {
        self.start_as(at, agent, VisitorId::new()).await
    }

    pub(crate) async fn start_as(
        &self,
        at: &Instance,
        agent: AgentId,
        visitor: VisitorId,
    ) -> Conversation {
        let token = self.keys.visitor(self.workspace, visitor, agent);
        let request = self.request_as(at, &token, Method::POST, &format!("/agents/{agent}/start"));
        let response = request.json(&json!({})).send().await.unwrap();
        assert!(response.status().is_success(), "{}", response.status());
        response.json().await.unwrap()
    }

    /// One value of the conversation's row.
    pub(crate) async fn row(&self, channel: ChannelId) -> Row {
        sqlx::query_as(
            "SELECT owner, wanted_seq, answered_seq, epoch, lease_until IS NOT NULL AS leased, logged_seq, contact_id
             FROM agent.conversations WHERE channel_id = $1",
        )
        .bind(channel)
        .fetch_one(&self.postgres.pool)
        .await
        .unwrap()
    }

    /// The records of a conversation's turns, oldest first.
    pub(crate) async fn turns(&self, channel: ChannelId) -> Vec<TurnRow> {
        sqlx::query_as(
            "SELECT outcome, answers_to_seq, seq, epoch, model, prompt_tokens, completion_tokens, first_delta_ms, error,
                    jsonb_array_length(retrieval) AS hits
             FROM agent.turns WHERE channel_id = $1 ORDER BY completed_at",
        )
        .bind(channel)
        .fetch_all(&self.postgres.pool)
        .await
        .unwrap()
    }

    /// Waits until a conversation has this many records of turns.
    pub(crate) async fn turns_done(&self, channel: ChannelId, count: usize) -> Vec<TurnRow> {
        eventually("the turns are recorded", || async {
            let turns = self.turns(channel).await;
            (turns.len() >= count).then_some(turns)
        })
        .await
    }

    /// The agent's own log of a conversation, as MongoDB has it, one document a bucket.
    pub(crate) async fn log(&self, channel: ChannelId) -> Vec<Bson> {
        use futures::TryStreamExt;
        let logs = self.mongo.collection::<Bson>("conversations");
        let find = logs.find(doc! { "conversation_id": channel.to_string() });
        find.sort(doc! { "bucket": 1 })
            .await
            .unwrap()
            .try_collect()
            .await
            .unwrap()
    }
}

pub(crate) const RETURNS: &str = "You can return unused items within 60 days of delivery for a full refund.\n\n\
    ## Used gear\n\nUsed gear can be returned within 30 days for store credit.";
pub(crate) const SHIPPING: &str = "Shipping to Canada costs $15 and takes 7 days.";
/// What the first document answers.
pub(crate) const QUESTION: &str = "How many days do I have to return unused items?";

#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Row {
    pub(crate) owner: String,
    pub(crate) wanted_seq: i64,
    pub(crate) answered_seq: i64,
    pub(crate) epoch: i64,
    pub(crate) leased: bool,
    pub(crate) logged_seq: i64,
    pub(crate) contact_id: Option<ids::ContactId>,
}

#[derive(Debug, PartialEq, sqlx::FromRow)]
pub(crate) struct TurnRow {
    pub(crate) outcome: String,
    pub(crate) answers_to_seq: i64,
    pub(crate) seq: Option<i64>,
    pub(crate) epoch: i64,
    pub(crate) model: Option<String>,
    pub(crate) prompt_tokens: i64,
    pub(crate) completion_tokens: i64,
    pub(crate) first_delta_ms: Option<i64>,
    pub(crate) error: Option<String>,
    pub(crate) hits: i32,
}

/// Sends a request that must be refused so; answers the problem.
pub(crate) async fn refused(request: RequestBuilder, status: StatusCode, code: &str) -> Problem {
    let shown = format!("{request:?}");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), status, "{shown}");
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json",
        "{shown}"
    );
    let problem: Problem = response.json().await.unwrap();
    assert_eq!(problem.code.as_str(), code, "{shown}: {problem:?}");
    problem
}
