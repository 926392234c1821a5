//! Reports, held against a recount.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use ids::{ChannelId, ContactId, WorkspaceId};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::Row;
use testkit::json;

use crate::support::{Analytics, Conversation, at};

/// Three hundred conversations over ten days, some still open, some with a contact who came before.
async fn generate(analytics: &Analytics, workspace: WorkspaceId, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let contacts: Vec<ContactId> = (0..40).map(|_| ContactId::new()).collect();
    for _ in 0..300 {
        let talk = Conversation {
            workspace,
            channel: ChannelId::new(),
            contact: contacts[random.random_range(0..contacts.len())],
            opened_at: at("2026-11-10T00:00:00Z")
                + TimeDelta::milliseconds(random.random_range(0..864_000_000)),
            seconds: random.random_range(0..20_000),
            escalated: random.random_bool(0.3),
        };
        analytics.hear(&talk.opened()).await;
        if random.random_bool(0.8) {
            let mut ended = talk.ended_data();
            ended.visitor_messages = random.random_range(1..20);
            ended.agent_messages = random.random_range(0..20);
            ended.user_messages = if talk.escalated {
                random.random_range(0..9)
            } else {
                0
            };
            analytics.hear(&talk.event(&ended)).await;
        }
    }
}

/// The same numbers, counted one row at a time in Rust from what the tables hold.
async fn recount(
    analytics: &Analytics,
    workspace: WorkspaceId,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    step: i64,
) -> Value {
    #[derive(Default)]
    struct Sums {
        started: i64,
        ended: i64,
        escalated: i64,
        contacts: std::collections::BTreeSet<uuid::Uuid>,
        messages: [i64; 3],
        seconds: i64,
    }
    let within = |time: DateTime<Utc>| from <= time && time < to;
    let bucket = |time: DateTime<Utc>| time.timestamp().div_euclid(step) * step;
    let mut rows: BTreeMap<i64, Sums> = BTreeMap::new();
    let mut totals = Sums::default();
    let pool = &analytics.postgres.pool;
    let started = sqlx::query(
        "SELECT started_at FROM analytics.conversations_started WHERE workspace_id = $1",
    );
    for row in started.bind(workspace).fetch_all(pool).await.unwrap() {
        let time: DateTime<Utc> = row.get("started_at");
        if within(time) {
            rows.entry(bucket(time)).or_default().started += 1;
            totals.started += 1;
        }
    }
    let ended = sqlx::query("SELECT * FROM analytics.conversation_facts WHERE workspace_id = $1");
    for row in ended.bind(workspace).fetch_all(pool).await.unwrap() {
        let time: DateTime<Utc> = row.get("ended_at");
        if !within(time) {
            continue;
        }
        for sums in [rows.entry(bucket(time)).or_default(), &mut totals] {
            sums.ended += 1;
            sums.escalated += i64::from(row.get::<bool, _>("escalated"));
            sums.contacts.insert(row.get("contact_id"));
            for (sum, column) in sums.messages.iter_mut().zip([
                "visitor_messages",
                "agent_messages",
                "user_messages",
            ]) {
                *sum += row.get::<i64, _>(column);
            }
            sums.seconds += row.get::<i64, _>("duration_seconds");
        }
    }
    let show = |sums: &Sums| {
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let average = (sums.ended > 0).then(|| sums.seconds as f64 / sums.ended as f64);
        json!({
            "started": sums.started, "ended": sums.ended, "ended_by_ai": sums.ended - sums.escalated,
            "escalated": sums.escalated, "unique_contacts": sums.contacts.len(),
            "visitor_messages": sums.messages[0], "agent_messages": sums.messages[1],
            "user_messages": sums.messages[2], "average_duration_seconds": average,
        })
    };
    let with_start = |(start, sums): (&i64, &Sums)| {
        let mut row = show(sums);
        row["start"] = json!(DateTime::from_timestamp(*start, 0).unwrap());
        row
    };
    json!({ "totals": show(&totals), "rows": rows.iter().map(with_start).collect::<Vec<_>>() })
}

/// Rounds averages to a millionth of a second, which is where two ways to divide may differ.
fn rounded(mut report: Value) -> Value {
    let round = |sums: &mut Value| {
        if let Some(average) = sums["average_duration_seconds"].as_f64() {
            sums["average_duration_seconds"] = json!((average * 1e6).round() / 1e6);
        }
    };
    round(&mut report["totals"]);
    report["rows"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .for_each(round);
    report
}

#[tokio::test]
async fn the_report_is_what_a_recount_finds() {
    let analytics = Analytics::start().await;
    generate(&analytics, analytics.workspace, 1).await;
    // Somebody else's conversations at the same times.
    generate(&analytics, WorkspaceId::new(), 2).await;
    let mut random = StdRng::seed_from_u64(3);
    let mut ranges = vec![(at("2026-11-10T00:00:00Z"), at("2026-11-21T00:00:00Z"))];
    for _ in 0..6 {
        let mut time = || {
            at("2026-11-09T12:00:00Z")
                + TimeDelta::microseconds(random.random_range(0..1_000_000_000_000))
        };
        let (a, b) = (time(), time());
        ranges.push((a.min(b), a.max(b)));
    }
    for (from, to) in ranges {
        for (interval, step) in [("hour", 3600), ("day", 86400)] {
            let text =
                |time: DateTime<Utc>| time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
            let path = format!(
                "/reports/conversations?from={}&to={}&interval={interval}",
                text(from),
                text(to)
            );
            let mut report = json(analytics.get(&path), StatusCode::OK).await;
            assert_eq!(report["interval"], interval);
            assert_eq!(
                (
                    at(report["from"].as_str().unwrap()),
                    at(report["to"].as_str().unwrap())
                ),
                (from, to)
            );
            let fields = report.as_object_mut().unwrap();
            fields.retain(|name, _| name == "totals" || name == "rows");
            let counted = recount(&analytics, analytics.workspace, (from, to), step).await;
            assert_eq!(rounded(report), rounded(counted), "{path}");
        }
    }
}

#[tokio::test]
async fn metrics_and_report_tell_the_same() {
    let analytics = Analytics::start().await;
    generate(&analytics, analytics.workspace, 4).await;
    let path = "/reports/conversations?from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z";
    let totals = json(analytics.get(path), StatusCode::OK).await["totals"].clone();
    let count = |name: &str| usize::try_from(totals[name].as_u64().unwrap()).unwrap();
    assert_eq!(
        analytics.sum("conversation_started").await.0,
        count("started")
    );
    assert_eq!(analytics.sum("conversation_ended").await.0, count("ended"));
    let (durations, seconds) = analytics.sum("conversation_duration_seconds").await;
    assert_eq!(durations, count("ended"));
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let average = seconds / durations as f64;
    assert!((average - totals["average_duration_seconds"].as_f64().unwrap()).abs() < 1e-6);
}

#[tokio::test]
async fn nothing_is_a_report_too() {
    let analytics = Analytics::start().await;
    let report = json(analytics.get("/reports/conversations"), StatusCode::OK).await;
    assert_eq!(
        report,
        json!({
            // The last thirty days, up to a few seconds ahead.
            "from": "2026-10-24T10:00:05Z", "to": "2026-11-23T10:00:05Z", "interval": "day", "rows": [],
            "totals": {
                "started": 0, "ended": 0, "ended_by_ai": 0, "escalated": 0, "unique_contacts": 0,
                "visitor_messages": 0, "agent_messages": 0, "user_messages": 0, "average_duration_seconds": null,
            },
        })
    );
}

#[tokio::test]
async fn what_happens_now_is_in_the_report_of_now() {
    let analytics = Analytics::start().await;
    let talk = Conversation {
        opened_at: at("2026-11-23T09:56:40Z"),
        ..Conversation::new(analytics.workspace)
    };
    assert_eq!(talk.ended_at(), analytics.clock.now());
    analytics.hear(&talk.opened()).await;
    analytics.hear(&talk.ended()).await;
    let report = json(
        analytics.get("/reports/conversations?interval=hour"),
        StatusCode::OK,
    )
    .await;
    assert_eq!(
        (&report["totals"]["started"], &report["totals"]["ended"]),
        (&json!(1), &json!(1))
    );
    let rows = report["rows"].as_array().unwrap();
    let starts: Vec<&str> = rows
        .iter()
        .map(|row| row["start"].as_str().unwrap())
        .collect();
    assert_eq!(starts, ["2026-11-23T09:00:00Z", "2026-11-23T10:00:00Z"]);
    assert_eq!(
        (&rows[0]["started"], &rows[0]["ended"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(
        (&rows[1]["ended"], &rows[1]["average_duration_seconds"]),
        (&json!(1), &json!(200.0))
    );
}
