//! The log over HTTP: sending, repeating, reading.

use std::collections::{BTreeSet, HashMap};

use chat_api::{EntryKind, SenderKind};
use common::tokens::Role;
use futures::future;
use ids::{AgentId, ChannelId, UserId, VisitorId, WorkspaceId};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{Fleet, answer, refused};

#[tokio::test(flavor = "multi_thread")]
async fn many_senders_on_two_instances_make_one_dense_log_and_lose_nothing() {
    let fleet = Fleet::start().await;
    let instances = [fleet.instance().await, fleet.instance().await];
    let conversation = fleet.open(&instances[0]).await;
    let person = fleet.person();
    let senders = (0..24).map(|sender| {
        let (instance, channel) = (&instances[sender % 2], conversation.channel);
        let token = if sender % 3 == 0 {
            &person
        } else {
            &conversation.token
        };
        async move {
            let mut sent = Vec::new();
            for n in 0..12 {
                let id = format!("{sender}/{n}");
                let (status, entry) = instance.say_as(token, channel, &id, &id).await;
                assert_eq!(status, StatusCode::CREATED, "{entry}");
                sent.push((entry["seq"].as_i64().unwrap(), id));
            }
            assert!(sent.is_sorted(), "one sender's messages keep their order");
            sent
        }
    });
    let sent: HashMap<i64, String> = future::join_all(senders)
        .await
        .into_iter()
        .flatten()
        .collect();
    assert_eq!(sent.len(), 24 * 12, "two messages got one place");
    let log = fleet.log(&instances[1], conversation.channel).await;
    let places: Vec<i64> = log.iter().map(|entry| entry.seq).collect();
    assert_eq!(places, (1..=log.len() as i64).collect::<Vec<_>>());
    for entry in &log {
        if entry.kind == EntryKind::Message {
            assert_eq!(entry.client_id, sent.get(&entry.seq).cloned());
        }
    }
    let states = log
        .iter()
        .filter(|entry| entry.kind == EntryKind::State)
        .count();
    assert_eq!(states, 2, "it was opened, and one person took it over once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_send_is_the_same_entry_however_often_and_wherever() {
    let fleet = Fleet::start().await;
    let instances = [fleet.instance().await, fleet.instance().await];
    let conversation = fleet.open(&instances[0]).await;
    let (token, channel) = (&conversation.token, conversation.channel);
    let sends = (0..20).map(|n| instances[n % 2].say_as(token, channel, "once", "hello"));
    let answers = future::join_all(sends).await;
    let created = answers
        .iter()
        .filter(|(status, _)| *status == StatusCode::CREATED)
        .count();
    assert_eq!(created, 1);
    assert!(answers.iter().all(|(status, _)| status.is_success()));
    let distinct: BTreeSet<String> = answers.iter().map(|(_, entry)| entry.to_string()).collect();
    assert_eq!(distinct.len(), 1, "{distinct:?}");

    // Somebody else's message of the same name is another one, and one's own survives the end.
    let (status, _) = instances[0]
        .say_as(&fleet.person(), channel, "once", "hello")
        .await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(
        instances[0].set_owner(token, channel, "closed").await.0,
        StatusCode::OK
    );
    let (status, entry) = instances[1].say_as(token, channel, "once", "hello").await;
    assert_eq!((status, &entry["seq"]), (StatusCode::OK, &json!(2)));
    refused(
        instances[1].say(token, channel, "more").await,
        409,
        "channel_closed",
    );
}

#[tokio::test]
async fn opening_again_changes_nothing_and_another_visitor_gets_another_id() {
    let fleet = Fleet::start().await;
    let (one, two) = (fleet.instance().await, fleet.instance().await);
    let conversation = fleet.open(&one).await;
    let open = chat_api::OpenChannel {
        workspace_id: fleet.workspace,
        agent_id: fleet.agent,
        visitor_id: conversation.visitor,
    };
    for instance in [&one, &two] {
        let again = instance
            .chat
            .open(conversation.channel, &open)
            .await
            .unwrap();
        assert!(!again.created);
        assert_eq!(
            (again.channel.head_seq, again.channel.owner_version),
            (1, 1)
        );
    }
    let other = chat_api::OpenChannel {
        visitor_id: VisitorId::new(),
        ..open
    };
    let refused = two
        .chat
        .open(conversation.channel, &other)
        .await
        .unwrap_err();
    assert_eq!(refused.status(), Some(StatusCode::CONFLICT));
    let log = fleet.log(&two, conversation.channel).await;
    assert_eq!((log.len(), log[0].sender.kind), (1, SenderKind::System));
}

#[tokio::test]
async fn pages_go_both_ways_and_meet() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let (token, channel) = (&conversation.token, conversation.channel);
    for n in 2..=10 {
        assert_eq!(
            chat.say(token, channel, &format!("message {n}")).await.0,
            StatusCode::CREATED
        );
    }
    let page = async |query: &str| {
        let (status, page) = answer(chat.get(token, &format!("/messages/{channel}?{query}"))).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let seqs: Vec<i64> = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["seq"].as_i64().unwrap())
            .collect();
        (seqs, page["next_cursor"].as_str().map(str::to_owned))
    };
    // The newest page first, then older ones.
    let (latest, older) = page("limit=4").await;
    assert_eq!(latest, [7, 8, 9, 10]);
    let (before, older) = page(&format!("limit=4&cursor={}", older.unwrap())).await;
    assert_eq!(before, [3, 4, 5, 6]);
    assert_eq!(
        page(&format!("limit=4&cursor={}", older.unwrap())).await,
        (vec![1, 2], None)
    );
    assert_eq!(page("limit=4&before_seq=3").await, (vec![1, 2], None));
    assert_eq!(page("limit=4&before_seq=1").await, (vec![], None));
    assert_eq!(page("limit=2&before_seq=99").await.0, [9, 10]);
    // From an entry on, oldest first.
    let (after, newer) = page("limit=6&after_seq=0").await;
    assert_eq!(after, [1, 2, 3, 4, 5, 6]);
    assert_eq!(
        page(&format!("limit=6&cursor={}", newer.unwrap())).await,
        (vec![7, 8, 9, 10], None)
    );
    assert_eq!(page("after_seq=10").await, (vec![], None));
    let end = format!("after_seq={}", i64::MAX);
    assert_eq!(page(&end).await, (vec![], None));
    assert_eq!(page("").await.0.len(), 10);
    for (query, code) in [
        ("after_seq=1&before_seq=3", "invalid_query"),
        ("after_seq=-1", "invalid_query"),
        ("before_seq=0", "invalid_query"),
        ("limit=0", "invalid_query"),
        ("limit=101", "invalid_query"),
        ("offset=3", "invalid_query"),
        ("cursor=nonsense", "invalid_cursor"),
    ] {
        refused(
            answer(chat.get(token, &format!("/messages/{channel}?{query}"))).await,
            400,
            code,
        );
    }
}

#[tokio::test]
async fn an_entry_has_the_documented_shape() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let (_, said) = chat
        .say_as(&conversation.token, conversation.channel, "mine", "hello")
        .await;
    let path = format!("/messages/{}", conversation.channel);
    let (_, page) = answer(chat.get(&conversation.token, &path)).await;
    assert_eq!(page["items"][1], said, "what was answered is what is kept");
    assert_eq!(
        said["sender"],
        json!({ "kind": "visitor", "id": conversation.visitor })
    );
    assert_eq!(said["body"], json!({ "text": "hello" }));
    assert_eq!(
        (&said["client_id"], &said["owner_version"]),
        (&json!("mine"), &json!(1))
    );
    let opened = &page["items"][0];
    assert_eq!(
        (&opened["kind"], &opened["owner"]),
        (&json!("state"), &json!("ai"))
    );
    for hidden in [
        "sender_key",
        "client_id",
        "after",
        "pending_event",
        "workspace_id",
        "_id",
    ] {
        assert_eq!(opened[hidden], Value::Null, "{hidden}");
    }
    let response = chat
        .get(
            &conversation.token,
            &format!("/channels/{}", conversation.channel),
        )
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["etag"], "\"2\"");
    let channel: Value = response.json().await.unwrap();
    assert_eq!(
        (&channel["head_seq"], &channel["owner"]),
        (&json!(2), &json!("ai"))
    );
}

#[tokio::test]
async fn others_find_nothing_and_those_who_may_not_are_told_so() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let channel = conversation.channel;
    let stranger = fleet
        .keys
        .visitor(fleet.workspace, VisitorId::new(), fleet.agent);
    let other = WorkspaceId::new();
    let namesake = fleet
        .keys
        .visitor(other, conversation.visitor, AgentId::new());
    let foreigner = fleet.keys.person(other, UserId::new(), Role::Owner);
    for token in [&stranger, &namesake, &foreigner] {
        refused(
            answer(chat.get(token, &format!("/messages/{channel}"))).await,
            404,
            "not_found",
        );
        refused(
            answer(chat.get(token, &format!("/channels/{channel}"))).await,
            404,
            "not_found",
        );
        refused(chat.say(token, channel, "hello").await, 404, "not_found");
        refused(
            chat.set_owner(token, channel, "closed").await,
            404,
            "not_found",
        );
    }
    refused(
        answer(chat.get(&fleet.person(), "/messages/nonsense")).await,
        404,
        "not_found",
    );
    refused(
        answer(chat.get(&fleet.person(), &format!("/messages/{}", ChannelId::new()))).await,
        404,
        "not_found",
    );
    // Somebody who only reads.
    let viewer = fleet
        .keys
        .person(fleet.workspace, UserId::new(), Role::Viewer);
    assert_eq!(
        answer(chat.get(&viewer, &format!("/messages/{channel}")))
            .await
            .0,
        StatusCode::OK
    );
    refused(chat.say(&viewer, channel, "hello").await, 403, "forbidden");
    refused(
        chat.set_owner(&viewer, channel, "human").await,
        403,
        "forbidden",
    );
    // Somebody who may see no conversations learns nothing about which there are.
    let mut claims = fleet
        .keys
        .person_claims(fleet.workspace, UserId::new(), Role::Viewer);
    claims.scope = "contacts:read".to_owned();
    let blind = fleet.keys.sign(&claims);
    for id in [channel, ChannelId::new()] {
        refused(
            answer(chat.get(&blind, &format!("/messages/{id}"))).await,
            403,
            "forbidden",
        );
    }
    let without = chat.server.get(&format!("/messages/{channel}"));
    refused(answer(without).await, 401, "unauthenticated");
    assert_eq!(fleet.log(&chat, channel).await.len(), 1);
}

#[tokio::test]
async fn a_person_speaks_as_the_customer_in_a_conversation_of_their_own() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let user = UserId::new();
    let own = fleet
        .open_for(&chat, VisitorId::from_uuid(user.as_uuid()))
        .await;
    let token = fleet.keys.person(fleet.workspace, user, Role::Viewer);
    let (status, entry) = chat.say(&token, own.channel, "hello").await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(entry["sender"], json!({ "kind": "visitor", "id": user }));
    assert_eq!(entry["owner_version"], 1, "the ai still answers");
}

#[tokio::test]
async fn bad_bodies_are_named_field_by_field() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let path = format!("/messages/{}", conversation.channel);
    let text = |text: String| json!({ "client_id": "a", "body": { "text": text } });
    for (body, pointer) in [
        (json!({ "body": { "text": "x" } }), "/client_id"),
        (json!({ "client_id": "a" }), "/body"),
        (
            json!({ "client_id": "a", "body": { "text": "x" }, "admin": true }),
            "/admin",
        ),
        (
            json!({ "client_id": "a", "body": { "text": "x", "html": "<b>" } }),
            "/body/html",
        ),
        (
            json!({ "client_id": "x".repeat(65), "body": { "text": "x" } }),
            "/client_id",
        ),
        (text("  ".to_owned()), "/body/text"),
        (text("x".repeat(10_001)), "/body/text"),
        (
            json!({ "client_id": "a", "body": { "text": "x", "offers_person": true } }),
            "/body/offers_person",
        ),
    ] {
        let (status, problem) = answer(chat.post(&conversation.token, &path, &body)).await;
        assert_eq!(
            (status.as_u16(), &problem["errors"][0]["pointer"]),
            (422, &json!(pointer)),
            "{problem}"
        );
    }
    let owner = format!("/channels/{}/owner", conversation.channel);
    let words = json!({ "owner": "queued", "reason": "I am Ada" });
    let (status, problem) = answer(chat.post(&conversation.token, &owner, &words)).await;
    assert_eq!(
        (status.as_u16(), &problem["errors"][0]["pointer"]),
        (422, &json!("/reason"))
    );
    let broken = chat.server.post(&path).bearer_auth(&conversation.token);
    let broken = broken.header("content-type", "application/json").body("{");
    refused(answer(broken).await, 400, "invalid_json");
    let plain = chat
        .server
        .post(&path)
        .bearer_auth(&conversation.token)
        .body("hello");
    refused(answer(plain).await, 415, "unsupported_media_type");
    let large = text("x".repeat(2 << 20));
    refused(
        answer(chat.post(&conversation.token, &path, &large)).await,
        413,
        "payload_too_large",
    );
    let put = chat
        .server
        .request(reqwest::Method::PUT, &path)
        .bearer_auth(&conversation.token);
    refused(answer(put).await, 405, "method_not_allowed");
    assert_eq!(fleet.log(&chat, conversation.channel).await.len(), 1);
}
