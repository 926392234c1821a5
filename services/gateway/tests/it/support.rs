//! A gateway on real sockets, and the services that it believes to be behind it.

use std::sync::{Arc, Mutex};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::any,
};
use chrono::{DateTime, Utc};
use clap::{Args, Command, FromArgMatches};
use clock::Clock;
use common::{
    server::{
        FrontService, Health, Lifecycle, Listeners, ServerConfig, Tls, TlsConfig, Workers,
        serve_front,
    },
    tokens::{Revocations, Role},
};
use gateway::{
    AccessLog, App, Parts, SecretKeys, Upstreams,
    limits::{Limits, LimitsConfig},
    routes::Upstream,
};
use http::{HeaderMap, StatusCode};
use ids::{AgentId, UserId, VisitorId, WorkspaceId};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use stores::redis::Redis;
use testkit::{Keys, Server};
use tokio::{net::TcpListener, task::JoinHandle};
use url::Url;

/// What reached the service behind.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) uri: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

pub(crate) type Log = Arc<Mutex<Vec<Seen>>>;

pub(crate) const PUBLIC: &str = "http://syntera.test";

/// The gateway's public side; it stops with this value.
pub(crate) struct Edge {
    pub(crate) public: Url,
    pub(crate) lifecycle: Lifecycle,
    /// Ends when the gateway has.
    pub(crate) task: JoinHandle<anyhow::Result<()>>,
    pub(crate) http: Client,
}

impl Edge {
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.public.join(path).unwrap())
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, path)
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        self.lifecycle.stop();
    }
}

/// How a gateway is set up; the defaults are what most tests want.
pub(crate) struct Setup {
    pub(crate) keys: Keys,
    pub(crate) limits: LimitsConfig,
    pub(crate) redis: Option<Redis>,
    pub(crate) token_cache: usize,
    /// Auth's internal listener.
    pub(crate) auth: Url,
    pub(crate) public_url: &'static str,
    pub(crate) tls: TlsConfig,
    pub(crate) mail: bool,
    pub(crate) log: AccessLog,
    /// Whether replicas are asked how they are.
    pub(crate) watch: bool,
    /// Where the gateway listens; any port if none.
    pub(crate) listener: Option<TcpListener>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            keys: Keys::new(Clock::system()),
            limits: LimitsConfig {
                limit_scale: 1000,
                ..limits()
            },
            redis: None,
            token_cache: 100,
            auth: "http://127.0.0.1:9".parse().unwrap(),
            public_url: PUBLIC,
            tls: TlsConfig::default(),
            mail: false,
            log: AccessLog::none(),
            watch: false,
            listener: None,
        }
    }
}

/// The limits as they are by default.
pub(crate) fn limits() -> LimitsConfig {
    let command = LimitsConfig::augment_args(Command::new("test"));
    LimitsConfig::from_arg_matches(&command.get_matches_from(["test"])).unwrap()
}

impl Setup {
    /// A gateway in front of these replicas of every service.
    pub(crate) async fn before(self, replicas: &[Url]) -> Gateway {
        let lifecycle = Lifecycle::default();
        let clock = Clock::manual(epoch());
        let revocations = Revocations::empty(clock.clone(), clock.now());
        let urls = Upstream::ALL.map(|service| (service, replicas.to_vec()));
        let upstreams = Upstreams::new(urls, &lifecycle).unwrap();
        if self.watch {
            upstreams.watch(&lifecycle).unwrap();
        }
        let limits = match self.redis {
            Some(redis) => {
                let (limits, bookkeeper) = Limits::shared(&self.limits, redis.clone());
                tokio::spawn(bookkeeper.run());
                tokio::spawn(stores::revocations::follow(redis, revocations.clone()));
                limits
            }
            None => Limits::alone(&self.limits),
        };
        let web = tempfile::tempdir().unwrap();
        let mail = web.path().join("letters");
        std::fs::create_dir(&mail).unwrap();
        let app = App::new(Parts {
            tokens: self.keys.tokens("gateway"),
            token_cache: self.token_cache,
            revocations: revocations.clone(),
            keys: SecretKeys::new(&self.auth, self.keys.signer("gateway")).unwrap(),
            limits,
            upstreams,
            public_url: self.public_url.parse().unwrap(),
            trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
            web_dir: web.path().to_owned(),
            demo_file: Some(web.path().join("demo.json")),
            mail_dir: self.mail.then_some(mail),
        });
        let bind = || TcpListener::bind(("127.0.0.1", 0));
        let public = match self.listener {
            Some(listener) => listener,
            None => bind().await.unwrap(),
        };
        let look = std::time::Duration::from_millis(50);
        let tls = Tls::start_looking(&self.tls, look, lifecycle.cut_token()).unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", public.local_addr().unwrap());
        let listeners = Listeners {
            public,
            internal: bind().await.unwrap(),
        };
        let service = FrontService {
            front: gateway::Gateway::new(app, self.log),
            tls,
            workers: Some(Workers::start(2).unwrap()),
            internal: Router::new(),
            health: Health::new(),
        };
        let config = server_config();
        let life = lifecycle.clone();
        let task =
            tokio::spawn(async move { serve_front(&config, service, life, listeners).await });
        Gateway {
            server: Edge {
                public: url.parse().unwrap(),
                lifecycle,
                task,
                http: Client::new(),
            },
            keys: self.keys,
            revocations,
            clock,
            seen: Log::default(),
            web,
            stub: None,
        }
    }

    /// A gateway in front of a stub that remembers what reached it, with these replicas beside it.
    pub(crate) async fn beside(self, others: &[Url]) -> Gateway {
        let seen = Log::default();
        let stub = Router::new()
            .route("/ws/chat", any(crate::socket::echo))
            .route("/{*path}", any(record))
            .with_state(seen.clone());
        let stub = Server::start(stub, Router::new(), Lifecycle::default()).await;
        let replicas = [others, std::slice::from_ref(&stub.public)].concat();
        let mut gateway = self.before(&replicas).await;
        (gateway.seen, gateway.stub) = (seen, Some(stub));
        gateway
    }
}

/// A gateway whose services are one stub.
pub(crate) struct Gateway {
    pub(crate) server: Edge,
    pub(crate) keys: Keys,
    pub(crate) revocations: Revocations,
    /// What the age of the list is measured by.
    clock: Clock,
    pub(crate) seen: Log,
    pub(crate) web: tempfile::TempDir,
    stub: Option<Server>,
}

impl Gateway {
    pub(crate) async fn start() -> Self {
        Setup::default().beside(&[]).await
    }

    pub(crate) fn person(&self) -> String {
        self.keys
            .person(WorkspaceId::new(), UserId::new(), Role::Owner)
    }

    pub(crate) fn visitor(&self) -> String {
        self.keys
            .visitor(WorkspaceId::new(), VisitorId::new(), AgentId::new())
    }

    /// Asks for something that takes a person's token.
    pub(crate) fn contacts(&self) -> RequestBuilder {
        let request = self.server.get("/api/v1/contacts");
        request.bearer_auth(self.person())
    }

    /// Lets time pass for the list of revocations.
    pub(crate) fn later(&self, time: std::time::Duration) {
        self.clock.advance(time);
    }

    /// What reached the service last.
    pub(crate) fn last(&self) -> Seen {
        let seen = self.seen.lock().unwrap();
        seen.last().cloned().expect("something reached the service")
    }

    pub(crate) fn nothing_passed(&self) -> bool {
        self.seen.lock().unwrap().is_empty()
    }
}

/// Answers 201 to everything, and remembers it.
async fn record(State(seen): State<Log>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    seen.lock().unwrap().push(Seen {
        uri: parts.uri.to_string(),
        headers: parts.headers,
        body,
    });
    let mut response = (StatusCode::CREATED, Json(json!({ "here": true }))).into_response();
    response
        .headers_mut()
        .insert("etag", "\"7\"".parse().unwrap());
    response
}

/// The problem of an answer, after checking that it is one.
pub(crate) async fn problem(response: reqwest::Response, status: u16, code: &str) -> Value {
    assert_eq!(response.status(), status);
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["code"], code, "{problem}");
    assert_eq!(problem["status"], status, "{problem}");
    assert_eq!(problem["type"], format!("/errors/{code}"), "{problem}");
    assert!(
        problem["request_id"].is_string() && problem["title"].is_string(),
        "{problem}"
    );
    problem
}

/// How servers listen and end.
pub(crate) fn server_config() -> ServerConfig {
    ServerConfig {
        bind: None,
        internal_bind: None,
        drain_seconds: 10,
        drain_delay_seconds: 0,
    }
}

/// The start of all tests' clocks.
pub(crate) fn epoch() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH
}

/// A port that was just free: nobody listens there.
pub(crate) async fn nobody() -> Url {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    format!("http://127.0.0.1:{port}").parse().unwrap()
}
