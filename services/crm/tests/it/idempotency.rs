//! `Idempotency-Key`: a creation that is repeated is one creation.

use common::tokens::Role;
use ids::WorkspaceId;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use testkit::{json, problem};

use crate::support::Crm;

fn create(crm: &Crm, key: &str, name: &str) -> RequestBuilder {
    crm.post("/contacts", &json!({ "name": name }))
        .header("idempotency-key", key)
}

#[tokio::test]
async fn the_first_answer_comes_again() {
    let crm = Crm::start().await;
    let first = create(&crm, "k1", "Ada").send().await.unwrap();
    assert_eq!(first.status(), StatusCode::CREATED);
    let (etag, location) = (
        first.headers()["etag"].clone(),
        first.headers()["location"].clone(),
    );
    let body: Value = first.json().await.unwrap();
    crm.advance(5);
    let again = create(&crm, "k1", "Ada").send().await.unwrap();
    assert_eq!(again.status(), StatusCode::CREATED);
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(
        (&again.headers()["etag"], &again.headers()["location"]),
        (&etag, &location)
    );
    assert_eq!(again.json::<Value>().await.unwrap(), body);
    assert_eq!(crm.items("/contacts").await.len(), 1);
    // Another key is another request, and so is no key.
    json(create(&crm, "k2", "Ada"), StatusCode::CREATED).await;
    crm.create(json!({ "name": "Ada" })).await;
    assert_eq!(crm.items("/contacts").await.len(), 3);
}

#[tokio::test]
async fn a_key_belongs_to_one_body_one_caller_and_one_day() {
    let crm = Crm::start().await;
    let first = json(create(&crm, "k", "Ada"), StatusCode::CREATED).await;
    problem(
        create(&crm, "k", "Eve"),
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency_key_reused",
    )
    .await;
    // A colleague and another company have keys of their own.
    for (workspace, role) in [
        (crm.workspace, Role::Admin),
        (WorkspaceId::new(), Role::Owner),
    ] {
        let token = crm.token_of(workspace, role);
        let request = crm
            .server
            .post("/contacts")
            .bearer_auth(token)
            .json(&json!({ "name": "Eve" }));
        let other = json(request.header("idempotency-key", "k"), StatusCode::CREATED).await;
        assert_ne!(other["id"], first["id"]);
    }
    crm.advance(24 * 3600 + 1);
    let later = json(create(&crm, "k", "Eve"), StatusCode::CREATED).await;
    assert_eq!(later["name"], "Eve");
}

#[tokio::test]
async fn a_refused_request_does_not_use_up_its_key() {
    let crm = Crm::start().await;
    problem(
        create(&crm, "k", " "),
        StatusCode::UNPROCESSABLE_ENTITY,
        "validation_failed",
    )
    .await;
    json(create(&crm, "k", "Ada"), StatusCode::CREATED).await;
}

#[tokio::test]
async fn of_requests_at_once_one_creates_and_all_are_told() {
    let crm = Crm::start().await;
    let running: Vec<_> = (0..16)
        .map(|_| {
            let request = create(&crm, "k", "Ada");
            tokio::spawn(async move { json(request, StatusCode::CREATED).await })
        })
        .collect();
    let mut answers = Vec::new();
    for answer in running {
        answers.push(answer.await.unwrap());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "all got the same answer");
    assert_eq!(crm.items("/contacts").await, answers);
}
