//! What other services ask: published keys and ended sessions.

use http::StatusCode;
use reqwest::Method;
use serde_json::json;

use crate::fixture::{Answer, Auth, text};

const SINCE: &str = "/internal/revocations?since=2026-11-23T09:00:00Z";

#[tokio::test]
async fn revocations_are_for_services_only() {
    let auth = Auth::start().await;
    let ask = || auth.server.internal_request(Method::GET, SINCE);
    let person = auth.register("ada@example.com").await.access;
    Answer::of(ask()).await.problem("unauthenticated");
    Answer::of(ask().bearer_auth(person))
        .await
        .problem("unauthenticated");
    Answer::of(ask().bearer_auth(auth.service_token("gateway", "crm")))
        .await
        .problem("unauthenticated");
    let token = auth.service_token("chat", "auth");
    let list = Answer::of(ask().bearer_auth(&token))
        .await
        .expect(StatusCode::OK);
    assert_eq!(list["items"], json!([]));
    assert_eq!(text(&list, "as_of"), "2026-11-23T10:00:00.500Z");
    auth.advance(60);
    Answer::of(ask().bearer_auth(&token))
        .await
        .problem("unauthenticated");
}

#[tokio::test]
async fn a_follower_that_overlaps_misses_nothing() {
    let auth = Auth::start().await;
    let mut ended = Vec::new();
    for n in 0..3 {
        let tokens = auth.register(&format!("ada{n}@example.com")).await;
        ended.push(auth.claims(&tokens.access).await.sid);
        let logout = auth.server.post("/auth/logout").bearer_auth(&tokens.access);
        Answer::of(logout).await.expect(StatusCode::NO_CONTENT);
        auth.advance(60);
    }
    let now = auth.clock.now();
    let minutes = |n: i64| now - chrono::Duration::minutes(n);
    assert_eq!(auth.revocations(minutes(3)).await, ended);
    assert_eq!(auth.revocations(minutes(2)).await, ended[1..]);
    // However far back it asks, it gets what may still matter.
    auth.advance(119 * 60);
    assert_eq!(auth.revocations(minutes(100_000)).await, ended[2..]);
}

#[tokio::test]
async fn a_question_without_a_time_is_refused() {
    let auth = Auth::start().await;
    for query in [
        "",
        "?since=yesterday",
        "?since=2026-11-23T09:00:00Z&limit=1",
    ] {
        let path = format!("/internal/revocations{query}");
        let token = auth.service_token("gateway", "auth");
        let request = auth
            .server
            .internal_request(Method::GET, &path)
            .bearer_auth(token);
        Answer::of(request).await.problem("invalid_query");
    }
}

#[tokio::test]
async fn the_key_set_is_public_and_has_nothing_private() {
    let auth = Auth::start().await;
    let public = Answer::of(auth.server.get("/.well-known/jwks.json")).await;
    assert_eq!(public.headers["cache-control"], "public, max-age=300");
    let public = public.expect(StatusCode::OK);
    let internal = auth.server.internal_request(Method::GET, "/internal/jwks");
    assert_eq!(Answer::of(internal).await.expect(StatusCode::OK), public);
    let keys = public["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 1);
    let mut members: Vec<_> = keys[0]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    members.sort_unstable();
    assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
}
