//! The gateway on real sockets, in front of services that tell what reached them.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod access;
mod forward;
mod site;
mod socket;

use std::sync::{Arc, Mutex};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::any,
};
use chrono::DateTime;
use clock::Clock;
use common::{
    server::Lifecycle,
    tokens::{Revocations, Role},
};
use gateway::{App, Parts, forward::Upstreams, routes::Upstream};
use http::{HeaderMap, StatusCode};
use ids::{AgentId, UserId, VisitorId, WorkspaceId};
use serde_json::{Value, json};
use testkit::{Keys, Server};

/// What reached the service behind.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) uri: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

type Log = Arc<Mutex<Vec<Seen>>>;

/// A gateway whose services are one stub.
pub(crate) struct Gateway {
    pub(crate) server: Server,
    pub(crate) keys: Keys,
    pub(crate) revocations: Revocations,
    /// What the age of the list is measured by.
    clock: Clock,
    pub(crate) seen: Log,
    pub(crate) web: tempfile::TempDir,
    _stub: Server,
}

pub(crate) const PUBLIC: &str = "http://syntera.test";

impl Gateway {
    pub(crate) async fn start() -> Self {
        Self::start_beside(&[]).await
    }

    /// A gateway for whose services there are these replicas too.
    pub(crate) async fn start_beside(others: &[url::Url]) -> Self {
        let seen = Log::default();
        let stub = Router::new()
            .route("/ws/chat", any(socket::echo))
            .route("/{*path}", any(record))
            .with_state(seen.clone());
        let stub = Server::start(stub, Router::new(), Lifecycle::default()).await;
        let replicas = [others, std::slice::from_ref(&stub.public)].concat();
        Self::before(&replicas, seen, stub).await
    }

    /// A gateway in front of these replicas.
    pub(crate) async fn before(replicas: &[url::Url], seen: Log, stub: Server) -> Self {
        let keys = Keys::new(Clock::system());
        let lifecycle = Lifecycle::default();
        let clock = Clock::manual(epoch());
        let revocations = Revocations::empty(clock.clone(), clock.now());
        let urls = Upstream::ALL.map(|service| (service, replicas.to_vec()));
        let web = tempfile::tempdir().unwrap();
        let app = App::new(Parts {
            tokens: keys.tokens("gateway"),
            revocations: revocations.clone(),
            upstreams: Upstreams::new(urls, lifecycle.clone()).unwrap(),
            public_url: PUBLIC.parse().unwrap(),
            trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
            web_dir: web.path().to_owned(),
            demo_file: Some(web.path().join("demo.json")),
        });
        let server = Server::start(gateway::public(app), Router::new(), lifecycle).await;
        Self {
            server,
            keys,
            revocations,
            clock,
            seen,
            web,
            _stub: stub,
        }
    }

    pub(crate) fn person(&self) -> String {
        self.keys
            .person(WorkspaceId::new(), UserId::new(), Role::Owner)
    }

    pub(crate) fn visitor(&self) -> String {
        self.keys
            .visitor(WorkspaceId::new(), VisitorId::new(), AgentId::new())
    }

    /// Lets time pass for the list of revocations.
    pub(crate) fn later(&self, time: std::time::Duration) {
        self.clock.advance(time);
    }

    /// What reached the service last.
    pub(crate) fn last(&self) -> Seen {
        self.seen
            .lock()
            .unwrap()
            .last()
            .cloned()
            .expect("something reached the service")
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

/// The start of all tests' clocks.
pub(crate) fn epoch() -> DateTime<chrono::Utc> {
    DateTime::UNIX_EPOCH
}
