//! Readiness, and answers while a store is down.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::{Proxy, eventually};
use url::Url;

use crate::support::{Instance, Options, World, refused};

async fn readiness(at: &Instance) -> (StatusCode, Value) {
    let response = reqwest::get(at.internal.join("/readyz").unwrap())
        .await
        .unwrap();
    (response.status(), response.json().await.unwrap())
}

#[tokio::test]
async fn without_postgres_requests_are_503_in_time_and_it_recovers_by_itself() {
    let world = World::new().await;
    let direct = Url::parse(&world.postgres.url("agent")).unwrap();
    let proxy = Proxy::start(&direct).await;
    let options = Options {
        database_url: proxy.through(&direct).into(),
        ..Options::of(&world)
    };
    let at = Instance::with(&world, options).await;
    let agent = world.create_agent(&at, json!({ "name": "Juniper" })).await;
    let (status, report) = readiness(&at).await;
    assert_eq!(status, StatusCode::OK, "{report}");

    proxy.take_down();
    let path = format!("/agents/{}", agent.id);
    for request in [
        world.get(&at, "/agents"),
        world.get(&at, &path),
        world.patch(&at, &path, &json!({ "name": "Pine" })),
        world.post(
            &at,
            &format!("{path}/documents"),
            &json!({ "title": "x", "content": "y" }),
        ),
        world
            .request(&at, Method::POST, &format!("{path}/start"))
            .json(&json!({})),
    ] {
        let started = Instant::now();
        refused(request, StatusCode::SERVICE_UNAVAILABLE, "unavailable").await;
        assert!(
            started.elapsed() < Duration::from_millis(3_500),
            "{:?}",
            started.elapsed()
        );
    }
    let (status, report) = readiness(&at).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_ne!(report["checks"]["postgres"], "ok");
    assert_eq!(report["checks"]["mongodb"], "ok");

    proxy.bring_up();
    eventually("it is ready again", || async {
        (readiness(&at).await.0 == StatusCode::OK).then_some(())
    })
    .await;
    assert_eq!(
        world.get(&at, &path).send().await.unwrap().status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn metrics_tell_of_turns() {
    let (world, at) = World::with_instance().await;
    let agent = world.create_agent(&at, json!({ "name": "Juniper" })).await;
    let channel = world.start(&at, agent.id).await.channel_id;
    world.chat.say(channel, "Hello").await;
    world.turns_done(channel, 1).await;
    let text = reqwest::get(at.internal.join("/metrics").unwrap())
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    for name in [
        "agent_turns_total{outcome=\"small_talk\"}",
        "agent_turn_seconds_bucket",
        "agent_turn_first_delta_seconds_bucket",
        "http_requests_total",
    ] {
        assert!(text.contains(name), "{name} is missing");
    }
}
