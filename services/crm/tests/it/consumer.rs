//! What the CRM does with events, over a real broker and by the handler itself.

use std::sync::{Arc, Mutex};

use bus::{
    Event, EventData, Failure, Replay,
    topology::{ANALYTICS_INGEST, CRM_TIMELINE},
};
use chat_api::SenderKind;
use crm::consumers;
use crm_api::events::{ContactCreated, ContactUpdated, InteractionCreated};
use ids::{ChannelId, EventId, WorkspaceId};
use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::{Broker, eventually, json};
use tokio_util::sync::CancellationToken;

use crate::support::{Conversation, Crm, at};

/// What the CRM publishes, as analytics would hear it.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Event>>>);

impl Heard {
    fn on(broker: &Broker, stop: CancellationToken) -> Self {
        let heard = Self::default();
        let events = heard.clone();
        let consumer = broker
            .bus("test")
            .consumer(ANALYTICS_INGEST, stop)
            .run(move |event| {
                let events = events.clone();
                async move {
                    if event.source == "/crm" {
                        events.0.lock().unwrap().push(event);
                    }
                    Ok(())
                }
            });
        tokio::spawn(consumer);
        heard
    }

    fn of<T: EventData>(&self) -> Vec<(Event, T)> {
        let events = self.0.lock().unwrap();
        events
            .iter()
            .filter_map(|event| Some((event.clone(), event.read().ok()?)))
            .collect()
    }

    async fn first<T: EventData>(&self) -> (Event, T) {
        eventually(T::TYPE, || async { self.of::<T>().into_iter().next() }).await
    }
}

/// The interactions of the only contact, as soon as there are any.
async fn interactions(crm: &Crm) -> Vec<Value> {
    eventually("an interaction", || async {
        let contacts = crm.items("/contacts").await;
        let id = contacts.first()?["id"].as_str()?.to_owned();
        assert_eq!(contacts.len(), 1);
        let found = crm.items(&format!("/contacts/{id}/interactions")).await;
        (!found.is_empty()).then_some(found)
    })
    .await
}

#[tokio::test]
async fn from_the_first_message_to_the_interaction() {
    let broker = Broker::start().await;
    let crm = Crm::with(&broker).await;
    let heard = Heard::on(&broker, crm.server.lifecycle.stop_token());
    let bus = broker.bus("chat");
    let talk = Conversation::new(crm.workspace);
    bus.publish(&talk.message(SenderKind::Visitor))
        .await
        .unwrap();

    let (event, created) = heard.first::<ContactCreated>().await;
    assert_eq!(
        (event.workspaceid, event.subjectversion),
        (crm.workspace, Some(1))
    );
    assert_eq!(created.visitor_id, Some(talk.visitor));
    let contact = crm.items("/contacts").await.remove(0);
    assert_eq!(contact["id"], json!(created.contact_id));
    assert_eq!(
        (&contact["visitor_id"], &contact["name"]),
        (&json!(talk.visitor), &Value::Null)
    );

    bus.publish(&talk.closed()).await.unwrap();
    let (event, told) = heard.first::<InteractionCreated>().await;
    assert_eq!(event.workspaceid, crm.workspace);
    assert_eq!(
        (told.contact_id, told.agent_id, told.channel_id),
        (created.contact_id, talk.agent, talk.channel)
    );
    assert_eq!(
        (
            told.visitor_messages,
            told.agent_messages,
            told.user_messages
        ),
        (3, 2, 1)
    );
    assert_eq!((told.duration_seconds, told.escalated), (200, true));
    assert_eq!(
        (told.started_at, told.ended_at),
        (at("2026-11-23T09:00:00Z"), at("2026-11-23T09:03:20.5Z"))
    );
    assert_eq!(
        interactions(&crm).await,
        [json!({
            "id": told.interaction_id, "contact_id": created.contact_id, "agent_id": talk.agent,
            "channel_id": talk.channel, "type": "chat", "duration": 200, "sentiment": null, "escalated": true,
            "started_at": "2026-11-23T09:00:00Z", "created_at": "2026-11-23T09:03:20.500Z",
        })]
    );
}

#[tokio::test]
async fn what_a_person_changes_is_told() {
    let broker = Broker::start().await;
    let crm = Crm::with(&broker).await;
    let heard = Heard::on(&broker, crm.server.lifecycle.stop_token());
    let ada = crm
        .create(json!({ "name": "Ada Lovelace", "email": "ada@example.com" }))
        .await;
    let path = format!("/contacts/{}", ada["id"].as_str().unwrap());
    json(crm.patch(&path, &json!({})), StatusCode::OK).await;
    json(
        crm.patch(&path, &json!({ "company": "Acme" })),
        StatusCode::OK,
    )
    .await;
    let (updated, data) = heard.first::<ContactUpdated>().await;
    let (created, _) = heard.first::<ContactCreated>().await;
    assert_eq!(
        (json!(data.contact_id), data.version),
        (ada["id"].clone(), 2)
    );
    assert_eq!(
        (created.subject, created.subjectversion),
        (updated.subject.clone(), Some(1))
    );
    assert_eq!(
        updated.subjectversion,
        Some(2),
        "the patch that changed nothing was told"
    );
    // Events carry ids, never what they are about.
    for event in heard.0.lock().unwrap().iter() {
        let text = serde_json::to_string(event).unwrap();
        assert!(
            !text.contains("Ada") && !text.contains("example.com") && !text.contains("Acme"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn only_a_visitor_who_wrote_becomes_a_contact() {
    let crm = Crm::start().await;
    let talk = Conversation::new(crm.workspace);
    let mut silent = talk.closed_data();
    silent.visitor_messages = 0;
    for event in [
        talk.message(SenderKind::Agent),
        talk.message(SenderKind::User),
        talk.message(SenderKind::System),
        talk.event(&silent),
    ] {
        consumers::handle(&crm.app, &event).await.unwrap();
    }
    assert!(crm.items("/contacts").await.is_empty());
}

#[tokio::test]
async fn what_is_delivered_again_has_no_second_effect() {
    let broker = Broker::start().await;
    let crm = Crm::with(&broker).await;
    let heard = Heard::on(&broker, crm.server.lifecycle.stop_token());
    let bus = broker.bus("chat");
    let talk = Conversation::new(crm.workspace);
    let (message, closed) = (talk.message(SenderKind::Visitor), talk.closed());
    // The end comes before the beginning, and everything several times.
    let deliveries = [&closed, &closed, &message, &closed, &message, &message].map(Clone::clone);
    for published in bus.publish_all(&deliveries).await {
        published.unwrap();
    }
    assert_eq!(interactions(&crm).await.len(), 1);
    // And once more, at the same time, straight into the handler: it waits for whoever is first.
    let again: Vec<_> = (0..20)
        .map(|n| {
            let (app, event) = (
                crm.app.clone(),
                if n % 2 == 0 {
                    closed.clone()
                } else {
                    message.clone()
                },
            );
            tokio::spawn(async move { consumers::handle(&app, &event).await.unwrap() })
        })
        .collect();
    for done in again {
        done.await.unwrap();
    }
    assert_eq!(interactions(&crm).await.len(), 1);
    heard.first::<InteractionCreated>().await;
    // A later conversation tells that everything before it was told.
    let later = Conversation::new(crm.workspace);
    bus.publish(&later.closed()).await.unwrap();
    eventually("the later conversation", || async {
        heard
            .of::<InteractionCreated>()
            .iter()
            .any(|(_, told)| told.channel_id == later.channel)
            .then_some(())
    })
    .await;
    let channels: Vec<ChannelId> = heard
        .of::<InteractionCreated>()
        .iter()
        .map(|(_, told)| told.channel_id)
        .collect();
    assert_eq!(channels, [talk.channel, later.channel]);
    assert_eq!(heard.of::<ContactCreated>().len(), 2);
}

#[tokio::test]
async fn at_once_for_the_first_time_there_is_one_effect() {
    let crm = Crm::start().await;
    for _ in 0..5 {
        let talk = Conversation::new(WorkspaceId::new());
        // Different events of one visitor, and the end told under two ids, as after a repair.
        let events = [
            talk.message(SenderKind::Visitor),
            talk.message(SenderKind::Visitor),
            talk.closed(),
            talk.closed(),
        ];
        let running: Vec<_> = events
            .iter()
            .cycle()
            .take(16)
            .map(|event| {
                let (app, event) = (crm.app.clone(), event.clone());
                tokio::spawn(async move { consumers::handle(&app, &event).await.unwrap() })
            })
            .collect();
        for done in running {
            done.await.unwrap();
        }
        let token = crm.token_of(talk.workspace, common::tokens::Role::Viewer);
        let contacts = json(
            crm.server.get("/contacts").bearer_auth(&token),
            StatusCode::OK,
        )
        .await;
        let contacts = contacts["items"].as_array().unwrap();
        assert_eq!(contacts.len(), 1);
        let path = format!(
            "/contacts/{}/interactions",
            contacts[0]["id"].as_str().unwrap()
        );
        let page = json(crm.server.get(&path).bearer_auth(&token), StatusCode::OK).await;
        assert_eq!(page["items"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn one_visitor_in_two_workspaces_is_two_contacts() {
    let crm = Crm::start().await;
    let talk = Conversation::new(crm.workspace);
    let elsewhere = Conversation {
        workspace: WorkspaceId::new(),
        ..talk
    };
    for event in [talk.closed(), elsewhere.closed()] {
        consumers::handle(&crm.app, &event).await.unwrap();
    }
    let here = crm.items("/contacts").await;
    let token = crm.token_of(elsewhere.workspace, common::tokens::Role::Viewer);
    let there = json(
        crm.server.get("/contacts").bearer_auth(token),
        StatusCode::OK,
    )
    .await;
    assert_eq!(
        (here.len(), there["items"].as_array().unwrap().len()),
        (1, 1)
    );
    assert_ne!(here[0]["id"], there["items"][0]["id"]);
}

#[tokio::test]
async fn a_clock_that_runs_behind_makes_no_negative_time() {
    let crm = Crm::start().await;
    let talk = Conversation::new(crm.workspace);
    let mut closed = talk.closed_data();
    closed.closed_at = closed.opened_at - chrono::TimeDelta::milliseconds(1500);
    consumers::handle(&crm.app, &talk.event(&closed))
        .await
        .unwrap();
    assert_eq!(interactions(&crm).await[0]["duration"], 0);
}

#[tokio::test]
async fn what_cannot_be_read_is_dead_and_the_rest_goes_on() {
    let broker = Broker::start().await;
    let crm = Crm::with(&broker).await;
    let bus = broker.bus("chat");
    let talk = Conversation::new(crm.workspace);
    let mut poison = talk.closed();
    poison.id = EventId::new();
    poison.data["visitor_messages"] = json!("many");
    assert!(matches!(
        consumers::handle(&crm.app, &poison).await,
        Err(Failure::Poison(_))
    ));
    bus.publish(&poison).await.unwrap();
    bus.publish(&talk.closed()).await.unwrap();
    assert_eq!(interactions(&crm).await.len(), 1);
    eventually("the dead letter", || async {
        (broker.depth("crm.timeline.dead").await == 1).then_some(())
    })
    .await;
    // Replayed without a cure it dies again, and harms nobody.
    let replay = Replay {
        queue: CRM_TIMELINE.name.to_owned(),
        bus: broker.config.clone(),
    };
    replay.run("crm").await.unwrap();
    let other = Conversation {
        channel: ChannelId::new(),
        ..talk
    };
    bus.publish(&other.closed()).await.unwrap();
    eventually("the next conversation", || async {
        (interactions(&crm).await.len() == 2).then_some(())
    })
    .await;
    eventually("the dead letter again", || async {
        (broker.depth("crm.timeline.dead").await == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn dead_letters_come_back_by_replay_once_mended() {
    let broker = Broker::start().await;
    let crm = Crm::with(&broker).await;
    let bus = broker.bus("chat");
    // A faulty migration: no interaction is good enough.
    let break_it =
        "ALTER TABLE crm.interactions ADD CONSTRAINT faulty CHECK (duration < 0) NOT VALID";
    sqlx::query(break_it)
        .execute(&crm.postgres.pool)
        .await
        .unwrap();
    let talk = Conversation::new(crm.workspace);
    bus.publish(&talk.closed()).await.unwrap();
    eventually("the dead letter", || async {
        (broker.depth("crm.timeline.dead").await == 1).then_some(())
    })
    .await;
    assert!(
        crm.items("/contacts").await.is_empty(),
        "half of an effect is there"
    );

    sqlx::query("ALTER TABLE crm.interactions DROP CONSTRAINT faulty")
        .execute(&crm.postgres.pool)
        .await
        .unwrap();
    let replay = Replay {
        queue: CRM_TIMELINE.name.to_owned(),
        bus: broker.config.clone(),
    };
    replay.run("crm").await.unwrap();
    assert_eq!(interactions(&crm).await.len(), 1);
    // Nothing is left to replay.
    assert_eq!(bus.replay(CRM_TIMELINE.name).await.unwrap(), 0);
}
