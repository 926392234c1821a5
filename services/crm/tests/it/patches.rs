//! Changing contacts.

use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::{json, places, problem};

use crate::support::Crm;

async fn ada(crm: &Crm) -> (String, Value) {
    let ada = crm
        .create(json!({
            "name": "Ada", "email": "ada@example.com", "phone": "+44 20 7946 0958", "company": "Acme",
            "lead_score": 70, "tags": ["vip"],
        }))
        .await;
    crm.advance(60);
    (format!("/contacts/{}", ada["id"].as_str().unwrap()), ada)
}

#[tokio::test]
async fn what_is_absent_stays_what_is_null_is_cleared_what_is_there_is_set() {
    let crm = Crm::start().await;
    let (path, before) = ada(&crm).await;
    let patch = json!({ "name": "Ada Lovelace", "phone": null, "lead_score": null, "tags": [" b", "a", "b"] });
    let response = crm
        .patch(&path, &patch)
        .header("content-type", "application/merge-patch+json")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (response.status(), &response.headers()["etag"]),
        (StatusCode::OK, &"\"2\"".parse().unwrap())
    );
    let after: Value = response.json().await.unwrap();
    let mut expected = before;
    expected["name"] = json!("Ada Lovelace");
    expected["phone"] = Value::Null;
    expected["lead_score"] = json!(0);
    expected["tags"] = json!(["a", "b"]);
    expected["updated_at"] = json!("2026-11-23T10:01:00Z");
    assert_eq!(after, expected);
    assert_eq!(json(crm.get(&path), StatusCode::OK).await, expected);
    // Lists find it by what it is now.
    assert_eq!(crm.items("/contacts?q=lovelace&tag=a").await, [expected]);
    assert!(crm.items("/contacts?tag=vip").await.is_empty());
    let cleared = json(crm.patch(&path, &json!({ "tags": null })), StatusCode::OK).await;
    assert_eq!(cleared["tags"], json!([]));
}

#[tokio::test]
async fn a_patch_that_changes_nothing_is_no_change() {
    let crm = Crm::start().await;
    let (path, before) = ada(&crm).await;
    for patch in [json!({}), json!({ "name": "Ada", "tags": ["vip", "vip"] })] {
        let response = crm.patch(&path, &patch).send().await.unwrap();
        assert_eq!(response.headers()["etag"], "\"1\"");
        assert_eq!(response.json::<Value>().await.unwrap(), before);
    }
}

#[tokio::test]
async fn a_change_of_what_has_changed_is_refused() {
    let crm = Crm::start().await;
    let (path, _) = ada(&crm).await;
    let patch = |name: &str, tag: &str| {
        crm.patch(&path, &json!({ "name": name }))
            .header("if-match", tag)
    };
    json(patch("first", "\"1\""), StatusCode::OK).await;
    let refused = patch("second", "\"1\"").send().await.unwrap();
    assert_eq!(
        refused.headers()["etag"],
        "\"2\"",
        "the refusal says what to read again"
    );
    problem(
        patch("second", "\"1\""),
        StatusCode::PRECONDITION_FAILED,
        "precondition_failed",
    )
    .await;
    assert_eq!(json(crm.get(&path), StatusCode::OK).await["name"], "first");
    json(patch("third", "\"1\", \"2\""), StatusCode::OK).await;
    json(patch("fourth", "*"), StatusCode::OK).await;
    assert_eq!(json(crm.get(&path), StatusCode::OK).await["name"], "fourth");
}

#[tokio::test]
async fn of_changes_at_once_each_version_has_one() {
    let crm = Crm::start().await;
    let (path, _) = ada(&crm).await;
    let guarded = (0..12).map(|n| {
        let request = crm
            .patch(&path, &json!({ "company": format!("guarded {n}") }))
            .header("if-match", "\"1\"");
        tokio::spawn(async move { request.send().await.unwrap().status() })
    });
    let mut won = 0;
    for answer in guarded.collect::<Vec<_>>() {
        match answer.await.unwrap() {
            StatusCode::OK => won += 1,
            status => assert_eq!(status, StatusCode::PRECONDITION_FAILED),
        }
    }
    assert_eq!(won, 1);
    // Without a guard all of them apply, one after the other: none overwrites what another field got.
    let fields = ["name", "company"]
        .into_iter()
        .cycle()
        .take(12)
        .enumerate()
        .map(|(n, field)| {
            let request = crm.patch(&path, &json!({ field: format!("{field} {n}") }));
            tokio::spawn(async move { request.send().await.unwrap().status() })
        });
    for answer in fields.collect::<Vec<_>>() {
        assert_eq!(answer.await.unwrap(), StatusCode::OK);
    }
    let response = crm.get(&path).send().await.unwrap();
    assert_eq!(response.headers()["etag"], "\"14\"");
    let left: Value = response.json().await.unwrap();
    assert!(
        left["name"].as_str().unwrap().starts_with("name ")
            && left["company"].as_str().unwrap().starts_with("company ")
    );
}

#[tokio::test]
async fn every_fault_of_a_patch_is_named_by_its_pointer() {
    let crm = Crm::start().await;
    let (path, before) = ada(&crm).await;
    for (patch, pointers) in [
        (json!({ "name": " " }), vec!["/name"]),
        (json!({ "email": "ada" }), vec!["/email"]),
        (json!({ "phone": "1" }), vec!["/phone"]),
        (
            json!({ "company": "" , "lead_score": 500 }),
            vec!["/company", "/lead_score"],
        ),
        (json!({ "tags": ["ok", 7] }), vec!["/tags/1"]),
        (json!({ "visitor_id": null }), vec!["/visitor_id"]),
        (json!({ "id": "x" }), vec!["/id"]),
        (
            json!({ "name": null, "email": null, "phone": null, "company": null }),
            vec![""],
        ),
        (json!(null), vec![""]),
    ] {
        let refused = problem(
            crm.patch(&path, &patch),
            StatusCode::UNPROCESSABLE_ENTITY,
            "validation_failed",
        )
        .await;
        assert_eq!(places(&refused), pointers, "{patch}");
    }
    assert_eq!(json(crm.get(&path), StatusCode::OK).await, before);
}
