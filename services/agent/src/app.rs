//! What the handlers, the consumer and the background work use.

use std::sync::Arc;

use axum::extract::FromRef;
use bus::Bus;
use chat_api::ChatClient;
use clock::Clock;
use common::tokens::Tokens;
use crm_api::CrmClient;
use llm::{ChatModel, Embedder};
use outbox::Outbox;
use rest::Idempotency;
use sqlx::PgPool;
use tokio::sync::Notify;

use crate::{config::TurnsConfig, conversations::ConversationLog, turns::Running};

/// The schema and the role of this service.
pub const SCHEMA: &str = "agent";

/// The dependencies of this service. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// PostgreSQL, as the role of this service.
    pub pool: PgPool,
    /// Events, written beside the rows that make them true.
    pub outbox: Outbox,
    /// Answers to repeated requests.
    pub idempotency: Idempotency,
    /// Who is calling.
    pub tokens: Tokens,
    /// The time.
    pub clock: Clock,
    /// Channels and their logs.
    pub chat: ChatClient,
    /// Contacts.
    pub crm: CrmClient,
    /// Who writes answers.
    pub model: Arc<dyn ChatModel>,
    /// Who embeds documents and questions.
    pub embedder: Arc<dyn Embedder>,
    /// The agent's own log of conversations.
    pub log: ConversationLog,
    /// How answers are made.
    pub turns: Arc<TurnsConfig>,
    /// The turns of this process.
    pub running: Running,
    /// What wakes the background work.
    pub wake: Wake,
}

impl FromRef<App> for Tokens {
    fn from_ref(app: &App) -> Self {
        app.tokens.clone()
    }
}

/// What wakes the background work at once; each also looks by itself every second.
#[derive(Debug, Clone, Default)]
pub struct Wake {
    /// A document was added.
    pub documents: Arc<Notify>,
    /// A message wants an answer.
    pub turns: Arc<Notify>,
    /// A conversation has something to be logged.
    pub log: Arc<Notify>,
}

/// The dependencies that differ between a process and a test.
pub struct Parts {
    /// PostgreSQL, as the role of this service.
    pub pool: PgPool,
    /// MongoDB.
    pub mongo: mongodb::Database,
    /// RabbitMQ.
    pub bus: Bus,
    /// Who is calling.
    pub tokens: Tokens,
    /// The time.
    pub clock: Clock,
    /// Channels and their logs.
    pub chat: ChatClient,
    /// Contacts.
    pub crm: CrmClient,
    /// Who writes answers.
    pub model: Arc<dyn ChatModel>,
    /// Who embeds documents and questions.
    pub embedder: Arc<dyn Embedder>,
    /// How answers are made.
    pub turns: TurnsConfig,
}

impl App {
    /// The dependencies over these connections.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self {
            outbox: Outbox::new(SCHEMA, parts.pool.clone(), parts.bus, parts.clock.clone()),
            idempotency: Idempotency::new(SCHEMA, parts.clock.clone()),
            pool: parts.pool,
            tokens: parts.tokens,
            clock: parts.clock,
            chat: parts.chat,
            crm: parts.crm,
            model: parts.model,
            embedder: parts.embedder,
            log: ConversationLog::new(&parts.mongo),
            turns: Arc::new(parts.turns),
            running: Running::default(),
            wake: Wake::default(),
        }
    }
}
