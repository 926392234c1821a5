//! Canned replies: shared ones, one's own, and what stands in their places.

use common::tokens::{Permission, Role};
use ids::{UserId, WorkspaceId};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::{json, places, problem};

use crate::support::{Fleet, Instance};

/// Somebody who writes, and leads nobody.
fn writer(fleet: &Fleet) -> String {
    let mut claims = fleet
        .keys
        .person_claims(fleet.workspace, UserId::new(), Role::Agent);
    claims.scope = [
        Permission::ConversationsRead,
        Permission::ConversationsWrite,
    ]
    .map(Permission::as_str)
    .join(" ");
    fleet.keys.sign(&claims)
}

async fn create(chat: &Instance, token: &str, shortcut: &str, shared: bool) -> Value {
    let body = json!({ "shortcut": shortcut, "title": format!("About {shortcut}"),
                       "text": format!("Text of {shortcut}."), "shared": shared });
    json(
        chat.post(token, "/canned-replies", &body),
        StatusCode::CREATED,
    )
    .await
}

fn path(reply: &Value) -> String {
    format!("/canned-replies/{}", reply["id"].as_str().unwrap())
}

async fn shortcuts(chat: &Instance, token: &str, query: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut next = String::new();
    loop {
        let path = format!("/canned-replies?limit=2{query}{next}");
        let page = json(chat.get(token, &path), StatusCode::OK).await;
        let items = page["items"].as_array().unwrap();
        found.extend(
            items
                .iter()
                .map(|item| item["shortcut"].as_str().unwrap().to_owned()),
        );
        let Some(cursor) = page["next_cursor"].as_str() else {
            return found;
        };
        next = format!("&cursor={cursor}");
    }
}

#[tokio::test]
async fn people_see_the_shared_ones_and_their_own() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let (lead, ada, bob) = (fleet.person(), writer(&fleet), writer(&fleet));
    let shared = create(&chat, &lead, "hours", true).await;
    let own = create(&chat, &ada, "bye", false).await;
    create(&chat, &bob, "bye", false).await;
    create(&chat, &lead, "returns", true).await;
    create(&chat, &ada, "zebra", false).await;
    assert_eq!(
        shortcuts(&chat, &ada, "").await,
        ["bye", "hours", "returns", "zebra"]
    );
    assert_eq!(
        shortcuts(&chat, &ada, "&sort=-shortcut").await,
        ["zebra", "returns", "hours", "bye"]
    );
    assert_eq!(
        shortcuts(&chat, &ada, "&scope=personal").await,
        ["bye", "zebra"]
    );
    assert_eq!(
        shortcuts(&chat, &ada, "&scope=shared&sort=-updated_at").await,
        ["returns", "hours"]
    );
    assert_eq!(shortcuts(&chat, &ada, "&q=OF%20ret").await, ["returns"]);
    assert_eq!(shortcuts(&chat, &lead, "").await, ["hours", "returns"]);
    problem(
        chat.get(&bob, &path(&own)),
        StatusCode::NOT_FOUND,
        "not_found",
    )
    .await;
    let stranger = fleet
        .keys
        .person(WorkspaceId::new(), UserId::new(), Role::Owner);
    problem(
        chat.get(&stranger, &path(&shared)),
        StatusCode::NOT_FOUND,
        "not_found",
    )
    .await;
    // Shared ones are for those who lead.
    let body = json!({ "title": "Mine" });
    for method in [Method::PATCH, Method::DELETE] {
        let body = if method == Method::PATCH {
            &body
        } else {
            &Value::Null
        };
        let request = chat.call(method.clone(), &ada, &path(&shared), body);
        problem(request, StatusCode::FORBIDDEN, "forbidden").await;
        let request = chat.call(method, &bob, &path(&own), body);
        problem(request, StatusCode::NOT_FOUND, "not_found").await;
    }
    let new = json!({ "shortcut": "x", "title": "x", "text": "x", "shared": true });
    let request = chat.post(&ada, "/canned-replies", &new);
    problem(request, StatusCode::FORBIDDEN, "forbidden").await;
}

#[tokio::test]
async fn a_reply_is_changed_and_deleted_and_its_shortcut_is_its_own() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let ada = writer(&fleet);
    let reply = create(&chat, &ada, "bye", false).await;
    create(&chat, &ada, "hello", false).await;
    let patch = |body: Value| chat.call(Method::PATCH, &ada, &path(&reply), &body);
    let taken = patch(json!({ "shortcut": "hello" }));
    let taken = problem(taken, StatusCode::CONFLICT, "conflict").await;
    assert_eq!(places(&taken), ["/shortcut"]);
    let changed = patch(json!({ "text": "Good bye" })).header("if-match", "\"1\"");
    let changed = changed.send().await.unwrap();
    assert_eq!(changed.headers()["etag"], "\"2\"");
    let stale = patch(json!({ "text": "Bye" })).header("if-match", "\"1\"");
    problem(
        stale,
        StatusCode::PRECONDITION_FAILED,
        "precondition_failed",
    )
    .await;
    let wrong = patch(json!({ "shortcut": "Good Bye", "title": null, "text": "" }));
    let wrong = problem(wrong, StatusCode::UNPROCESSABLE_ENTITY, "validation_failed").await;
    assert_eq!(places(&wrong), ["/shortcut", "/title", "/text"]);
    let delete = || chat.call(Method::DELETE, &ada, &path(&reply), &Value::Null);
    assert_eq!(
        delete().send().await.unwrap().status(),
        StatusCode::NO_CONTENT
    );
    problem(delete(), StatusCode::NOT_FOUND, "not_found").await;
}

#[tokio::test]
async fn places_are_filled_with_what_the_visitor_said_and_with_what_is_given() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let lead = fleet.person();
    let body = json!({ "shortcut": "hi", "title": "Hi", "shared": true,
        "text": "Hi {{contact.name | there}}, order {{contact.Order}} of {{shop}} goes to {{contact.city}}." });
    let reply = json(
        chat.post(&lead, "/canned-replies", &body),
        StatusCode::CREATED,
    )
    .await;
    let visitor = fleet.open(&chat).await;
    let render = |values: Value| {
        let body = json!({ "channel_id": visitor.channel, "values": values });
        chat.post(&lead, &format!("{}/render", path(&reply)), &body)
    };
    let nothing = json(render(json!([])), StatusCode::OK).await;
    assert_eq!(nothing["text"], "Hi there, order  of  goes to .");
    assert_eq!(
        nothing["missing"],
        json!(["contact.Order", "contact.city", "shop"])
    );
    let said = json!({ "name": "Ada", "custom": [{ "label": "Order", "value": "4711" }] });
    json(
        chat.call(Method::PUT, &visitor.token, "/introduction", &said),
        StatusCode::OK,
    )
    .await;
    let values =
        json!([{ "name": "shop", "value": "Acme" }, { "name": "contact.city", "value": "Paris" }]);
    let filled = json(render(values), StatusCode::OK).await;
    assert_eq!(filled["text"], "Hi Ada, order 4711 of Acme goes to Paris.");
    assert_eq!(filled["missing"], json!([]));
    let stranger = fleet
        .keys
        .person(WorkspaceId::new(), UserId::new(), Role::Owner);
    let body = json!({ "channel_id": visitor.channel });
    let request = chat.post(&stranger, &format!("{}/render", path(&reply)), &body);
    problem(request, StatusCode::NOT_FOUND, "not_found").await;
}
