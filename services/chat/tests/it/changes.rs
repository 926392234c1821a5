//! What people of the company arrange about a channel, opening it again, and what visitors say of it.

use chat_api::{Body, ReplyCommit};
use common::tokens::Role;
use ids::{TeamId, UserId, VisitorId};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Fleet, Instance, answer, refused, seqs};

async fn patch(chat: &Instance, token: &str, path: &str, body: &Value) -> (StatusCode, Value) {
    answer(chat.call(Method::PATCH, token, path, body)).await
}

#[tokio::test]
async fn what_people_arrange_is_in_the_log_and_visitors_see_their_part_of_it() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let (visitor, channel) = (&conversation.token, conversation.channel);
    let (person, path) = (fleet.person(), format!("/channels/{channel}"));
    let mut untold = chat.follow(visitor, &[(channel, 1)]).await;
    let (assignee, until) = (UserId::new(), chrono::Duration::hours(2));
    let until = (fleet.clock.now() + until).to_rfc3339();
    let body = json!({
        "assignee_id": assignee, "labels": [" refund ", "urgent", "refund"], "priority": "high",
        "snoozed_until": until,
    });
    let (status, now) = patch(&chat, &person, &path, &body).await;
    assert_eq!(status, StatusCode::OK, "{now}");
    assert_eq!(
        (&now["assignee_id"], &now["labels"], &now["priority"]),
        (
            &json!(assignee),
            &json!(["refund", "urgent"]),
            &json!("high")
        )
    );
    assert_eq!(now["head_seq"], 5, "an entry for each");
    assert_eq!(now["owner"], "ai");
    let (_, page) = answer(chat.get(&person, &format!("/messages/{channel}?after_seq=1"))).await;
    let what: Vec<&Value> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["change"]["what"])
        .collect();
    assert_eq!(what, ["assigned", "prioritised", "snoozed", "labelled"]);
    // Nothing new, nothing written.
    let (_, same) = patch(&chat, &person, &path, &json!({ "priority": "high" })).await;
    assert_eq!(same["head_seq"], 5);

    let (_, seen) = answer(chat.get(visitor, &path)).await;
    assert_eq!(
        (
            &seen["assignee_id"],
            &seen["labels"],
            &seen["priority"],
            &seen["snoozed_until"]
        ),
        (&json!(assignee), &json!([]), &json!("normal"), &Value::Null)
    );
    // Whoever writes wakes it.
    let (_, said) = chat.say(visitor, channel, "Hello?").await;
    assert_eq!(said["seq"], 7, "behind the entry that wakes it");
    assert_eq!(seqs(&untold.up_to(7).await), [2, 7]);
    let (_, awake) = answer(chat.get(&person, &path)).await;
    assert_eq!(awake["snoozed_until"], Value::Null);

    let cleared = json!({ "assignee_id": null, "labels": null, "priority": null });
    let (_, cleared) = patch(&chat, &person, &path, &cleared).await;
    assert_eq!(
        (
            &cleared["assignee_id"],
            &cleared["labels"],
            &cleared["priority"]
        ),
        (&Value::Null, &json!([]), &json!("normal"))
    );
}

#[tokio::test]
async fn a_change_that_cannot_be_is_refused_with_its_field() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let (visitor, channel) = (&conversation.token, conversation.channel);
    let (person, path) = (fleet.person(), format!("/channels/{channel}"));
    for (body, pointer) in [
        (json!({ "team_id": TeamId::new() }), "/team_id"),
        (
            json!({ "snoozed_until": "2001-01-01T00:00:00Z" }),
            "/snoozed_until",
        ),
        (
            json!({ "snoozed_until": "9001-01-01T00:00:00Z" }),
            "/snoozed_until",
        ),
        (json!({ "labels": ["a\nb"] }), "/labels/0"),
        (json!({ "labels": vec!["x"; 21] }), "/labels"),
        (json!({ "priority": "now" }), "/priority"),
        (json!({ "owner": "human" }), "/owner"),
    ] {
        let (status, problem) = patch(&chat, &person, &path, &body).await;
        assert_eq!(
            (status.as_u16(), &problem["errors"][0]["pointer"]),
            (422, &json!(pointer)),
            "{problem}"
        );
    }
    let viewer = fleet
        .keys
        .person(fleet.workspace, UserId::new(), Role::Viewer);
    for token in [visitor, &viewer] {
        let body = json!({ "priority": "high" });
        refused(patch(&chat, token, &path, &body).await, 403, "forbidden");
    }
    let stale = chat
        .call(
            Method::PATCH,
            &person,
            &path,
            &json!({ "priority": "high" }),
        )
        .header("if-match", "\"7\"");
    refused(answer(stale).await, 412, "precondition_failed");
    assert_eq!(fleet.log(&chat, channel).await.len(), 1);
    // A closed one takes labels alone.
    chat.set_owner(&person, channel, "closed").await;
    let both = json!({ "priority": "high", "labels": ["late"] });
    refused(
        patch(&chat, &person, &path, &both).await,
        409,
        "channel_closed",
    );
    let (status, now) = patch(&chat, &person, &path, &json!({ "labels": ["late"] })).await;
    assert_eq!((status, &now["labels"]), (StatusCode::OK, &json!(["late"])));
}

#[tokio::test]
async fn people_join_and_leave_and_read() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let (visitor, channel) = (&conversation.token, conversation.channel);
    let (person, other) = (fleet.person(), UserId::new());
    let path = format!("/channels/{channel}/participants/{other}");
    for _ in 0..2 {
        let (status, now) = answer(chat.call(Method::PUT, &person, &path, &Value::Null)).await;
        assert_eq!(
            (status, &now["participants"], &now["head_seq"]),
            (StatusCode::OK, &json!([other]), &json!(2))
        );
    }
    let (_, seen) = answer(chat.get(visitor, &format!("/channels/{channel}"))).await;
    assert_eq!(seen["participants"], json!([]));
    for _ in 0..2 {
        let (status, _) = answer(chat.call(Method::DELETE, &person, &path, &Value::Null)).await;
        assert_eq!(status, StatusCode::NO_CONTENT);
    }
    assert_eq!(fleet.log(&chat, channel).await.len(), 3);

    let mut live = chat.follow(visitor, &[(channel, 1)]).await;
    let read = format!("/channels/{channel}/read");
    let (status, _) = answer(chat.post(&person, &read, &json!({ "seq": 3 }))).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let frame = live.until("read").await;
    assert_eq!(
        (&frame["seq"], &frame["sender"]["kind"]),
        (&json!(3), &json!("user"))
    );
    for seq in [0, 4] {
        let (status, problem) = answer(chat.post(&person, &read, &json!({ "seq": seq }))).await;
        assert_eq!(
            (status.as_u16(), &problem["errors"][0]["pointer"]),
            (422, &json!("/seq")),
            "{problem}"
        );
    }
}

#[tokio::test]
async fn a_closed_conversation_is_opened_again_and_answered_anew() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let (visitor, channel) = (&conversation.token, conversation.channel);
    let (person, path) = (fleet.person(), format!("/channels/{channel}/reopen"));
    chat.say(visitor, channel, "Hello").await;
    chat.set_owner(visitor, channel, "closed").await;
    refused(
        chat.set_owner(&person, channel, "ai").await,
        409,
        "channel_closed",
    );
    let reopen = async |token: &str, owner: &str| {
        answer(chat.post(token, &path, &json!({ "owner": owner }))).await
    };
    refused(reopen(visitor, "human").await, 403, "forbidden");
    let (status, problem) = reopen(&person, "closed").await;
    assert_eq!(
        (status.as_u16(), &problem["errors"][0]["pointer"]),
        (422, &json!("/owner"))
    );
    let (status, now) = reopen(visitor, "ai").await;
    assert_eq!(status, StatusCode::OK, "{now}");
    assert_eq!(
        (&now["owner"], &now["episode"], &now["closed_at"]),
        (&json!("ai"), &json!(2), &Value::Null)
    );
    assert_eq!(
        (&now["answered_seq"], &now["owner_version"]),
        (&json!(4), &json!(4))
    );
    let (_, same) = reopen(&person, "queued").await;
    assert_eq!(same["head_seq"], 4, "it is open");
    let log = fleet.log(&chat, channel).await;
    assert_eq!(log.last().unwrap().episode, Some(2));
    let (status, _) = chat.say(visitor, channel, "Me again").await;
    assert_eq!(status, StatusCode::CREATED);
}

#[tokio::test]
async fn channels_are_merged_and_unmerged_by_people() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let visitor = VisitorId::new();
    let (one, other) = (
        fleet.open_for(&chat, visitor).await,
        fleet.open_for(&chat, visitor).await,
    );
    let (person, path) = (fleet.person(), format!("/channels/{}/merge", one.channel));
    let into = json!({ "into": other.channel });
    refused(
        answer(chat.post(&one.token, &path, &into)).await,
        403,
        "forbidden",
    );
    for wrong in [one.channel, ids::ChannelId::new()] {
        let (status, problem) = answer(chat.post(&person, &path, &json!({ "into": wrong }))).await;
        assert_eq!(
            (status.as_u16(), &problem["errors"][0]["pointer"]),
            (422, &json!("/into")),
            "{problem}"
        );
    }
    for _ in 0..2 {
        let (status, now) = answer(chat.post(&person, &path, &into)).await;
        assert_eq!(status, StatusCode::OK, "{now}");
        assert_eq!(
            (&now["merged_into"], &now["owner"]),
            (&json!(other.channel), &json!("closed"))
        );
    }
    refused(
        chat.say(&one.token, one.channel, "Hello").await,
        409,
        "channel_closed",
    );
    let (_, page) = answer(chat.get(&other.token, &format!("/messages/{}", other.channel))).await;
    assert_eq!(
        page["items"][1]["change"],
        json!({ "what": "absorbed", "from": one.channel })
    );
    let undo = format!("/channels/{}/unmerge", one.channel);
    for _ in 0..2 {
        let (status, now) = answer(chat.post(&person, &undo, &json!({}))).await;
        assert_eq!(status, StatusCode::OK, "{now}");
        assert_eq!(
            (&now["merged_into"], &now["owner"]),
            (&Value::Null, &json!("ai"))
        );
    }
    let (status, _) = chat.say(&one.token, one.channel, "Hello").await;
    assert_eq!(status, StatusCode::CREATED);
}

#[tokio::test]
async fn visitors_rate_the_conversation_and_answers_and_nobody_else_does() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let (visitor, channel) = (&conversation.token, conversation.channel);
    let person = fleet.person();
    chat.say(visitor, channel, "Hello").await;
    let reply = chat.chat.reply(channel, &fleet.reply(1, 1, 2)).unwrap();
    let body = Body::text("Hi!");
    reply.commit(ReplyCommit { body }).await.unwrap();
    chat.set_owner(visitor, channel, "closed").await;

    let helpful = |seq: i64| format!("/messages/{channel}/{seq}/rating");
    let yes = json!({ "helpful": true });
    let rated = async |token: &str, seq: i64| {
        answer(chat.call(Method::PUT, token, &helpful(seq), &yes)).await
    };
    assert_eq!(rated(visitor, 3).await.0, StatusCode::NO_CONTENT);
    refused(rated(&person, 3).await, 403, "forbidden");
    for none in [1, 2, 99] {
        let (status, problem) = rated(visitor, none).await;
        assert!(status.is_client_error(), "{none}: {problem}");
    }
    let path = format!("/channels/{channel}/rating");
    let rate = json!({ "score": 5, "comment": "Very kind" });
    assert_eq!(
        answer(chat.post(visitor, &path, &rate)).await.0,
        StatusCode::NO_CONTENT
    );
    refused(
        answer(chat.post(&person, &path, &rate)).await,
        403,
        "forbidden",
    );
    for (body, pointer) in [
        (json!({ "score": 6 }), "/score"),
        (json!({ "score": 3, "comment": " " }), "/comment"),
    ] {
        let (status, problem) = answer(chat.post(visitor, &path, &body)).await;
        assert_eq!(
            (status.as_u16(), &problem["errors"][0]["pointer"]),
            (422, &json!(pointer))
        );
    }
    let (_, now) = answer(chat.get(&person, &format!("/channels/{channel}"))).await;
    assert_eq!(now["rating"], 5);
    let log = fleet.log(&chat, channel).await;
    let comment = log.last().unwrap().body.as_ref().unwrap();
    assert_eq!(comment.text.expose(), "Very kind");
}
