//! PostgreSQL goes away and comes back.

use std::time::{Duration, Instant};

use auth::app::App;
use bus::Bus;
use clock::Clock;
use common::server::Lifecycle;
use http::StatusCode;
use reqwest::Method;
use serde_json::json;
use stores::postgres::{DatabaseConfig, connect};
use testkit::{Postgres, Proxy, Server, eventually};
use url::Url;

use crate::fixture::{Answer, PASSWORD, Wish, parts};

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
    let pool = connect(&config, "auth").unwrap();
    let (keys, wish) = (tempfile::tempdir().unwrap(), Wish::default());
    let bus = Bus::new("auth", &wish.bus);
    let app = App::new(
        pool.clone(),
        bus.clone(),
        parts(keys.path(), &Clock::system(), &wish),
    )
    .unwrap();
    let server = Server::with_health(
        auth::public(app.clone()),
        auth::internal(app),
        auth::health(pool, bus),
        Lifecycle::default(),
    )
    .await;

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
    // Keys are not the database's: tokens can be checked all the same.
    Answer::of(server.internal_request(Method::GET, "/internal/jwks"))
        .await
        .expect(StatusCode::OK);

    proxy.bring_up();
    eventually("the database is used again", || async {
        (login().await.status == 401).then_some(())
    })
    .await;
    // There is no broker in this test: that is said, and keeps nobody from signing in.
    let ready = Answer::of(server.internal_request(Method::GET, "/readyz")).await;
    let told = ready.body["checks"]["rabbitmq"].as_str().unwrap();
    assert!(told.starts_with("down"), "{told}");
    ready.expect(StatusCode::OK);
    proxy.cut();
    eventually("a broken connection is replaced", || async {
        (login().await.status == 401).then_some(())
    })
    .await;
}
