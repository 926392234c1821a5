//! One running agent service, on a runtime of its own: killing it drops every task where it stands, as
//! the end of a process does.

use std::{sync::Arc, time::Duration};

use agent::{
    app::{App, Parts},
    config::TurnsConfig,
};
use chat_api::ChatClient;
use clock::Clock;
use common::server::{Lifecycle, ServerConfig, Service, serve_on};
use crm_api::CrmClient;
use llm::{LlmConfig, OpenAi};
use rest::ServiceClient;
use stores::{
    mongo::{self, MongoConfig},
    postgres::{self, DatabaseConfig},
};
use tokio::{net::TcpListener, runtime::Runtime};
use url::Url;

use super::World;

/// What a test may want to be otherwise.
#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) llm: LlmConfig,
    pub(crate) turns: TurnsConfig,
    pub(crate) database_url: String,
}

impl Options {
    pub(crate) fn of(world: &World) -> Self {
        Self {
            llm: world.llm.config(),
            turns: TurnsConfig {
                turn_concurrency: 8,
                turn_seconds: 20,
                search_floor: 0.3,
            },
            database_url: world.postgres.url("agent"),
        }
    }
}

pub(crate) struct Instance {
    pub(crate) public: Url,
    pub(crate) internal: Url,
    lifecycle: Lifecycle,
    runtime: Option<Runtime>,
}

impl Instance {
    pub(crate) async fn start(world: &World) -> Self {
        Self::with(world, Options::of(world)).await
    }

    pub(crate) async fn with(world: &World, options: Options) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let lifecycle = Lifecycle::default();
        let (clock, life) = (Clock::system(), lifecycle.clone());
        let signer = world.keys.signer("agent");
        let (chat_url, crm_url) = (world.chat_url(), world.crm.url.clone());
        let (bus, tokens) = (world.bus(), world.keys.tokens("agent"));
        let mongodb_url = String::from(world.mongo_url.clone()).into();
        let started = runtime.spawn(async move {
            let database = DatabaseConfig {
                database_url: options.database_url.into(),
                database_connections: 8,
            };
            let model = Arc::new(OpenAi::new(&options.llm).unwrap());
            let app = App::new(Parts {
                pool: postgres::connect(&database, "agent").unwrap(),
                mongo: mongo::connect(&MongoConfig { mongodb_url }, "agent")
                    .await
                    .unwrap(),
                bus: bus.clone(),
                tokens,
                chat: ChatClient::new(
                    ServiceClient::new("chat", chat_url, signer.clone()).unwrap(),
                ),
                crm: CrmClient::new(ServiceClient::new("crm", crm_url, signer).unwrap()),
                clock,
                model: model.clone(),
                embedder: model,
                turns: options.turns,
            });
            app.log.set_up().await.unwrap();
            agent::start(&app, &bus, &life);
            let bind = || TcpListener::bind(("127.0.0.1", 0));
            let (outer, inner) = (bind().await.unwrap(), bind().await.unwrap());
            let url = |listener: &TcpListener| {
                Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap()
            };
            let urls = (url(&outer), url(&inner));
            let config = ServerConfig {
                bind: None,
                internal_bind: None,
                drain_seconds: 1,
                drain_delay_seconds: 0,
            };
            let service = Service {
                port: agent::PORT,
                health: agent::health(&app, &bus),
                public: agent::public(app),
                internal: agent::internal(),
            };
            tokio::spawn(async move { serve_on(&config, service, life, outer, inner).await });
            urls
        });
        let (public, internal) = started.await.unwrap();
        Self {
            public,
            internal,
            lifecycle,
            runtime: Some(runtime),
        }
    }

    /// Drops every task where it stands.
    pub(crate) fn kill(mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let Some(runtime) = self.runtime.take() else {
            return;
        };
        self.lifecycle.stop();
        // In order, off the test's own threads, which must not block.
        let ended = std::thread::spawn(move || runtime.shutdown_timeout(Duration::from_secs(2)));
        let _ = ended.join();
    }
}
