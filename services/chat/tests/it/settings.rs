//! What a workspace decides, and who goes by it.

use common::tokens::Role;
use ids::{UserId, WorkspaceId};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::{eventually, json, places, problem};

use crate::support::{Fleet, answer, refused};

#[tokio::test]
async fn settings_are_read_changed_and_guarded_by_their_version() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let person = fleet.person();
    let first = chat.get(&person, "/chat-settings").send().await.unwrap();
    assert_eq!(first.headers()["etag"], "\"0\"");
    let first: Value = first.json().await.unwrap();
    assert_eq!(
        (
            &first["edit_minutes"],
            &first["reopen_days"],
            &first["ai_first"]
        ),
        (&json!(15), &json!(7), &json!(true))
    );
    let change = |etag: &'static str, body: Value| {
        chat.call(Method::PATCH, &person, "/chat-settings", &body)
            .header("if-match", etag)
    };
    let body = json!({ "edit_minutes": 3, "csat": { "enabled": false },
                       "labels": [{ "name": "vip", "color": "#ff0000" }] });
    let changed = change("\"0\"", body).send().await.unwrap();
    assert_eq!(changed.headers()["etag"], "\"1\"");
    let changed: Value = changed.json().await.unwrap();
    assert_eq!(
        (&changed["edit_minutes"], &changed["reopen_days"]),
        (&json!(3), &json!(7))
    );
    assert!(changed["updated_at"].is_string());
    let same = change("\"1\"", json!({ "edit_minutes": 3 }))
        .send()
        .await
        .unwrap();
    assert_eq!(same.headers()["etag"], "\"1\"", "nothing changed");
    problem(
        change("\"0\"", json!({ "edit_minutes": 4 })),
        StatusCode::PRECONDITION_FAILED,
        "precondition_failed",
    )
    .await;
    let wrong = change(
        "*",
        json!({ "capacity": 0, "labels": [{ "name": "", "color": "red" }] }),
    );
    let wrong = problem(wrong, StatusCode::UNPROCESSABLE_ENTITY, "validation_failed").await;
    assert_eq!(
        places(&wrong),
        ["/capacity", "/labels/0/name", "/labels/0/color"]
    );
    let no_text = change("*", json!({ "consent": { "required": true } }));
    let no_text = problem(
        no_text,
        StatusCode::UNPROCESSABLE_ENTITY,
        "validation_failed",
    )
    .await;
    assert_eq!(places(&no_text), ["/consent/text"]);
}

#[tokio::test]
async fn only_who_may_changes_settings_and_workspaces_do_not_share_them() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let body = json!({ "reopen_days": 1 });
    let viewer = fleet
        .keys
        .person(fleet.workspace, UserId::new(), Role::Viewer);
    let patch = |token: &str| answer(chat.call(Method::PATCH, token, "/chat-settings", &body));
    refused(patch(&viewer).await, 403, "forbidden");
    let visitor = fleet.open(&chat).await.token;
    refused(patch(&visitor).await, 403, "forbidden");
    refused(
        answer(chat.get(&visitor, "/chat-settings")).await,
        403,
        "forbidden",
    );
    assert_eq!(patch(&fleet.person()).await.0, StatusCode::OK);
    let other = fleet
        .keys
        .person(WorkspaceId::new(), UserId::new(), Role::Owner);
    let theirs = json(chat.get(&other, "/chat-settings"), StatusCode::OK).await;
    assert_eq!(theirs["reopen_days"], 7);
}

#[tokio::test]
async fn every_instance_goes_by_a_change_at_once() {
    let fleet = Fleet::start().await;
    let (here, there) = (fleet.instance().await, fleet.instance().await);
    let visitor = fleet.open(&there).await.token;
    let before = json(there.get(&visitor, "/widget-settings"), StatusCode::OK).await;
    assert_eq!(before["edit_minutes"], 15);
    let body = json!({ "edit_minutes": 1, "greetings": [{ "locale": "de", "text": "Guten Tag" }] });
    json(
        here.call(Method::PATCH, &fleet.person(), "/chat-settings", &body),
        StatusCode::OK,
    )
    .await;
    eventually("the other instance knows", async || {
        let now = json(there.get(&visitor, "/widget-settings"), StatusCode::OK).await;
        (now["edit_minutes"] == 1 && now["greetings"] == body["greetings"]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_widget_learns_what_concerns_it_and_nothing_else() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let body = json!({
        "labels": [{ "name": "difficult customer", "color": "#000000" }], "ai_first": false,
        "prechat": { "enabled": true, "fields": [{ "key": "email", "label": "E-mail", "required": true }] },
    });
    json(
        chat.call(Method::PATCH, &fleet.person(), "/chat-settings", &body),
        StatusCode::OK,
    )
    .await;
    let visitor = fleet.open(&chat).await.token;
    let told = json(chat.get(&visitor, "/widget-settings"), StatusCode::OK).await;
    assert_eq!(
        (&told["ai_first"], &told["people_online"]),
        (&json!(false), &json!(0))
    );
    assert_eq!(told["prechat"]["fields"][0]["key"], "email");
    assert_eq!(told["consent"]["needed"], false);
    assert!(!told.to_string().contains("difficult"), "{told}");
}
