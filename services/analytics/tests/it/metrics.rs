//! The list of metrics.

use std::collections::BTreeSet;

use chat_api::SenderKind;
use chrono::{DateTime, TimeDelta, Utc};
use ids::{ChannelId, MetricId};
use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::json;

use crate::support::{Analytics, Conversation};

#[tokio::test]
async fn each_event_is_what_the_definitions_say() {
    let analytics = Analytics::start().await;
    let talk = Conversation::new(analytics.workspace);
    for event in [
        talk.opened(),
        talk.message(SenderKind::Visitor),
        talk.contact_created(),
        talk.turn(Some(250)),
        talk.message(SenderKind::Agent),
        talk.ended(),
    ] {
        analytics.hear(&event).await;
    }
    let all = analytics.metrics().await;
    let mut told: Vec<(&str, f64, &str)> = all
        .iter()
        .map(|metric| {
            assert!(metric["id"].as_str().unwrap().parse::<MetricId>().is_ok());
            assert_eq!(metric["user_id"], Value::Null);
            let text = |field: &str| metric[field].as_str().unwrap();
            (
                text("metric_type"),
                metric["value"].as_f64().unwrap(),
                text("timestamp"),
            )
        })
        .collect();
    told.sort_by_key(|(name, ..)| *name);
    assert_eq!(
        told,
        [
            ("contact_created", 1.0, "2026-11-23T09:00:10Z"),
            (
                "conversation_duration_seconds",
                200.0,
                "2026-11-23T09:03:20Z"
            ),
            ("conversation_ended", 1.0, "2026-11-23T09:03:20Z"),
            ("conversation_started", 1.0, "2026-11-23T09:00:00Z"),
            ("first_delta_ms", 250.0, "2026-11-23T09:00:11Z"),
            ("message_sent", 1.0, "2026-11-23T09:00:10Z"),
            ("message_sent", 1.0, "2026-11-23T09:00:10Z"),
            ("tokens_used", 340.0, "2026-11-23T09:00:11Z"),
        ]
    );
}

#[tokio::test]
async fn a_first_word_that_nobody_timed_is_not_counted() {
    let analytics = Analytics::start().await;
    let talk = Conversation::new(analytics.workspace);
    analytics.hear(&talk.turn(None)).await;
    let all = analytics.metrics().await;
    let types: Vec<&Value> = all.iter().map(|metric| &metric["metric_type"]).collect();
    assert_eq!(types, ["tokens_used"]);
}

#[tokio::test]
async fn filters_narrow_by_type_and_time() {
    let analytics = Analytics::start().await;
    let talk = Conversation::new(analytics.workspace);
    for event in [
        talk.opened(),
        talk.message(SenderKind::Visitor),
        talk.ended(),
    ] {
        analytics.hear(&event).await;
    }
    for (query, expected) in [
        ("metric_type=message_sent", vec!["message_sent"]),
        ("metric_type=tokens_used", vec![]),
        // From then on, inclusive; until then, exclusive; newest first.
        (
            "from=2026-11-23T09:00:10Z&to=2026-11-23T09:03:20Z",
            vec!["message_sent"],
        ),
        ("to=2026-11-23T09:00:10Z", vec!["conversation_started"]),
        (
            "to=2026-11-23T10:00:10%2B01:00",
            vec!["conversation_started"],
        ),
        ("from=2026-11-23T09:03:20.000001Z", vec![]),
        (
            "metric_type=conversation_started&from=2026-11-23T09:00:00Z",
            vec!["conversation_started"],
        ),
        (
            "to=2026-11-23T09:03:20Z",
            vec!["message_sent", "conversation_started"],
        ),
    ] {
        let page = json(analytics.get(&format!("/metrics?{query}")), StatusCode::OK).await;
        let found: Vec<&str> = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|metric| metric["metric_type"].as_str().unwrap())
            .collect();
        assert_eq!(found, expected, "{query}");
    }
}

#[tokio::test]
async fn pages_have_each_metric_once_while_others_are_counted() {
    let analytics = Analytics::start().await;
    let talk = Conversation::new(analytics.workspace);
    let tell = async |count: i64| {
        for n in 0..count {
            // Three at each time, two metrics from each event.
            let opened_at = talk.opened_at + TimeDelta::seconds(n / 3);
            analytics
                .hear(
                    &Conversation {
                        channel: ChannelId::new(),
                        opened_at,
                        ..talk
                    }
                    .turn(Some(250)),
                )
                .await;
        }
    };
    tell(150).await;
    for query in ["limit=7", "limit=7&metric_type=tokens_used", "limit=100"] {
        let mut seen: Vec<Value> = Vec::new();
        let mut path = format!("/metrics?{query}");
        let before = analytics.metrics().await;
        loop {
            let page = json(analytics.get(&path), StatusCode::OK).await;
            seen.extend(page["items"].as_array().unwrap().iter().cloned());
            let Some(cursor) = page["next_cursor"].as_str() else {
                break;
            };
            path = format!("/metrics?{query}&cursor={cursor}");
            tell(2).await;
        }
        let key = |metric: &Value| {
            let time: DateTime<Utc> = metric["timestamp"].as_str().unwrap().parse().unwrap();
            (time, metric["id"].as_str().unwrap().to_owned())
        };
        for pair in seen.windows(2) {
            assert!(
                key(&pair[0]) > key(&pair[1]),
                "{query}: {} then {}",
                pair[0],
                pair[1]
            );
        }
        let only = |metric: &&Value| {
            !query.contains("tokens_used") || metric["metric_type"] == json!("tokens_used")
        };
        let ids = |metrics: &[Value]| -> BTreeSet<String> {
            metrics
                .iter()
                .filter(only)
                .map(|metric| metric["id"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(ids(&seen).len(), seen.len(), "{query}: of another type");
        assert_eq!(
            ids(&before).difference(&ids(&seen)).count(),
            0,
            "{query} skips some"
        );
    }
}
