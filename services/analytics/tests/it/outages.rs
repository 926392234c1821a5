//! Stores that go away and come back.

use std::time::{Duration, Instant};

use chat_api::SenderKind;
use reqwest::StatusCode;
use serde_json::json;
use testkit::{Broker, Postgres, eventually_within, json, no_bus, problem};

use crate::support::{Analytics, Conversation, no_cache};

/// Both reads are answered 503, each in time.
async fn refused(analytics: &Analytics) {
    for path in ["/metrics", "/reports/conversations"] {
        let started = Instant::now();
        let told = problem(
            analytics.get(path),
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
        )
        .await;
        assert!(
            started.elapsed() < Duration::from_millis(3500),
            "{:?}",
            started.elapsed()
        );
        assert!(!told["detail"].as_str().unwrap().contains("sql"), "{told}");
    }
}

/// Both reads work, sooner or later.
async fn answered(analytics: &Analytics) {
    for path in ["/metrics", "/reports/conversations"] {
        eventually_within(Duration::from_secs(30), "an answer", || async {
            analytics
                .get(path)
                .send()
                .await
                .unwrap()
                .status()
                .is_success()
                .then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn without_postgres_answers_are_503_in_time_and_events_wait() {
    let broker = Broker::start().await;
    let database = Postgres::start(&analytics::MIGRATOR, "analytics").await;
    let (pool, postgres) = database.behind_a_proxy("analytics").await;
    let analytics = Analytics::on(
        database,
        (pool.clone(), pool),
        no_cache(),
        broker.bus("analytics"),
    )
    .await;
    analytics.run();
    answered(&analytics).await;
    assert_eq!(analytics.server.readiness().await.0, StatusCode::OK);

    postgres.take_down();
    refused(&analytics).await;
    let (status, report) = analytics.server.readiness().await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_ne!(report["checks"]["postgres"], "ok");
    assert_eq!(report["checks"]["rabbitmq"], "ok");
    let talk = Conversation::new(analytics.workspace);
    let bus = broker.bus("test");
    for event in [
        talk.opened(),
        talk.message(SenderKind::Visitor),
        talk.ended(),
    ] {
        bus.publish(&event).await.unwrap();
    }

    postgres.bring_up();
    answered(&analytics).await;
    eventually_within(
        Duration::from_secs(30),
        "what was told meanwhile",
        || async { (analytics.metrics().await.len() == 4).then_some(()) },
    )
    .await;
    assert_eq!(analytics.server.readiness().await.0, StatusCode::OK);
    assert_eq!(
        broker.depth("analytics.ingest.dead").await,
        0,
        "an outage is no reason to die"
    );
}

#[tokio::test]
async fn without_the_broker_it_says_so_and_answers() {
    let analytics = Analytics::start().await;
    let (status, report) = analytics.server.readiness().await;
    assert_eq!(status, StatusCode::OK, "{report}");
    let told = report["checks"]["rabbitmq"].as_str().unwrap();
    assert!(told.starts_with("down"), "{report}");
    answered(&analytics).await;
}

#[tokio::test]
async fn connections_that_say_nothing_any_more_are_given_up() {
    let database = Postgres::start(&analytics::MIGRATOR, "analytics").await;
    let (pool, postgres) = database.behind_a_proxy("analytics").await;
    let pools = (pool.clone(), pool.clone());
    let analytics = Analytics::on(database, pools, no_cache(), no_bus("analytics")).await;
    // All that the pool may have, each with a request under way.
    let mut all = Vec::new();
    for _ in 0..pool.options().get_max_connections() {
        all.push(pool.acquire().await.unwrap());
    }
    postgres.stall();
    drop(all);
    answered(&analytics).await;
}

#[tokio::test]
async fn reads_go_to_the_replica_and_counting_does_not_need_it() {
    let primary = Postgres::start(&analytics::MIGRATOR, "analytics").await;
    let pool = primary.pool.clone();
    // A replica that has not heard of anything yet.
    let behind = Postgres::start(&analytics::MIGRATOR, "analytics").await;
    let (replica, proxy) = behind.behind_a_proxy("analytics").await;
    let analytics = Analytics::on(
        primary,
        (pool.clone(), replica),
        no_cache(),
        no_bus("analytics"),
    )
    .await;
    let talk = Conversation::new(analytics.workspace);
    analytics.hear(&talk.opened()).await;
    assert!(analytics.metrics().await.is_empty());
    let report = json(analytics.get("/reports/conversations"), StatusCode::OK).await;
    assert_eq!(report["totals"]["started"], json!(0));

    proxy.take_down();
    refused(&analytics).await;
    let (_, checks) = analytics.server.readiness().await;
    assert_eq!(checks["checks"]["postgres"], "ok");
    assert_ne!(checks["checks"]["replica"], "ok");
    analytics.hear(&talk.ended()).await;
    let counted =
        sqlx::query_scalar::<_, i64>("SELECT count(*) FROM analytics.metrics").fetch_one(&pool);
    assert_eq!(counted.await.unwrap(), 3);
    proxy.bring_up();
    answered(&analytics).await;
}
