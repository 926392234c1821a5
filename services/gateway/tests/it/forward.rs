//! What reaches the services, and what clients are told when nothing does.

use axum::{Router, routing::any};
use common::server::Lifecycle;
use reqwest::{Body, Method};
use testkit::Server;

use crate::{Gateway, Setup, nobody, problem};

#[tokio::test]
async fn a_request_arrives_whole_and_without_what_it_may_not_claim() {
    let gateway = Gateway::start().await;
    let response = gateway
        .server
        .post("/api/v1/contacts?x=1&y=%2F")
        .bearer_auth(gateway.person())
        .header("x-user-id", "somebody")
        .header("x-workspace-id", "another")
        .header("x-syntera-role", "owner")
        .header("forwarded", "for=1.2.3.4")
        .header("x-forwarded-for", "203.0.113.9")
        .header("x-request-id", "01890a5d-ac96-774b-bcce-b302099a8057")
        .header("idempotency-key", "k1")
        .json(&serde_json::json!({ "name": "Ada" }))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["etag"], "\"7\"");
    assert_eq!(
        response.headers()["x-request-id"],
        "01890a5d-ac96-774b-bcce-b302099a8057"
    );
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    let seen = gateway.last();
    assert_eq!(seen.uri, "/contacts?x=1&y=%2F");
    assert_eq!(&seen.body[..], br#"{"name":"Ada"}"#);
    for name in ["x-user-id", "x-workspace-id", "x-syntera-role", "forwarded"] {
        assert!(!seen.headers.contains_key(name), "{name}");
    }
    // The test's peer is a trusted proxy, so what it says of the client is believed.
    assert_eq!(seen.headers["x-forwarded-for"], "203.0.113.9");
    assert_eq!(
        seen.headers["x-request-id"],
        "01890a5d-ac96-774b-bcce-b302099a8057"
    );
    assert_eq!(seen.headers["idempotency-key"], "k1");
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_are_problems() {
    let gateway = Gateway::start().await;
    for path in [
        "/api/v1/nothing",
        "/api/v1/internal/jwks",
        "/api/v1/readyz",
        "/api/v1/",
    ] {
        problem(
            gateway.server.get(path).send().await.unwrap(),
            404,
            "not_found",
        )
        .await;
    }
    let wrong = gateway
        .server
        .request(Method::DELETE, "/api/v1/contacts")
        .send()
        .await
        .unwrap();
    let allow = wrong.headers()["allow"].to_str().unwrap().to_owned();
    problem(wrong, 405, "method_not_allowed").await;
    assert_eq!(
        allow.split(", ").collect::<std::collections::BTreeSet<_>>(),
        ["GET", "POST"].into()
    );
    assert!(gateway.nothing_passed());
}

#[tokio::test]
async fn a_body_over_the_routes_limit_is_refused_announced_or_not() {
    let gateway = Gateway::start().await;
    let large = vec![b' '; 65 * 1024];
    let announced = gateway
        .server
        .post("/api/v1/contacts")
        .bearer_auth(gateway.person())
        .body(large.clone());
    let refused = announced.send().await.unwrap();
    assert_eq!(refused.headers()["connection"], "close");
    problem(refused, 413, "payload_too_large").await;
    let pieces = futures::stream::iter(
        large
            .chunks(8192)
            .map(|piece| Ok::<_, std::io::Error>(piece.to_vec()))
            .collect::<Vec<_>>(),
    );
    let chunked = gateway
        .server
        .post("/api/v1/contacts")
        .bearer_auth(gateway.person())
        .body(Body::wrap_stream(pieces));
    problem(chunked.send().await.unwrap(), 413, "payload_too_large").await;
}

#[tokio::test]
async fn a_replica_that_is_gone_costs_nobody_a_request() {
    let gateway = Setup::default().beside(&[nobody().await]).await;
    for _ in 0..4 {
        let sent = gateway
            .server
            .post("/api/v1/contacts")
            .bearer_auth(gateway.person())
            .json(&serde_json::json!({ "name": "Ada" }));
        assert_eq!(sent.send().await.unwrap().status(), 201);
        assert_eq!(&gateway.last().body[..], br#"{"name":"Ada"}"#);
    }
}

#[tokio::test]
async fn a_service_that_is_down_slow_or_broken_is_told_apart() {
    let gateway = Setup::default().before(&[nobody().await]).await;
    let down = gateway.contacts().send().await.unwrap();
    assert!(down.headers().contains_key("retry-after"));
    problem(down, 503, "unavailable").await;

    // Accepts and hangs up.
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let rude = format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            drop(socket)
        }
    });
    let gateway = Setup::default().before(&[rude]).await;
    let broken = gateway.contacts().send().await.unwrap();
    assert!(broken.headers().contains_key("retry-after"));
    problem(broken, 502, "bad_gateway").await;

    // Never answers.
    let silent = Router::new().route(
        "/{*path}",
        any(|| async { std::future::pending::<()>().await }),
    );
    let silent = Server::start(silent, Router::new(), Lifecycle::default()).await;
    let gateway = Setup::default()
        .before(std::slice::from_ref(&silent.public))
        .await;
    let slow = gateway.contacts().send().await.unwrap();
    problem(slow, 504, "gateway_timeout").await;
}
