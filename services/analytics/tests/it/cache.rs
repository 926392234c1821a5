//! The cache of reports: it saves work, and nothing depends on it.

use std::time::{Duration, Instant};

use common::tokens::Role;
use ids::{UserId, WorkspaceId};
use reqwest::StatusCode;
use serde_json::Value;
use stores::redis::{Redis, RedisConfig};
use testkit::{Postgres, eventually, json, no_bus};
use tokio::net::TcpListener;

use crate::support::{Analytics, Conversation, cache};

const DAY: &str = "/reports/conversations?from=2026-11-23T00:00:00Z&to=2026-11-24T00:00:00Z";

async fn with(redis: Redis) -> Analytics {
    let postgres = Postgres::start(&analytics::MIGRATOR, "analytics").await;
    let pool = postgres.pool.clone();
    Analytics::on(
        postgres,
        (pool.clone(), pool),
        cache(redis),
        no_bus("analytics"),
    )
    .await
}

async fn started(analytics: &Analytics, path: &str) -> i64 {
    json(analytics.get(path), StatusCode::OK).await["totals"]["started"]
        .as_i64()
        .unwrap()
}

/// The keys of a workspace, as soon as there are any.
async fn keys(analytics: &Analytics) -> Vec<String> {
    let redis = testkit::redis();
    let mut list = redis::cmd("KEYS");
    list.arg(format!("analytics:report:{}:*", analytics.workspace));
    eventually("a kept report", || async {
        // Asked again as often as it takes: under load Redis may miss its deadline.
        started(analytics, DAY).await;
        let keys: Vec<String> = redis.run(&list, Duration::from_secs(2)).await.unwrap();
        (!keys.is_empty()).then_some(keys)
    })
    .await
}

#[tokio::test]
async fn a_report_is_served_again_for_a_moment() {
    let analytics = with(testkit::redis()).await;
    let kept = keys(&analytics).await;
    analytics
        .hear(&Conversation::new(analytics.workspace).opened())
        .await;
    eventually("an answer of the cache", || async {
        (started(&analytics, DAY).await == 0).then_some(())
    })
    .await;
    // Every other question is answered anew: another time, another interval, another workspace.
    assert_eq!(
        started(&analytics, &format!("{DAY}&interval=hour")).await,
        1
    );
    assert_eq!(started(&analytics, "/reports/conversations").await, 1);
    let other = WorkspaceId::new();
    analytics.hear(&Conversation::new(other).opened()).await;
    let token = analytics.keys.person(other, UserId::new(), Role::Viewer);
    let there: Value = json(analytics.server.get(DAY).bearer_auth(token), StatusCode::OK).await;
    assert_eq!(there["totals"]["started"], 1);
    // It is kept for a while, not for ever.
    let mut left = redis::cmd("TTL");
    left.arg(&kept[0]);
    let left: i64 = testkit::redis()
        .run(&left, Duration::from_secs(2))
        .await
        .unwrap();
    assert!((1..=60).contains(&left), "{left}");
}

#[tokio::test]
async fn what_cannot_be_read_is_computed_anew() {
    let analytics = with(testkit::redis()).await;
    let kept = keys(&analytics).await;
    analytics
        .hear(&Conversation::new(analytics.workspace).opened())
        .await;
    for garbage in ["", "{", "{\"totals\":{\"started\":7}}", "null"] {
        let mut spoil = redis::cmd("SET");
        spoil.arg(&kept[0]).arg(garbage);
        testkit::redis()
            .run::<()>(&spoil, Duration::from_secs(2))
            .await
            .unwrap();
        assert_eq!(started(&analytics, DAY).await, 1, "{garbage}");
    }
}

#[tokio::test]
async fn without_redis_every_report_is_right_and_in_time() {
    // One address refuses; behind the other one listens who never says a word.
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let silence = format!("redis://{}/0", silent.local_addr().unwrap());
    let listener = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((socket, _)) = silent.accept().await {
            held.push(socket);
        }
    });
    for redis_url in ["redis://127.0.0.1:1/0".to_owned(), silence] {
        let redis = Redis::connect(&RedisConfig {
            redis_url: redis_url.into(),
        })
        .unwrap();
        let analytics = with(redis).await;
        for count in 1..=5 {
            analytics
                .hear(&Conversation::new(analytics.workspace).opened())
                .await;
            let asked = Instant::now();
            assert_eq!(started(&analytics, DAY).await, count);
            assert!(
                asked.elapsed() < Duration::from_secs(1),
                "{:?}",
                asked.elapsed()
            );
        }
    }
    listener.abort();
}
