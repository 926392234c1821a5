//! PostgreSQL goes away and comes back.

use std::time::{Duration, Instant};

use auth::app::{App, Connections};
use bus::Bus;
use clock::Clock;
use common::server::Lifecycle;
use http::StatusCode;
use reqwest::Method;
use serde_json::json;
use stores::postgres::{DatabaseConfig, connect};
use testkit::{Postgres, Proxy, Server, eventually};
use url::Url;

use crate::fixture::{Answer, Auth, PASSWORD, Wish, nobodys_redis, parts};

#[tokio::test]
async fn without_its_database_it_says_so_and_recovers() {
    let database = Postgres::start(&auth::MIGRATOR, "auth").await;
    let url = Url::parse(&database.url("auth")).unwrap();
    let proxy = Proxy::start(&url).await;
    proxy.take_down();
    let config = DatabaseConfig {
        database_url: String::from(proxy.through(&url)).into(),
        database_connections: 4,
    };
    let (keys, wish) = (tempfile::tempdir().unwrap(), Wish::default());
    let connections = Connections {
        pool: connect(&config, "auth").unwrap(),
        redis: nobodys_redis(),
        bus: Bus::new("auth", &wish.bus),
    };
    let parts = parts(keys.path(), &Clock::system(), &wish);
    let app = App::new(connections.clone(), parts).unwrap();
    let server = Server::with_health(
        auth::public(app.clone()),
        auth::internal(app.clone()),
        auth::health(&app, connections),
        Lifecycle::default(),
    )
    .await;
    let stop = server.lifecycle.stop_token();
    tokio::spawn(auth::signing::follow(app, stop));

    let started = Instant::now();
    let login = || {
        let body = json!({ "email": "ada@example.com", "password": PASSWORD });
        Answer::of(server.post("/auth/login").json(&body))
    };
    let down = login().await;
    assert!(down.headers.contains_key("retry-after"), "{down:?}");
    let problem = down.problem("unavailable");
    assert!(
        started.elapsed() < Duration::from_secs(4),
        "{:?}",
        started.elapsed()
    );
    assert!(
        !problem.to_string().contains("127.0.0.1"),
        "causes stay inside: {problem}"
    );
    let ready = Answer::of(server.internal_request(Method::GET, "/readyz")).await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_ne!(ready.body["checks"]["postgres"], "ok");
    // The keys are in the database, and an empty set would make its readers refuse every token.
    Answer::of(server.internal_request(Method::GET, "/internal/jwks"))
        .await
        .problem("unavailable");

    proxy.bring_up();
    eventually("the database is used again", || async {
        (login().await.status == 401).then_some(())
    })
    .await;
    eventually("the keys are read", || async {
        let keys = Answer::of(server.internal_request(Method::GET, "/internal/jwks")).await;
        (keys.status == StatusCode::OK).then_some(())
    })
    .await;
    // There is neither a broker nor Redis in this test: that is said, and keeps nobody from signing in.
    let ready = Answer::of(server.internal_request(Method::GET, "/readyz")).await;
    for store in ["rabbitmq", "redis"] {
        let told = ready.body["checks"][store].as_str().unwrap();
        assert!(told.starts_with("down"), "{told}");
    }
    ready.expect(StatusCode::OK);
    proxy.cut();
    eventually("a broken connection is replaced", || async {
        (login().await.status == 401).then_some(())
    })
    .await;
}

#[tokio::test]
async fn without_redis_nothing_waits_and_guessing_stays_slow() {
    let auth = Auth::wished(Wish {
        redis: nobodys_redis(),
        ..Wish::default()
    })
    .await;
    let tokens = auth.register("ada@example.com").await;
    let wrong = json!({ "email": "ada@example.com", "password": "wrong password" });
    let try_one = || {
        let request = auth.server.post("/auth/login").json(&wrong);
        Answer::of(request.header("x-forwarded-for", "192.0.2.7"))
    };
    for _ in 0..100 {
        try_one().await.problem("invalid_credentials");
    }
    try_one().await.problem("rate_limited");
    let started = Instant::now();
    auth.get("/auth/me", &tokens.access)
        .await
        .expect(StatusCode::OK);
    auth.post_as(&tokens.access, "/auth/logout/everywhere", json!({}))
        .await
        .expect(StatusCode::NO_CONTENT);
    assert!(
        started.elapsed() < Duration::from_secs(1),
        "{:?}",
        started.elapsed()
    );
}
