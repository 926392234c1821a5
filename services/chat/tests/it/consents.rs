//! Agreeing to the workspace's text before anything is taken.

use common::tokens::Role;
use ids::{ChannelId, UserId, WorkspaceId};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::{json, problem};

use crate::support::{Conversation, Fleet, Instance, answer, refused};

/// Asks for consent to a text; answers its version.
async fn ask(fleet: &Fleet, chat: &Instance, text: &str) -> Value {
    let body = json!({ "consent": { "required": true, "text": text } });
    let request = chat.call(Method::PATCH, &fleet.person(), "/chat-settings", &body);
    json(request, StatusCode::OK).await["consent"]["version"].clone()
}

async fn give(chat: &Instance, visitor: &Conversation, body: Value) -> (StatusCode, Value) {
    answer(chat.post(&visitor.token, "/consents", &body)).await
}

#[tokio::test]
async fn nothing_is_taken_before_the_visitor_agreed_and_another_text_asks_anew() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let visitor = fleet.open(&chat).await;
    let version = ask(&fleet, &chat, "We keep what you write.").await;
    let needed = json(chat.get(&visitor.token, "/widget-settings"), StatusCode::OK).await;
    assert_eq!(needed["consent"]["needed"], true);
    assert_eq!(needed["consent"]["text"], "We keep what you write.");
    let refused_with = chat.say(&visitor.token, visitor.channel, "hello").await;
    assert_eq!(refused_with.1["consent_version"], version);
    refused(refused_with, 403, "consent_required");
    let body = json!({ "name": "Ada" });
    refused(
        answer(chat.call(Method::PUT, &visitor.token, "/introduction", &body)).await,
        403,
        "consent_required",
    );
    assert_eq!(fleet.log(&chat, visitor.channel).await.len(), 1);

    let (status, consent) = give(&chat, &visitor, json!({ "version": version })).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(consent["visitor_id"], json!(visitor.visitor));
    let (status, again) = give(&chat, &visitor, json!({ "version": version })).await;
    assert_eq!((status, again), (StatusCode::OK, consent.clone()));
    let said = chat.say(&visitor.token, visitor.channel, "hello").await;
    assert_eq!(said.0, StatusCode::CREATED);
    let told = json(chat.get(&visitor.token, "/widget-settings"), StatusCode::OK).await;
    assert_eq!(told["consent"]["needed"], false);

    let other = ask(&fleet, &chat, "We keep it for ever.").await;
    assert_ne!(other, version);
    refused(
        chat.say(&visitor.token, visitor.channel, "and?").await,
        403,
        "consent_required",
    );
    refused(
        give(&chat, &visitor, json!({ "version": version })).await,
        409,
        "conflict",
    );
    let (message, rating) = (
        format!("/messages/{}/2", visitor.channel),
        format!("/channels/{}/rating", visitor.channel),
    );
    let edit = chat.call(
        Method::PATCH,
        &visitor.token,
        &message,
        &json!({ "text": "x" }),
    );
    refused(answer(edit).await, 403, "consent_required");
    let words = json!({ "score": 5, "comment": "thank you" });
    let rate = chat.call(Method::POST, &visitor.token, &rating, &words);
    refused(answer(rate).await, 403, "consent_required");
    let rate = chat.call(
        Method::POST,
        &visitor.token,
        &rating,
        &json!({ "score": 5 }),
    );
    assert_eq!(
        answer(rate).await.0,
        StatusCode::NO_CONTENT,
        "no words, nothing to agree to"
    );
    // People of the company are asked nothing.
    let (status, _) = chat
        .say(&fleet.person(), visitor.channel, "we are here")
        .await;
    assert_eq!(status, StatusCode::CREATED);
}

#[tokio::test]
async fn the_log_of_the_conversation_tells_of_it_once() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let (visitor, other) = (fleet.open(&chat).await, fleet.open(&chat).await);
    let version = ask(&fleet, &chat, "We keep what you write.").await;
    let elsewhere = json!({ "version": version, "channel_id": other.channel });
    refused(give(&chat, &visitor, elsewhere).await, 404, "not_found");
    let nowhere = json!({ "version": version, "channel_id": ChannelId::new() });
    refused(give(&chat, &visitor, nowhere).await, 404, "not_found");
    let here = json!({ "version": version, "channel_id": visitor.channel });
    assert_eq!(
        give(&chat, &visitor, here.clone()).await.0,
        StatusCode::CREATED
    );
    assert_eq!(give(&chat, &visitor, here).await.0, StatusCode::OK);
    let log = fleet.log(&chat, visitor.channel).await;
    let change = serde_json::to_value(&log[1].change).unwrap();
    assert_eq!(change, json!({ "what": "consented", "version": version }));
    assert_eq!(log.len(), 2);
}

#[tokio::test]
async fn who_audits_sees_who_agreed_to_what() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let version = ask(&fleet, &chat, "abc").await;
    let mut visitors = Vec::new();
    for _ in 0..5 {
        let visitor = fleet.open(&chat).await;
        give(&chat, &visitor, json!({ "version": version })).await;
        visitors.push(json!(visitor.visitor));
    }
    let owner = fleet
        .keys
        .person(fleet.workspace, UserId::new(), Role::Owner);
    for (sort, expected) in [
        ("given_at", visitors.clone()),
        ("-given_at", visitors.iter().rev().cloned().collect()),
    ] {
        let mut found = Vec::new();
        let mut next = String::new();
        loop {
            let path = format!("/consents?limit=2&sort={sort}{next}");
            let page = json(chat.get(&owner, &path), StatusCode::OK).await;
            let items = page["items"].as_array().unwrap().clone();
            found.extend(items.iter().map(|item| item["visitor_id"].clone()));
            let Some(cursor) = page["next_cursor"].as_str() else {
                break;
            };
            next = format!("&cursor={cursor}");
        }
        assert_eq!(found, expected, "{sort}");
    }
    let path = format!("/consents?visitor_id={}", visitors[3].as_str().unwrap());
    let one = json(chat.get(&owner, &path), StatusCode::OK).await;
    // FIPS 180-2, appendix B.1.
    assert_eq!(
        one["items"][0]["text_hash"],
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    assert_eq!(one["items"].as_array().unwrap().len(), 1);
    let none = json(chat.get(&owner, "/consents?version=99"), StatusCode::OK).await;
    assert_eq!(none["items"], json!([]));
    let stranger = fleet
        .keys
        .person(WorkspaceId::new(), UserId::new(), Role::Owner);
    let theirs = json(chat.get(&stranger, "/consents"), StatusCode::OK).await;
    assert_eq!(theirs["items"], json!([]));
    let visitor = fleet.open(&chat).await;
    let request = chat.get(&visitor.token, "/consents");
    problem(request, StatusCode::FORBIDDEN, "forbidden").await;
}
