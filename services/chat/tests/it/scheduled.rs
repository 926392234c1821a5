//! Messages that are sent later, once, unless the customer writes before.

use std::time::Duration;

use clock::Clock;
use common::tokens::Role;
use ids::{UserId, WorkspaceId};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use testkit::{eventually, json, places, problem};

use crate::support::{Conversation, Fleet, Instance, no_broker};

const NOW: &str = "2026-11-23T10:00:00Z";
const LATER: &str = "2026-11-23T10:01:00Z";

async fn start() -> Fleet {
    Fleet::with(Clock::manual(NOW.parse().unwrap()), no_broker()).await
}

fn path(conversation: &Conversation) -> String {
    format!("/channels/{}/scheduled-messages", conversation.channel)
}

fn schedule(chat: &Instance, token: &str, to: &Conversation, text: &str) -> RequestBuilder {
    let body = json!({ "text": text, "send_at": LATER });
    chat.post(token, &path(to), &body)
}

/// A scheduled message, as soon as it is in this state.
async fn until(chat: &Instance, token: &str, message: &Value, state: &str) -> Value {
    let path = format!(
        "/channels/{}/scheduled-messages/{}",
        message["channel_id"].as_str().unwrap(),
        message["id"].as_str().unwrap()
    );
    eventually(state, async || {
        let now = json(chat.get(token, &path), StatusCode::OK).await;
        (now["state"] == state).then_some(now)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_sent_once_at_its_time_by_any_number_of_instances() {
    let fleet = start().await;
    let instances = [
        fleet.instance().await,
        fleet.instance().await,
        fleet.instance().await,
    ];
    let chat = &instances[0];
    let conversation = fleet.open(chat).await;
    let user = UserId::new();
    let ada = fleet.keys.person(fleet.workspace, user, Role::Admin);
    let message = schedule(chat, &ada, &conversation, "Is it **better** now?");
    let message = json(message, StatusCode::CREATED).await;
    assert_eq!(
        (&message["state"], &message["user_id"]),
        (&json!("pending"), &json!(user))
    );
    let dump: String =
        sqlx::query_scalar("SELECT string_agg(m::text, '') FROM chat.scheduled_messages m")
            .fetch_one(&fleet.postgres.pool)
            .await
            .unwrap();
    assert!(
        !dump.contains("better") && !dump.contains("626574746572"),
        "{dump}"
    );
    fleet.clock.advance(Duration::from_secs(59));
    let list = json(
        chat.get(&ada, &format!("{}?state=pending", path(&conversation))),
        StatusCode::OK,
    )
    .await;
    assert_eq!(list["items"], json!([message]));
    fleet.clock.advance(Duration::from_secs(1));
    let sent = until(&instances[1], &ada, &message, "sent").await;
    let log = fleet.log(chat, conversation.channel).await;
    let said: Vec<_> = log.iter().filter(|entry| entry.body.is_some()).collect();
    assert_eq!(said.len(), 1);
    assert_eq!(sent["seq"], said[0].seq);
    assert_eq!(said[0].client_id.as_deref(), message["id"].as_str());
    assert_eq!(said[0].sender.id, Some(user.to_string()));
    assert!(!said[0].body.as_ref().unwrap().blocks.is_empty());
    // As after a crash between the log and the row: it is the same message.
    sqlx::query(
        "UPDATE chat.scheduled_messages SET state = 'sending', seq = NULL, due_at = send_at",
    )
    .execute(&fleet.postgres.pool)
    .await
    .unwrap();
    let again = until(chat, &ada, &message, "sent").await;
    assert_eq!(again["seq"], sent["seq"]);
    assert_eq!(fleet.log(chat, conversation.channel).await.len(), log.len());
}

#[tokio::test]
async fn the_customers_word_cancels_it_unless_it_is_to_be_sent_anyway() {
    let fleet = start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let ada = fleet.person();
    chat.say(&conversation.token, conversation.channel, "before")
        .await;
    let unless = json(
        schedule(&chat, &ada, &conversation, "still there?"),
        StatusCode::CREATED,
    )
    .await;
    let anyway = json!({ "text": "good night", "send_at": LATER, "cancel_on_reply": false });
    let anyway = json(
        chat.post(&ada, &path(&conversation), &anyway),
        StatusCode::CREATED,
    )
    .await;
    chat.say(&conversation.token, conversation.channel, "yes")
        .await;
    let cancelled = until(&chat, &ada, &unless, "cancelled").await;
    assert_eq!(cancelled["reason"], "customer_replied");
    fleet.clock.advance(Duration::from_secs(60));
    until(&chat, &ada, &anyway, "sent").await;
    let log = fleet.log(&chat, conversation.channel).await;
    let texts: Vec<_> = log
        .iter()
        .filter_map(|entry| Some(entry.body.as_ref()?.text.expose().as_str()))
        .collect();
    assert_eq!(texts, ["before", "yes", "good night"]);
}

#[tokio::test]
async fn what_cannot_be_sent_says_why() {
    let fleet = start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let ada = fleet.person();
    let message = json(
        schedule(&chat, &ada, &conversation, "hello"),
        StatusCode::CREATED,
    )
    .await;
    chat.set_owner(&conversation.token, conversation.channel, "closed")
        .await;
    fleet.clock.advance(Duration::from_secs(60));
    let failed = until(&chat, &ada, &message, "failed").await;
    assert_eq!(
        (&failed["reason"], &failed["seq"]),
        (&json!("channel_closed"), &Value::Null)
    );
    let body = json!({ "text": "hello", "send_at": "2026-11-23T11:00:00Z" });
    let request = chat.post(&ada, &path(&conversation), &body);
    problem(request, StatusCode::CONFLICT, "channel_closed").await;
}

#[tokio::test]
async fn it_is_changed_and_taken_back_while_it_waits() {
    let fleet = start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let (ada, bob) = (fleet.person(), fleet.person());
    let message = json(
        schedule(&chat, &ada, &conversation, "hello"),
        StatusCode::CREATED,
    )
    .await;
    let one = format!(
        "{}/{}",
        path(&conversation),
        message["id"].as_str().unwrap()
    );
    let patch = |token: &str, body: Value| chat.call(Method::PATCH, token, &one, &body);
    let body = json!({ "text": "hello there", "send_at": "2026-11-23T10:05:00Z" });
    let changed = patch(&ada, body.clone())
        .header("if-match", "\"1\"")
        .send()
        .await
        .unwrap();
    assert_eq!(changed.headers()["etag"], "\"2\"");
    let changed: Value = changed.json().await.unwrap();
    assert_eq!(
        (&changed["text"], &changed["send_at"]),
        (&body["text"], &body["send_at"])
    );
    let stale = patch(&ada, body.clone()).header("if-match", "\"1\"");
    problem(
        stale,
        StatusCode::PRECONDITION_FAILED,
        "precondition_failed",
    )
    .await;
    problem(patch(&bob, body), StatusCode::FORBIDDEN, "forbidden").await;
    for at in [NOW, "2027-11-25T10:00:00Z"] {
        let wrong = patch(&ada, json!({ "send_at": at }));
        let wrong = problem(wrong, StatusCode::UNPROCESSABLE_ENTITY, "validation_failed").await;
        assert_eq!(places(&wrong), ["/send_at"]);
    }
    let delete = || chat.call(Method::DELETE, &bob, &one, &Value::Null);
    assert_eq!(
        delete().send().await.unwrap().status(),
        StatusCode::NO_CONTENT
    );
    problem(delete(), StatusCode::CONFLICT, "conflict").await;
    let patched = patch(&ada, json!({ "text": "x" }));
    problem(patched, StatusCode::CONFLICT, "conflict").await;
    fleet.clock.advance(Duration::from_secs(400));
    let now = json(chat.get(&ada, &one), StatusCode::OK).await;
    assert_eq!(
        (&now["state"], &now["reason"]),
        (&json!("cancelled"), &json!("taken_back"))
    );
}

#[tokio::test]
async fn a_repeated_request_is_one_message_and_ten_may_wait() {
    let fleet = start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let ada = fleet.person();
    let with_key =
        |text: &str| schedule(&chat, &ada, &conversation, text).header("idempotency-key", "k1");
    let first = json(with_key("one"), StatusCode::CREATED).await;
    assert_eq!(json(with_key("one"), StatusCode::CREATED).await, first);
    problem(
        with_key("two"),
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency_key_reused",
    )
    .await;
    for n in 1..10 {
        let text = format!("message {n}");
        json(
            schedule(&chat, &ada, &conversation, &text),
            StatusCode::CREATED,
        )
        .await;
    }
    let eleventh = schedule(&chat, &ada, &conversation, "one too many");
    problem(eleventh, StatusCode::CONFLICT, "conflict").await;
    // Pages, both ways.
    for sort in ["send_at", "-send_at"] {
        let mut count = 0;
        let mut next = String::new();
        loop {
            let list = format!("{}?limit=4&sort={sort}{next}", path(&conversation));
            let page = json(chat.get(&ada, &list), StatusCode::OK).await;
            count += page["items"].as_array().unwrap().len();
            let Some(cursor) = page["next_cursor"].as_str() else {
                break;
            };
            next = format!("&cursor={cursor}");
        }
        assert_eq!(count, 10);
    }
    let viewer = fleet
        .keys
        .person(fleet.workspace, UserId::new(), Role::Viewer);
    json(chat.get(&viewer, &path(&conversation)), StatusCode::OK).await;
    problem(
        schedule(&chat, &viewer, &conversation, "no"),
        StatusCode::FORBIDDEN,
        "forbidden",
    )
    .await;
    let visitors = chat.get(&conversation.token, &path(&conversation));
    problem(visitors, StatusCode::FORBIDDEN, "forbidden").await;
    let stranger = fleet
        .keys
        .person(WorkspaceId::new(), UserId::new(), Role::Owner);
    let theirs = chat.get(&stranger, &path(&conversation));
    problem(theirs, StatusCode::NOT_FOUND, "not_found").await;
}
