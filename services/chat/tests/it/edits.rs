//! Editing, taking back, reacting: over HTTP, and as sockets hear of it.

use std::time::Duration;

use clock::Clock;
use common::tokens::Role;
use ids::UserId;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Fleet, Instance, answer, no_broker, refused};

async fn edit(chat: &Instance, token: &str, path: &str, text: &str) -> (StatusCode, Value) {
    let body = json!({ "text": text });
    answer(chat.call(Method::PATCH, token, path, &body)).await
}

async fn take_back(chat: &Instance, token: &str, path: &str) -> (StatusCode, Value) {
    answer(chat.call(Method::DELETE, token, path, &Value::Null)).await
}

#[tokio::test]
async fn an_edited_message_is_what_it_says_now_everywhere() {
    let fleet = Fleet::start().await;
    let instances = [fleet.instance().await, fleet.instance().await];
    let chat = &instances[0];
    let conversation = fleet.open(chat).await;
    let (visitor, channel) = (&conversation.token, conversation.channel);
    let person = fleet.person();
    chat.say(visitor, channel, "Do you ship to Norway?").await;
    let mut live = instances[1].follow(&person, &[(channel, 2)]).await;
    let path = format!("/messages/{channel}/2");

    let (status, edited) = edit(chat, visitor, &path, "Do you ship to *Sweden*?").await;
    assert_eq!(status, StatusCode::OK, "{edited}");
    assert_eq!(
        (&edited["seq"], &edited["kind"], &edited["body"]["text"]),
        (
            &json!(2),
            &json!("message"),
            &json!("Do you ship to *Sweden*?")
        )
    );
    assert!(edited["edited_at"].is_string());
    assert_eq!(edited["body"]["blocks"][0]["spans"][1]["type"], "emphasis");
    let frame = live.until("edit").await;
    assert_eq!(
        (&frame["seq"], &frame["of_seq"], &frame["body"]),
        (&json!(3), &json!(2), &edited["body"])
    );
    // Who comes later gets it as it is, and what happened to it.
    let mut later = instances[1].follow(visitor, &[(channel, 1)]).await;
    let frames = later.up_to(3).await;
    let message = frames.iter().find(|frame| frame["type"] == "message");
    assert_eq!(message.unwrap()["body"], edited["body"]);
    let page = instances[1].get(&person, &format!("/messages/{channel}"));
    let (_, page) = answer(page).await;
    assert_eq!(page["items"][1]["body"], edited["body"]);

    // The same text again is no further edit; another version than the one that was seen is refused.
    let (_, same) = edit(chat, visitor, &path, "Do you ship to *Sweden*?").await;
    assert_eq!(same, edited);
    let stale = chat
        .call(Method::PATCH, visitor, &path, &json!({ "text": "x" }))
        .header("if-match", "\"2\"");
    refused(answer(stale).await, 412, "precondition_failed");
    assert_eq!(fleet.log(chat, channel).await.len(), 3);
}

#[tokio::test]
async fn what_was_taken_back_is_gone_and_the_log_goes_on() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let (visitor, channel) = (&conversation.token, conversation.channel);
    chat.say(visitor, channel, "My card is 4111").await;
    let path = format!("/messages/{channel}/2");
    edit(&chat, visitor, &path, "My card is 4222").await;
    let mut live = chat.follow(&fleet.person(), &[(channel, 3)]).await;
    assert_eq!(
        take_back(&chat, visitor, &path).await.0,
        StatusCode::NO_CONTENT
    );
    let frame = live.until("delete").await;
    assert_eq!((&frame["seq"], &frame["of_seq"]), (&json!(4), &json!(2)));
    assert_eq!(
        take_back(&chat, visitor, &path).await.0,
        StatusCode::NO_CONTENT
    );
    refused(edit(&chat, visitor, &path, "again").await, 404, "not_found");
    let (_, page) = answer(chat.get(visitor, &format!("/messages/{channel}"))).await;
    assert!(!page.to_string().contains("My card"), "{page}");
    let message = &page["items"][1];
    assert!(message["deleted_at"].is_string() && message["body"].is_null());
    assert_eq!(fleet.log(&chat, channel).await.len(), 4);
}

#[tokio::test]
async fn only_the_sender_edits_and_only_for_a_while_and_who_moderates_takes_everything_back() {
    let clock = Clock::manual(Clock::system().now());
    let fleet = Fleet::with(clock.clone(), no_broker()).await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let (visitor, channel) = (&conversation.token, conversation.channel);
    let user = UserId::new();
    // Somebody who may write, and no more.
    let mut claims = fleet.keys.person_claims(fleet.workspace, user, Role::Agent);
    claims.scope = "conversations:read conversations:write".to_owned();
    let operator = fleet.keys.sign(&claims);
    let supervisor = fleet.person();
    chat.say(visitor, channel, "mine").await;
    let (_, theirs) = chat.say(&operator, channel, "theirs").await;
    let (mine, theirs) = (
        format!("/messages/{channel}/2"),
        format!("/messages/{channel}/{}", theirs["seq"]),
    );
    for (token, path) in [(visitor, &theirs), (&operator, &mine), (&supervisor, &mine)] {
        refused(edit(&chat, token, path, "x").await, 403, "forbidden");
    }
    refused(take_back(&chat, visitor, &theirs).await, 403, "forbidden");
    refused(take_back(&chat, &operator, &mine).await, 403, "forbidden");
    // What is no message is none.
    let state = format!("/messages/{channel}/1");
    refused(edit(&chat, visitor, &state, "x").await, 404, "not_found");
    refused(
        take_back(&chat, &supervisor, &format!("/messages/{channel}/99")).await,
        404,
        "not_found",
    );

    assert_eq!(
        edit(&chat, &operator, &theirs, "still theirs").await.0,
        StatusCode::OK
    );
    clock.advance(Duration::from_secs(16 * 60));
    // One whose list of ended sessions is not too old.
    let chat = fleet.instance().await;
    let visitor = &fleet
        .keys
        .visitor(fleet.workspace, conversation.visitor, fleet.agent);
    let operator = &fleet.keys.sign(&{
        let mut claims = fleet.keys.person_claims(fleet.workspace, user, Role::Agent);
        claims.scope = "conversations:read conversations:write".to_owned();
        claims
    });
    let supervisor = fleet.person();
    refused(edit(&chat, visitor, &mine, "late").await, 409, "conflict");
    refused(take_back(&chat, operator, &theirs).await, 409, "conflict");
    for path in [&mine, &theirs] {
        let (status, body) = take_back(&chat, &supervisor, path).await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{body}");
    }
}

#[tokio::test]
async fn signs_are_set_and_taken_off_by_everybody_who_may_write() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let (visitor, channel) = (&conversation.token, conversation.channel);
    let person = fleet.person();
    chat.say(visitor, channel, "Hello").await;
    let mut live = chat.follow(visitor, &[(channel, 2)]).await;
    let at = |emoji: &str| format!("/messages/{channel}/2/reactions/{emoji}");
    for (method, token, on) in [
        (Method::PUT, &person, true),
        (Method::PUT, visitor, true),
        (Method::DELETE, &person, false),
    ] {
        let asked = chat.call(method, token, &at("%F0%9F%91%8D"), &Value::Null);
        assert_eq!(answer(asked).await.0, StatusCode::NO_CONTENT);
        let frame = live.until("reaction").await;
        assert_eq!(
            (&frame["of_seq"], &frame["emoji"], &frame["on"]),
            (&json!(2), &json!("👍"), &json!(on))
        );
    }
    for emoji in ["x", "%3Cb%3E", ":+1:", "%F0%9F%91%8D%F0%9F%91%8D"] {
        let asked = chat.call(Method::PUT, visitor, &at(emoji), &Value::Null);
        refused(answer(asked).await, 404, "not_found");
    }
    let viewer = fleet
        .keys
        .person(fleet.workspace, UserId::new(), Role::Viewer);
    let asked = chat.call(Method::PUT, &viewer, &at("%F0%9F%91%8D"), &Value::Null);
    refused(answer(asked).await, 403, "forbidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_changes_of_one_version_one_is_refused() {
    let fleet = Fleet::start().await;
    let instances = [fleet.instance().await, fleet.instance().await];
    let conversation = fleet.open(&instances[0]).await;
    let (visitor, channel) = (&conversation.token, conversation.channel);
    instances[0].say(visitor, channel, "hello").await;
    let person = fleet.person();
    let message = format!("/messages/{channel}/2");
    let arranged = format!("/channels/{channel}");
    let mut version = "\"2\"".to_owned();
    for round in 0..12 {
        let edits = [0, 1].map(|n| {
            let text = json!({ "text": format!("{round} of {n}") });
            let call = instances[n].call(Method::PATCH, visitor, &message, &text);
            call.header("if-match", &version).send()
        });
        let answers = futures::future::try_join_all(edits).await.unwrap();
        let mut statuses: Vec<u16> = answers.iter().map(|one| one.status().as_u16()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412]);
        let taken = answers.iter().find(|one| one.status() == StatusCode::OK);
        version = taken.unwrap().headers()["etag"]
            .to_str()
            .unwrap()
            .to_owned();

        let shown = instances[0].get(&person, &arranged).send().await.unwrap();
        let tag = shown.headers()["etag"].to_str().unwrap().to_owned();
        let changes = [0, 1].map(|n| {
            let labels = json!({ "labels": [format!("{round} of {n}")] });
            let call = instances[n].call(Method::PATCH, &person, &arranged, &labels);
            call.header("if-match", &tag).send()
        });
        let answers = futures::future::try_join_all(changes).await.unwrap();
        let mut statuses: Vec<u16> = answers.iter().map(|one| one.status().as_u16()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412]);
    }
}
