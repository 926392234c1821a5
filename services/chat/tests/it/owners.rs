//! Who answers: taking over, handing back, ending, and ending by idleness.

use std::time::Duration;

use chat_api::{OwnerState, SenderKind, SetOwner};
use clock::Clock;
use common::tokens::Role;
use futures::future;
use ids::UserId;
use reqwest::StatusCode;
use serde_json::json;
use testkit::eventually;

use crate::support::{Fleet, answer, no_broker, refused};

#[tokio::test]
async fn visitors_ask_and_end_people_take_over_and_hand_back() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let (visitor, person, channel) = (&conversation.token, fleet.person(), conversation.channel);
    for owner in ["ai", "human"] {
        refused(
            chat.set_owner(visitor, channel, owner).await,
            403,
            "forbidden",
        );
    }
    let (_, queued) = chat.set_owner(visitor, channel, "queued").await;
    assert_eq!(
        (&queued["owner"], &queued["owner_version"]),
        (&json!("queued"), &json!(2))
    );
    let (_, again) = chat.set_owner(visitor, channel, "queued").await;
    assert_eq!(again["head_seq"], 2, "asking twice changes nothing");
    let (_, human) = chat.set_owner(&person, channel, "human").await;
    assert_eq!(
        (&human["owner"], &human["owner_version"]),
        (&json!("human"), &json!(3))
    );
    let (_, asked) = chat.set_owner(visitor, channel, "queued").await;
    assert_eq!(asked["owner"], "human", "a person is there already");
    let (_, back) = chat.set_owner(&person, channel, "ai").await;
    assert_eq!(back["owner_version"], 4);
    let (_, closed) = chat.set_owner(visitor, channel, "closed").await;
    assert_eq!(
        (&closed["owner"], closed["closed_at"].is_string()),
        (&json!("closed"), true)
    );
    assert_eq!(
        chat.set_owner(visitor, channel, "closed").await.1["head_seq"],
        5
    );
    refused(
        chat.set_owner(&person, channel, "human").await,
        409,
        "channel_closed",
    );
    let path = format!("/channels/{channel}/owner");
    for body in [
        json!({}),
        json!({ "owner": "nobody" }),
        json!({ "owner": "closed", "force": true }),
    ] {
        refused(
            answer(chat.post(&person, &path, &body)).await,
            422,
            "validation_failed",
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_take_over_what_they_saw_one_gets_it() {
    let fleet = Fleet::start().await;
    let instances = [fleet.instance().await, fleet.instance().await];
    let conversation = fleet.open(&instances[0]).await;
    let path = format!("/channels/{}/owner", conversation.channel);
    let body = json!({ "owner": "human", "if_owner_version": 1, "reason": "mine" });
    let people: Vec<String> = (0..10).map(|_| fleet.person()).collect();
    let claims = people
        .iter()
        .enumerate()
        .map(|(n, token)| answer(instances[n % 2].post(token, &path, &body)));
    let answers = future::join_all(claims).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers
        .into_iter()
        .partition(|(status, _)| *status == StatusCode::OK);
    assert_eq!((won.len(), lost.len()), (1, 9));
    for answer in lost {
        refused(answer, 409, "owner_changed");
    }
    let log = fleet.log(&instances[0], conversation.channel).await;
    assert_eq!((log.len(), log[1].reason.as_deref()), (2, Some("mine")));
}

#[tokio::test]
async fn a_change_under_the_same_key_is_made_once() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let (person, channel) = (fleet.person(), conversation.channel);
    let path = format!("/channels/{channel}/owner");
    let with_key = |owner: &str| {
        let body = json!({ "owner": owner });
        answer(
            chat.post(&conversation.token, &path, &body)
                .header("idempotency-key", "k1"),
        )
    };
    assert_eq!(with_key("queued").await.1["owner_version"], 2);
    assert_eq!(
        chat.set_owner(&person, channel, "ai").await.1["owner_version"],
        3
    );
    // The answer to the first was lost, and it is sent again: it must not queue a second time.
    let (status, now) = with_key("queued").await;
    assert_eq!(
        (status, &now["owner"], &now["head_seq"]),
        (StatusCode::OK, &json!("ai"), &json!(3))
    );
    refused(with_key("closed").await, 422, "idempotency_key_reused");
}

#[tokio::test]
async fn who_writes_where_nobody_of_the_company_answers_takes_over_first() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let (user, channel) = (UserId::new(), conversation.channel);
    let person = fleet.keys.person(fleet.workspace, user, Role::Owner);
    let (_, entry) = chat.say_as(&person, channel, "first", "I am here").await;
    assert_eq!(
        (&entry["seq"], &entry["owner_version"]),
        (&json!(3), &json!(2))
    );
    assert_eq!(entry["sender"], json!({ "kind": "user", "id": user }));
    let log = fleet.log(&chat, channel).await;
    assert_eq!(
        (log[1].owner, log[1].sender.kind),
        (Some(OwnerState::Human), SenderKind::User)
    );
    // Repeated after it was handed back, it is the same message and takes nothing over.
    chat.set_owner(&person, channel, "ai").await;
    let (status, again) = chat.say_as(&person, channel, "first", "I am here").await;
    assert_eq!((status, &again["seq"]), (StatusCode::OK, &json!(3)));
    assert_eq!(fleet.log(&chat, channel).await.len(), 4);
}

#[tokio::test]
async fn the_agent_may_queue_and_end_and_nobody_else_may_speak_for_it() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let change = |owner| SetOwner {
        owner,
        reason: Some("tool".to_owned()),
        if_owner_version: None,
    };
    let set = |owner| {
        chat.chat
            .set_owner(fleet.workspace, conversation.channel, change(owner))
    };
    assert_eq!(
        set(OwnerState::Queued).await.unwrap().owner,
        OwnerState::Queued
    );
    assert_eq!(
        set(OwnerState::Human).await.unwrap_err().status(),
        Some(StatusCode::FORBIDDEN)
    );
    assert_eq!(
        set(OwnerState::Closed).await.unwrap_err().status(),
        Some(StatusCode::CONFLICT)
    );
    let path = format!("/internal/channels/{}/owner", conversation.channel);
    let body = json!({ "workspace_id": fleet.workspace, "change": { "owner": "closed" } });
    let request = |token: String| {
        let request = chat.server.internal_request(reqwest::Method::POST, &path);
        answer(request.bearer_auth(token).json(&body))
    };
    refused(
        request(fleet.keys.service("crm", "chat")).await,
        403,
        "forbidden",
    );
    refused(
        request(fleet.keys.service("agent", "crm")).await,
        401,
        "unauthenticated",
    );
    refused(request(fleet.person()).await, 401, "unauthenticated");
    assert!(
        chat.chat
            .channel(ids::WorkspaceId::new(), conversation.channel)
            .await
            .unwrap()
            .is_none()
    );
    let channel = chat
        .chat
        .channel(fleet.workspace, conversation.channel)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((channel.owner_version, channel.head_seq), (2, 2));
}

#[tokio::test]
async fn what_nobody_goes_on_with_is_closed_once_by_any_number_of_instances() {
    let clock = Clock::manual("2026-11-23T10:00:00Z".parse().unwrap());
    let fleet = Fleet::with(clock, no_broker()).await;
    let mut instances = Vec::new();
    for _ in 0..3 {
        instances.push(
            fleet
                .instance_on(fleet.database.clone(), testkit::redis(), 2)
                .await,
        );
    }
    let chat = &instances[0];
    let idle = [fleet.open(chat).await, fleet.open(chat).await];
    let busy = fleet.open(chat).await;
    fleet.clock.advance(Duration::from_secs(2));
    assert_eq!(
        chat.say(&busy.token, busy.channel, "still here").await.0,
        StatusCode::CREATED
    );
    fleet.clock.advance(Duration::from_secs(1));
    for conversation in &idle {
        let log = eventually("it is closed", async || {
            let log = fleet.log(&instances[1], conversation.channel).await;
            (log.last()?.owner == Some(OwnerState::Closed)).then_some(log)
        })
        .await;
        assert_eq!(log.len(), 2);
        assert_eq!(
            (log[1].sender.kind, log[1].reason.as_deref()),
            (SenderKind::System, Some("idle"))
        );
    }
    assert_eq!(
        fleet.log(chat, busy.channel).await.len(),
        2,
        "a conversation that goes on was closed"
    );
    // Each of the others has looked at it too by the time that this one is closed by somebody.
    fleet.clock.advance(Duration::from_secs(2));
    eventually("it is closed in the end", async || {
        let log = fleet.log(chat, busy.channel).await;
        (log.len() == 3).then_some(())
    })
    .await;
    for conversation in &idle {
        assert_eq!(fleet.log(chat, conversation.channel).await.len(), 2);
    }
}
