//! Secret keys of programs.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use axum::{
    Json, Router,
    extract::{FromRef, State},
    response::{IntoResponse, Response},
    routing::post,
};
use clock::Clock;
use common::{
    ErrorCode, Problem,
    server::Lifecycle,
    tokens::{RevocationList, RevokedSession, Role, ServiceCaller, Tokens},
};
use ids::{UserId, WorkspaceId};
use serde_json::{Value, json};
use testkit::{Keys, Server};

use crate::{Gateway, Setup, epoch, nobody, problem};

const GOOD: &str = "sk_good";

/// Auth, as far as keys go.
#[derive(Clone)]
struct Auth {
    keys: Keys,
    asked: Arc<AtomicU32>,
    bodies: Arc<Mutex<Vec<Value>>>,
    /// Whether the good key was revoked.
    revoked: Arc<AtomicBool>,
}

impl FromRef<Auth> for Tokens {
    fn from_ref(auth: &Auth) -> Self {
        auth.keys.tokens("auth")
    }
}

async fn exchange(
    State(auth): State<Auth>,
    caller: ServiceCaller,
    Json(body): Json<Value>,
) -> Response {
    assert_eq!(caller.service, "gateway");
    auth.asked.fetch_add(1, Ordering::SeqCst);
    let good = body["key"] == GOOD && !auth.revoked.load(Ordering::SeqCst);
    auth.bodies.lock().unwrap().push(body);
    if !good {
        return Problem::new(ErrorCode::Unauthenticated).into_response();
    }
    let token = auth
        .keys
        .person(WorkspaceId::new(), UserId::new(), Role::Agent);
    Json(json!({ "access_token": token, "expires_in": 600 })).into_response()
}

async fn start() -> (Gateway, Auth, Server) {
    let auth = Auth {
        keys: Keys::new(Clock::system()),
        asked: Arc::default(),
        bodies: Arc::default(),
        revoked: Arc::default(),
    };
    let internal = Router::new()
        .route("/internal/keys/exchange", post(exchange))
        .with_state(auth.clone());
    let server = Server::start(Router::new(), internal, Lifecycle::default()).await;
    let setup = Setup {
        keys: auth.keys.clone(),
        auth: server.internal.clone(),
        ..Setup::default()
    };
    (setup.beside(&[]).await, auth, server)
}

async fn call(gateway: &Gateway, key: &str) -> reqwest::Response {
    let request = gateway.server.get("/api/v1/contacts");
    let request = request.header("x-forwarded-for", "203.0.113.9");
    request.bearer_auth(key).send().await.unwrap()
}

#[tokio::test]
async fn a_key_is_exchanged_once_and_services_see_a_token() {
    let (gateway, auth, _server) = start().await;
    for _ in 0..3 {
        let answer = call(&gateway, GOOD).await;
        assert_eq!(answer.status(), 201);
        assert!(
            answer.headers()["ratelimit-policy"]
                .to_str()
                .unwrap()
                .starts_with("\"key\"")
        );
        let sent = gateway.last().headers["authorization"].clone();
        assert!(sent.to_str().unwrap().starts_with("Bearer ey"));
    }
    assert_eq!(auth.asked.load(Ordering::SeqCst), 1);
    let body = auth.bodies.lock().unwrap()[0].clone();
    assert_eq!(body, json!({ "key": GOOD, "address": "203.0.113.9" }));
}

#[tokio::test]
async fn many_who_come_together_make_one_exchange() {
    let (gateway, auth, _server) = start().await;
    let calls = (0..16).map(|_| call(&gateway, GOOD));
    for answer in futures::future::join_all(calls).await {
        assert_eq!(answer.status(), 201);
    }
    assert_eq!(auth.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_unknown_key_is_refused_and_not_asked_about_again_at_once() {
    let (gateway, auth, _server) = start().await;
    for _ in 0..3 {
        problem(call(&gateway, "sk_bad").await, 401, "unauthenticated").await;
    }
    assert_eq!(auth.asked.load(Ordering::SeqCst), 1);
    assert!(gateway.nothing_passed());
}

#[tokio::test]
async fn a_revoked_key_ends_with_its_session() {
    let (gateway, auth, _server) = start().await;
    assert_eq!(call(&gateway, GOOD).await.status(), 201);
    let end_session = || async {
        let sent = gateway.last().headers["authorization"].clone();
        let token = sent.to_str().unwrap().strip_prefix("Bearer ").unwrap();
        let tokens = auth.keys.tokens("gateway");
        let common::tokens::Identity::Person(caller) = tokens.verify(token).await.unwrap() else {
            panic!("a person's token")
        };
        gateway.revocations.apply(&RevocationList {
            items: vec![RevokedSession {
                session_id: caller.session_id,
                revoked_at: epoch(),
            }],
            as_of: epoch(),
        });
    };
    // The session has ended, and the key has not: it gets another one.
    end_session().await;
    assert_eq!(call(&gateway, GOOD).await.status(), 201);
    assert_eq!(auth.asked.load(Ordering::SeqCst), 2);
    end_session().await;
    auth.revoked.store(true, Ordering::SeqCst);
    problem(call(&gateway, GOOD).await, 401, "unauthenticated").await;
}

#[tokio::test]
async fn while_auth_is_away_nobody_knows() {
    let setup = Setup {
        auth: nobody().await,
        ..Setup::default()
    };
    let gateway = setup.beside(&[]).await;
    problem(call(&gateway, GOOD).await, 503, "unavailable").await;
}
