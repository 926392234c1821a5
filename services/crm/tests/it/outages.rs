//! Stores that go away and come back.

use std::time::{Duration, Instant};

use bus::{Bus, BusConfig, topology::CRM_TIMELINE};
use chat_api::SenderKind;
use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use testkit::{Broker, Postgres, Proxy, eventually, eventually_within, json, problem};
use url::Url;

use crate::support::{Conversation, Crm};

/// A CRM that reaches PostgreSQL through a proxy.
async fn behind_a_proxy(broker: &Broker) -> (Crm, Proxy) {
    let postgres = Postgres::start(&crm::MIGRATOR, "crm").await;
    let (pool, proxy) = postgres.behind_a_proxy("crm").await;
    let crm = Crm::on(postgres, pool, broker.bus("crm")).await;
    crm.run();
    (crm, proxy)
}

#[tokio::test]
async fn without_postgres_every_answer_is_503_in_time_until_it_is_back() {
    let broker = Broker::start().await;
    let (crm, postgres) = behind_a_proxy(&broker).await;
    let contact = crm.create(json!({ "name": "Ada" })).await;
    let path = format!("/contacts/{}", contact["id"].as_str().unwrap());
    assert_eq!(crm.server.readiness().await.0, StatusCode::OK);

    postgres.take_down();
    let token = crm.keys.service("agent", "crm");
    let question = json!({ "workspace_id": crm.workspace, "visitor_id": ids::VisitorId::new() });
    for request in [
        crm.get("/contacts"),
        crm.get(&path),
        crm.get(&format!("{path}/interactions")),
        crm.post("/contacts", &json!({ "name": "Eve" })),
        crm.patch(&path, &json!({ "name": "Eve" })),
        crm.server
            .internal_request(Method::PUT, "/internal/contacts/by-visitor")
            .bearer_auth(token)
            .json(&question),
    ] {
        let started = Instant::now();
        let response = request.try_clone().unwrap().send().await.unwrap();
        assert!(
            started.elapsed() < Duration::from_millis(3500),
            "{:?}",
            started.elapsed()
        );
        assert_eq!(
            response.status(),
            StatusCode::SERVICE_UNAVAILABLE,
            "{request:?}"
        );
        assert_eq!(response.headers()["retry-after"], "1");
        let told = problem(request, StatusCode::SERVICE_UNAVAILABLE, "unavailable").await;
        let detail = told["detail"].as_str().unwrap();
        assert!(
            !detail.contains("sql") && !detail.contains("127.0.0.1"),
            "{detail}"
        );
    }
    let (status, report) = crm.server.readiness().await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_ne!(report["checks"]["postgres"], "ok");
    assert_eq!(
        (&report["checks"]["rabbitmq"], &report["checks"]["auth"]),
        (&json!("ok"), &json!("ok"))
    );

    // What is told meanwhile waits for it.
    let talk = Conversation::new(crm.workspace);
    let chat = broker.bus("chat");
    chat.publish(&talk.message(SenderKind::Visitor))
        .await
        .unwrap();
    chat.publish(&talk.closed()).await.unwrap();
    postgres.bring_up();
    let contacts = eventually_within(Duration::from_secs(30), "the visitor's contact", || async {
        let response = crm.get("/contacts").send().await.unwrap();
        let page: Value = if response.status().is_success() {
            response.json().await.unwrap()
        } else {
            return None;
        };
        let items = page["items"].as_array().unwrap().clone();
        (items.len() == 2).then_some(items)
    })
    .await;
    let visitor = contacts
        .iter()
        .find(|contact| contact["visitor_id"] == json!(talk.visitor))
        .unwrap();
    let path = format!("/contacts/{}/interactions", visitor["id"].as_str().unwrap());
    eventually_within(Duration::from_secs(30), "the interaction", || async {
        (crm.items(&path).await.len() == 1).then_some(())
    })
    .await;
    assert_eq!(crm.server.readiness().await.0, StatusCode::OK);
    // Nothing of what was refused happened.
    assert!(contacts.iter().all(|contact| contact["name"] != "Eve"));
    assert_eq!(
        broker.depth("crm.timeline.dead").await,
        0,
        "an outage is no reason to die"
    );
}

#[tokio::test]
async fn without_the_broker_requests_are_answered_and_events_wait() {
    let broker = Broker::start().await;
    let direct = Url::parse(broker.config.amqp_url.expose_secret()).unwrap();
    let proxy = Proxy::start(&direct).await;
    let bus = Bus::new(
        "crm",
        &BusConfig {
            amqp_url: String::from(proxy.through(&direct)).into(),
        },
    );
    let postgres = Postgres::start(&crm::MIGRATOR, "crm").await;
    let pool = postgres.pool.clone();
    let crm = Crm::on(postgres, pool, bus).await;
    crm.run();
    eventually("the first connection", || async {
        (crm.server.readiness().await.1["checks"]["rabbitmq"] == "ok").then_some(())
    })
    .await;

    proxy.take_down();
    let status = eventually("the loss", || async {
        let (status, report) = crm.server.readiness().await;
        let told = report["checks"]["rabbitmq"].as_str().unwrap();
        told.starts_with("down").then_some(status)
    })
    .await;
    assert_eq!(status, StatusCode::OK, "requests are answered all the same");
    let contact = crm.create(json!({ "name": "Ada" })).await;
    let talk = Conversation::new(crm.workspace);
    broker.bus("chat").publish(&talk.closed()).await.unwrap();
    proxy.bring_up();

    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let heard = told.clone();
    let consumer = broker.bus("test").consumer(
        bus::topology::ANALYTICS_INGEST,
        crm.server.lifecycle.stop_token(),
    );
    tokio::spawn(consumer.run(move |event| {
        let heard = heard.clone();
        async move {
            heard.lock().unwrap().push((event.r#type, event.subject));
            Ok(())
        }
    }));
    let created = (
        "crm.contact.created.v1".to_owned(),
        contact["id"].as_str().unwrap().to_owned(),
    );
    eventually_within(
        Duration::from_secs(30),
        "the event and the conversation of the outage",
        || async {
            let told = told.lock().unwrap().clone();
            let ended = told
                .iter()
                .any(|(r#type, _)| r#type == "crm.interaction.created.v1");
            (told.contains(&created) && ended).then_some(())
        },
    )
    .await;
    assert_eq!(
        json(crm.get("/contacts"), StatusCode::OK).await["items"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn a_connection_that_breaks_loses_no_event() {
    let broker = Broker::start().await;
    let crm = Crm::with(&broker).await;
    let chat = broker.bus("chat");
    for round in 1..=3 {
        let talk = Conversation::new(crm.workspace);
        // The connection that was cut may still look whole.
        let closed = talk.closed();
        eventually("the event is confirmed", || async {
            chat.publish(&closed).await.ok()
        })
        .await;
        eventually_within(Duration::from_secs(30), "each conversation", || async {
            (crm.items("/contacts").await.len() == round).then_some(())
        })
        .await;
        broker.cut_connections().await;
    }
    assert_eq!(
        broker
            .depth(&bus::topology::dead_letters(CRM_TIMELINE.name))
            .await,
        0
    );
}
