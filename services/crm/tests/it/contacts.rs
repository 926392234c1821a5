//! Creating and reading contacts.

use chrono::{DateTime, Utc};
use ids::ContactId;
use reqwest::StatusCode;
use serde_json::json;
use testkit::{json, places, problem};

use crate::support::Crm;

#[tokio::test]
async fn what_is_created_can_be_read_where_the_answer_says() {
    let crm = Crm::start().await;
    let body = json!({
        "name": "Ada Lovelace", "email": "Ada@Example.com", "phone": "+44 20 7946 0958",
        "company": "Analytical Engines", "lead_score": 70, "tags": ["vip ", " beta", "vip"],
    });
    let response = crm.post("/contacts", &body).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::CREATED);
    assert_eq!(response.headers()["etag"], "\"1\"");
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    assert!(response.headers().get("idempotent-replayed").is_none());
    let created: serde_json::Value = response.json().await.unwrap();

    // The address as it was typed, the labels in order.
    let id: ContactId = created["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(
        created,
        json!({
            "id": id, "user_id": crm.user, "visitor_id": null, "name": "Ada Lovelace",
            "email": "Ada@Example.com", "phone": "+44 20 7946 0958", "company": "Analytical Engines",
            "lead_score": 70, "tags": ["beta", "vip"],
            "created_at": "2026-11-23T10:00:00Z", "updated_at": "2026-11-23T10:00:00Z",
        })
    );
    let path = location
        .strip_prefix("/api/v1")
        .expect("where the gateway serves it");
    let response = crm.get(path).send().await.unwrap();
    assert_eq!(response.headers()["etag"], "\"1\"");
    assert_eq!(response.json::<serde_json::Value>().await.unwrap(), created);
    assert_eq!(crm.items("/contacts").await, [created]);
}

#[tokio::test]
async fn one_telling_field_is_enough() {
    let crm = Crm::start().await;
    for body in [
        json!({ "name": "Ada" }),
        json!({ "email": "ada@example.com" }),
        json!({ "phone": "+44 20 7946 0958" }),
        json!({ "company": "Acme" }),
    ] {
        let created = crm.create(body).await;
        assert_eq!(
            (&created["lead_score"], &created["tags"]),
            (&json!(0), &json!([]))
        );
        assert!(
            created["created_at"]
                .as_str()
                .unwrap()
                .parse::<DateTime<Utc>>()
                .is_ok()
        );
    }
}

#[tokio::test]
async fn every_fault_of_a_body_is_named_by_its_pointer() {
    let crm = Crm::start().await;
    let long = "x".repeat(201);
    let many: Vec<String> = (0..51).map(|n| format!("tag-{n}")).collect();
    for (body, pointers) in [
        (json!({}), vec![""]),
        (json!({ "tags": ["vip"], "lead_score": 5 }), vec![""]),
        (json!({ "name": "" }), vec!["/name"]),
        (json!({ "name": "  " }), vec!["/name"]),
        (json!({ "name": "a\nb" }), vec!["/name"]),
        (
            json!({ "name": long, "company": long }),
            vec!["/name", "/company"],
        ),
        (json!({ "name": 7 }), vec!["/name"]),
        (json!({ "email": "ada" }), vec!["/email"]),
        (
            json!({ "email": "ada@example.com", "phone": "call me" }),
            vec!["/phone"],
        ),
        (
            json!({ "name": "Ada", "lead_score": 101 }),
            vec!["/lead_score"],
        ),
        (
            json!({ "name": "Ada", "lead_score": -1 }),
            vec!["/lead_score"],
        ),
        (
            json!({ "name": "Ada", "lead_score": 1.5 }),
            vec!["/lead_score"],
        ),
        (
            json!({ "name": "Ada", "lead_score": 70_000 }),
            vec!["/lead_score"],
        ),
        (
            json!({ "name": "Ada", "tags": ["ok", " ", "x".repeat(51)] }),
            vec!["/tags/1", "/tags/2"],
        ),
        (json!({ "name": "Ada", "tags": many }), vec!["/tags"]),
        (json!({ "name": "Ada", "tags": "vip" }), vec!["/tags"]),
        (json!({ "name": "Ada", "admin": true }), vec!["/admin"]),
        (
            json!({ "name": "Ada", "id": ContactId::new() }),
            vec!["/id"],
        ),
        (json!({ "name": "Ada\u{0}" }), vec!["/name", "/name"]),
        (json!(["Ada"]), vec![""]),
    ] {
        let refused = problem(
            crm.post("/contacts", &body),
            StatusCode::UNPROCESSABLE_ENTITY,
            "validation_failed",
        )
        .await;
        assert_eq!(places(&refused), pointers, "{body}");
    }
    assert!(
        crm.items("/contacts").await.is_empty(),
        "a refused request saved something"
    );
}

#[tokio::test]
async fn an_id_that_names_nothing_is_not_found() {
    let crm = Crm::start().await;
    for id in [
        ContactId::new().to_string(),
        "42".to_owned(),
        "not-an-id".to_owned(),
    ] {
        problem(
            crm.get(&format!("/contacts/{id}")),
            StatusCode::NOT_FOUND,
            "not_found",
        )
        .await;
        problem(
            crm.patch(&format!("/contacts/{id}"), &json!({})),
            StatusCode::NOT_FOUND,
            "not_found",
        )
        .await;
        problem(
            crm.get(&format!("/contacts/{id}/interactions")),
            StatusCode::NOT_FOUND,
            "not_found",
        )
        .await;
    }
    let found = crm.create(json!({ "name": "Ada" })).await;
    json(
        crm.get(&format!("/contacts/{}", found["id"].as_str().unwrap())),
        StatusCode::OK,
    )
    .await;
}
