//! What is counted, and that it is counted once.

use analytics::consumers;
use bus::{Bus, Event, Failure, Replay, topology::ANALYTICS_INGEST};
use chat_api::{OwnerState, SenderKind, events::OwnerChanged};
use crm_api::events::ContactUpdated;
use ids::{AgentId, EventId, WorkspaceId};
use reqwest::{Method, StatusCode};
use serde_json::json;
use testkit::{Broker, eventually, json};

use crate::support::{Analytics, Conversation, at};

async fn publish(bus: &Bus, events: &[Event]) {
    for published in bus.publish_all(events).await {
        published.unwrap();
    }
}

/// Waits until there are this many metrics.
async fn counted(analytics: &Analytics, count: usize) {
    eventually(&format!("{count} metrics"), || async {
        (analytics.metrics().await.len() == count).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_comes_again_counts_once_in_whatever_order() {
    let broker = Broker::start().await;
    let analytics = Analytics::with(&broker).await;
    let talk = Conversation::new(analytics.workspace);
    let events = [
        talk.ended(),
        talk.turn(Some(250)),
        talk.message(SenderKind::Agent),
        talk.contact_created(),
        talk.message(SenderKind::Visitor),
        talk.opened(),
    ];
    let bus = broker.bus("test");
    for _ in 0..3 {
        publish(&bus, &events).await;
    }
    counted(&analytics, 8).await;
    // And at the same time, straight into the handler.
    let again: Vec<_> = events
        .iter()
        .cycle()
        .take(30)
        .map(|event| {
            let (app, event) = (analytics.app.clone(), event.clone());
            tokio::spawn(async move { consumers::handle(&app, &event).await.unwrap() })
        })
        .collect();
    for done in again {
        done.await.unwrap();
    }
    assert_eq!(analytics.metrics().await.len(), 8);
    assert_eq!(analytics.sum("message_sent").await, (2, 2.0));
    assert_eq!(analytics.sum("tokens_used").await, (1, 340.0));
    let totals =
        json(analytics.get("/reports/conversations"), StatusCode::OK).await["totals"].clone();
    assert_eq!(
        (
            &totals["started"],
            &totals["ended"],
            &totals["visitor_messages"]
        ),
        (&json!(1), &json!(1), &json!(3))
    );
}

#[tokio::test]
async fn at_once_for_the_first_time_each_event_counts_once() {
    let analytics = Analytics::start().await;
    for round in 1..=5 {
        let talk = Conversation::new(analytics.workspace);
        let events = [
            talk.opened(),
            talk.message(SenderKind::Visitor),
            talk.turn(Some(250)),
            talk.ended(),
        ];
        let running: Vec<_> = events
            .iter()
            .cycle()
            .take(24)
            .map(|event| {
                let (app, event) = (analytics.app.clone(), event.clone());
                tokio::spawn(async move { consumers::handle(&app, &event).await.unwrap() })
            })
            .collect();
        for done in running {
            done.await.unwrap();
        }
        assert_eq!(analytics.metrics().await.len(), round * 6);
    }
}

#[tokio::test]
async fn a_fact_that_is_told_under_another_id_is_the_same_fact() {
    let analytics = Analytics::start().await;
    let talk = Conversation::new(analytics.workspace);
    for _ in 0..2 {
        analytics.hear(&talk.opened()).await;
        analytics.hear(&talk.ended()).await;
    }
    assert_eq!(analytics.sum("conversation_started").await, (1, 1.0));
    assert_eq!(analytics.sum("conversation_ended").await, (1, 1.0));
    assert_eq!(
        analytics.sum("conversation_duration_seconds").await,
        (1, 200.0)
    );
    // The same channel of another workspace would be another one.
    analytics
        .hear(
            &Conversation {
                workspace: WorkspaceId::new(),
                ..talk
            }
            .opened(),
        )
        .await;
    assert_eq!(analytics.sum("conversation_started").await, (1, 1.0));
}

#[tokio::test]
async fn an_event_that_comes_after_its_inbox_row_was_cleaned_counts_once() {
    let analytics = Analytics::start().await;
    let talk = Conversation::new(analytics.workspace);
    let events = [
        talk.opened(),
        talk.message(SenderKind::Visitor),
        talk.contact_created(),
        talk.turn(Some(250)),
        talk.ended(),
    ];
    for event in &events {
        analytics.hear(event).await;
    }
    let inbox = outbox::Inbox::new("analytics", ANALYTICS_INGEST, analytics.clock.clone());
    analytics
        .clock
        .advance(std::time::Duration::from_secs(61 * 86_400));
    inbox.clean(&analytics.postgres.pool).await.unwrap();
    for event in &events {
        analytics.hear(event).await;
    }
    let pool = &analytics.postgres.pool;
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM analytics.metrics")
        .fetch_one(pool)
        .await
        .unwrap();
    assert_eq!(count, 7);
}

#[tokio::test]
async fn other_events_are_passed_over_and_counted_as_such() {
    let broker = Broker::start().await;
    let analytics = Analytics::with(&broker).await;
    let talk = Conversation::new(analytics.workspace);
    let owner = OwnerChanged {
        channel_id: talk.channel,
        seq: 3,
        owner: OwnerState::Queued,
        agent_id: AgentId::new(),
        changed_by: SenderKind::Visitor,
        reason: None,
        changed_at: at("2026-11-23T09:01:00Z"),
    };
    let contact = ContactUpdated {
        contact_id: talk.contact,
        version: 2,
        updated_at: at("2026-11-23T09:01:00Z"),
    };
    let unknown = Event {
        r#type: "auth.something.happened.v9".to_owned(),
        ..talk.event(&contact)
    };
    publish(
        &broker.bus("test"),
        &[
            talk.event(&owner),
            talk.event(&contact),
            unknown,
            talk.opened(),
        ],
    )
    .await;
    counted(&analytics, 1).await;
    for r#type in [
        "chat.channel.owner_changed.v1",
        "crm.contact.updated.v1",
        "auth.something.happened.v9",
    ] {
        eventually(r#type, || async {
            let request = analytics.server.internal_request(Method::GET, "/metrics");
            let text = request.send().await.unwrap().text().await.unwrap();
            text.contains(&format!(
                "analytics_events_ignored_total{{type=\"{type}\"}}"
            ))
            .then_some(())
        })
        .await;
    }
    assert_eq!(analytics.metrics().await.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_counted_is_dead_and_comes_back_by_replay_once_mended() {
    let broker = Broker::start().await;
    let analytics = Analytics::with(&broker).await;
    let bus = broker.bus("test");
    let talk = Conversation::new(analytics.workspace);
    let unreadable = Event {
        id: EventId::new(),
        data: json!({ "channel_id": 7 }),
        ..talk.opened()
    };
    let mut impossible = talk.ended_data();
    impossible.duration_seconds = -1;
    for event in [&unreadable, &talk.event(&impossible)] {
        assert!(matches!(
            consumers::handle(&analytics.app, event).await,
            Err(Failure::Poison(_))
        ));
    }
    publish(&bus, &[unreadable, talk.opened()]).await;
    counted(&analytics, 1).await;
    let dead = |count| {
        let broker = &broker;
        eventually("the dead letters", move || async move {
            (broker.depth("analytics.ingest.dead").await == count).then_some(())
        })
    };
    dead(1).await;

    // A faulty migration: no conversation may end.
    let break_it = "ALTER TABLE analytics.conversation_facts ADD CONSTRAINT faulty CHECK (duration_seconds < 0) NOT VALID";
    sqlx::query(break_it)
        .execute(&analytics.postgres.pool)
        .await
        .unwrap();
    publish(&bus, &[talk.ended()]).await;
    dead(2).await;
    assert_eq!(
        analytics.metrics().await.len(),
        1,
        "half of an effect is there"
    );
    let mend = "ALTER TABLE analytics.conversation_facts DROP CONSTRAINT faulty";
    sqlx::query(mend)
        .execute(&analytics.postgres.pool)
        .await
        .unwrap();
    let replay = Replay {
        queue: ANALYTICS_INGEST.name.to_owned(),
        bus: broker.config.clone(),
    };
    replay.run("analytics").await.unwrap();
    counted(&analytics, 3).await;
    // Only the one that nothing can cure is dead again.
    dead(1).await;
}
