//! A running analytics service, and the events that it hears.

use std::time::Duration;

use agent_api::events::{TurnCompleted, TurnOutcome};
use analytics::{app::App, reports::Cache};
use bus::{Bus, Event, EventData};
use chat_api::{
    OwnerState, SenderKind,
    events::{ChannelOpened, MessageCreated},
};
use chrono::{DateTime, TimeDelta, Utc};
use clock::Clock;
use common::{server::Lifecycle, tokens::Role};
use crm_api::{
    InteractionType,
    events::{ContactCreated, InteractionCreated},
};
use ids::{AgentId, ChannelId, ContactId, InteractionId, TurnId, UserId, VisitorId, WorkspaceId};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;
use sqlx::PgPool;
use stores::redis::Redis;
use testkit::{Broker, Keys, Postgres, Server, json, no_bus};

/// Analytics on a fresh database, seen by somebody who may read.
pub(crate) struct Analytics {
    pub(crate) server: Server,
    pub(crate) keys: Keys,
    pub(crate) clock: Clock,
    pub(crate) app: App,
    pub(crate) bus: Bus,
    pub(crate) workspace: WorkspaceId,
    pub(crate) user: UserId,
    pub(crate) postgres: Postgres,
}

/// The time at which tests begin.
pub(crate) const NOW: &str = "2026-11-23T10:00:00Z";

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A cache that keeps nothing, so that each answer is computed.
pub(crate) fn no_cache() -> Cache {
    Cache::new(testkit::redis(), Duration::ZERO)
}

/// A cache that forgets nothing while a test runs.
pub(crate) fn cache(redis: Redis) -> Cache {
    Cache::new(redis, Duration::from_secs(60))
}

impl Analytics {
    /// Without a broker and without a cache.
    pub(crate) async fn start() -> Self {
        let postgres = Postgres::start(&analytics::MIGRATOR, "analytics").await;
        let pool = postgres.pool.clone();
        Self::on(
            postgres,
            (pool.clone(), pool),
            no_cache(),
            no_bus("analytics"),
        )
        .await
    }

    /// With the consumer running on `broker`.
    pub(crate) async fn with(broker: &Broker) -> Self {
        let postgres = Postgres::start(&analytics::MIGRATOR, "analytics").await;
        let pool = postgres.pool.clone();
        let analytics = Self::on(
            postgres,
            (pool.clone(), pool),
            no_cache(),
            broker.bus("analytics"),
        )
        .await;
        analytics.run();
        analytics
    }

    /// Over these connections.
    pub(crate) async fn on(
        postgres: Postgres,
        (pool, replica): (PgPool, PgPool),
        cache: Cache,
        bus: Bus,
    ) -> Self {
        let clock = Clock::manual(at(NOW));
        let keys = Keys::new(clock.clone());
        let app = App {
            pool,
            replica,
            cache,
            tokens: keys.tokens("analytics"),
            clock: clock.clone(),
        };
        let health = analytics::health(&app, &bus);
        let public = analytics::public(app.clone());
        let server =
            Server::with_health(public, axum::Router::new(), health, Lifecycle::default()).await;
        let workspace = WorkspaceId::new();
        let user = UserId::new();
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

    /// Starts the consumer.
    pub(crate) fn run(&self) {
        let life = &self.server.lifecycle;
        life.spawn(analytics::consumers::run(
            self.app.clone(),
            self.bus.clone(),
            life.stop_token(),
        ));
    }

    /// A token of somebody who may read, just signed.
    pub(crate) fn token(&self) -> String {
        self.keys.person(self.workspace, self.user, Role::Viewer)
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.server
            .request(Method::GET, path)
            .bearer_auth(self.token())
    }

    /// Hears an event.
    pub(crate) async fn hear(&self, event: &Event) {
        analytics::consumers::handle(&self.app, event)
            .await
            .unwrap();
    }

    /// All metrics, page by page, newest first.
    pub(crate) async fn metrics(&self) -> Vec<Value> {
        let mut all = Vec::new();
        let mut path = "/metrics?limit=100".to_owned();
        loop {
            let page = json(self.get(&path), StatusCode::OK).await;
            all.extend(page["items"].as_array().unwrap().iter().cloned());
            let Some(cursor) = page["next_cursor"].as_str() else {
                return all;
            };
            path = format!("/metrics?limit=100&cursor={cursor}");
        }
    }

    /// How many metrics of a type there are, and what they add up to.
    pub(crate) async fn sum(&self, metric_type: &str) -> (usize, f64) {
        let values: Vec<f64> = self
            .metrics()
            .await
            .iter()
            .filter(|metric| metric["metric_type"] == metric_type)
            .map(|metric| metric["value"].as_f64().unwrap())
            .collect();
        (values.len(), values.iter().sum())
    }
}

/// A conversation of a workspace, as the services tell of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Conversation {
    pub(crate) workspace: WorkspaceId,
    pub(crate) channel: ChannelId,
    pub(crate) contact: ContactId,
    pub(crate) opened_at: DateTime<Utc>,
    pub(crate) seconds: i64,
    pub(crate) escalated: bool,
}

impl Conversation {
    pub(crate) fn new(workspace: WorkspaceId) -> Self {
        Self {
            workspace,
            channel: ChannelId::new(),
            contact: ContactId::new(),
            opened_at: at("2026-11-23T09:00:00Z"),
            seconds: 200,
            escalated: false,
        }
    }

    pub(crate) fn ended_at(&self) -> DateTime<Utc> {
        self.opened_at + TimeDelta::seconds(self.seconds)
    }

    pub(crate) fn event<T: EventData>(&self, data: &T) -> Event {
        Event::new(&Clock::system(), self.workspace, data)
    }

    pub(crate) fn opened(&self) -> Event {
        self.event(&ChannelOpened {
            channel_id: self.channel,
            agent_id: AgentId::new(),
            visitor_id: VisitorId::new(),
            opened_at: self.opened_at,
        })
    }

    pub(crate) fn message(&self, sender_kind: SenderKind) -> Event {
        self.event(&MessageCreated {
            channel_id: self.channel,
            seq: 2,
            sender_kind,
            agent_id: AgentId::new(),
            visitor_id: VisitorId::new(),
            owner: OwnerState::Ai,
            owner_version: 1,
            created_at: self.opened_at + TimeDelta::seconds(10),
        })
    }

    pub(crate) fn contact_created(&self) -> Event {
        self.event(&ContactCreated {
            contact_id: self.contact,
            visitor_id: None,
            created_at: self.opened_at + TimeDelta::seconds(10),
        })
    }

    pub(crate) fn turn(&self, first_delta_ms: Option<i64>) -> Event {
        self.event(&TurnCompleted {
            turn_id: TurnId::new(),
            channel_id: self.channel,
            agent_id: AgentId::new(),
            outcome: TurnOutcome::Answered,
            answers_to_seq: 2,
            seq: 3,
            model: Some("extractive".to_owned()),
            prompt_tokens: 300,
            completion_tokens: 40,
            first_delta_ms,
            total_ms: 900,
            completed_at: self.opened_at + TimeDelta::seconds(11),
        })
    }

    pub(crate) fn ended_data(&self) -> InteractionCreated {
        InteractionCreated {
            interaction_id: InteractionId::new(),
            contact_id: self.contact,
            agent_id: AgentId::new(),
            channel_id: self.channel,
            interaction_type: InteractionType::Chat,
            duration_seconds: self.seconds,
            escalated: self.escalated,
            visitor_messages: 3,
            agent_messages: 2,
            user_messages: 1,
            started_at: self.opened_at,
            ended_at: self.ended_at(),
        }
    }

    pub(crate) fn ended(&self) -> Event {
        self.event(&self.ended_data())
    }
}
