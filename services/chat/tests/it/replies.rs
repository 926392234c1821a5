//! The AI's answers: streamed, and kept once.

use chat_api::{Body, Reply, ReplyCommit, ReplyError, ReplyHeader, Source};
use common::ErrorCode;
use futures::future;
use ids::AgentId;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Conversation, Fleet, Instance, Socket, answer, refused, seqs};

pub(crate) fn commit(text: &str) -> ReplyCommit {
    ReplyCommit {
        body: Body::text(text),
    }
}

#[track_caller]
pub(crate) fn code(error: &ReplyError) -> ErrorCode {
    let ReplyError::Client(error) = error else {
        panic!("{error}")
    };
    error.code().unwrap_or_else(|| panic!("{error}"))
}

/// Sends pieces until chat answers, and says what it answered.
pub(crate) async fn until_refused(mut reply: Reply, mut offset: u64) -> ErrorCode {
    loop {
        if let Err(error) = reply.delta(offset, "x".to_owned()).await {
            return code(&error);
        }
        offset += 1;
        tokio::task::yield_now().await;
    }
}

/// A conversation in which the visitor has asked something (entry 2), followed by its visitor.
pub(crate) async fn asked(fleet: &Fleet, chat: &Instance) -> (Conversation, Socket) {
    let conversation = fleet.open(chat).await;
    let (status, _) = chat
        .say(&conversation.token, conversation.channel, "a question")
        .await;
    assert_eq!(status, StatusCode::CREATED);
    let socket = chat
        .follow(&conversation.token, &[(conversation.channel, 2)])
        .await;
    (conversation, socket)
}

#[tokio::test]
async fn pieces_come_at_once_and_the_message_ends_them() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let (conversation, mut socket) = asked(&fleet, &chat).await;
    let channel = conversation.channel;
    let header = fleet.reply(1, 1, 2);
    let mut reply = chat.chat.reply(channel, &header).unwrap();
    reply.delta(0, "It 😀".to_owned()).await.unwrap();
    let piece = socket.next().await;
    assert_eq!(
        piece,
        json!({
            "type": "message.delta", "channel": channel, "turn_id": header.turn_id, "epoch": 1,
            "owner_version": 1, "offset": 0, "delta": "It 😀",
        })
    );
    reply.delta(5, " works".to_owned()).await.unwrap();
    assert_eq!(socket.next().await["offset"], 5);
    // Whoever joins now gets the text so far.
    let mut joiner = chat.follow(&fleet.person(), &[(channel, 2)]).await;
    let so_far = joiner.next().await;
    assert_eq!(
        (&so_far["offset"], &so_far["delta"]),
        (&json!(0), &json!("It 😀 works"))
    );
    let source = Source {
        n: 1,
        title: "Help".to_owned(),
        url: Some("/help".to_owned()),
        document_id: None,
        quote: "it works".to_owned(),
    };
    let body = Body {
        sources: vec![source],
        offers_person: true,
        ..Body::text("It 😀 works [1].")
    };
    let entry = reply.commit(ReplyCommit { body }).await.unwrap();
    assert_eq!(
        (entry.seq, entry.turn_id, entry.owner_version),
        (3, Some(header.turn_id), 1)
    );
    for socket in [&mut socket, &mut joiner] {
        let message = socket.next().await;
        assert_eq!(
            (&message["type"], &message["seq"]),
            (&json!("message"), &json!(3))
        );
        assert_eq!(
            message["sender"],
            json!({ "kind": "agent", "id": fleet.agent, "name": "Ada" })
        );
        assert_eq!(message["turn_id"], json!(header.turn_id));
        assert_eq!(message["body"]["sources"][0]["url"], "/help");
        assert_eq!(message["body"]["offers_person"], true);
    }
    // Repeated after a lost answer, it is the same entry, whatever has happened since.
    assert_eq!(
        chat.set_owner(&fleet.person(), channel, "human").await.0,
        StatusCode::OK
    );
    let again = chat
        .chat
        .reply(channel, &header)
        .unwrap()
        .commit(commit("something else"))
        .await
        .unwrap();
    assert_eq!(again, entry);
    // A second answer to the same question is none.
    let other = chat
        .chat
        .reply(channel, &fleet.reply(2, 4, 2))
        .unwrap()
        .commit(commit("x"))
        .await
        .unwrap_err();
    assert_eq!(code(&other), ErrorCode::OwnerChanged);
    assert_eq!(
        seqs(&socket.up_to(4).await),
        [4],
        "nothing but the takeover came"
    );
}

#[tokio::test]
async fn a_header_that_is_too_late_is_refused_before_anything_is_streamed() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let (conversation, mut socket) = asked(&fleet, &chat).await;
    let channel = conversation.channel;
    let first = fleet.reply(1, 1, 2);
    chat.chat
        .reply(channel, &first)
        .unwrap()
        .commit(commit("answer"))
        .await
        .unwrap();
    let refusal = async |header: &ReplyHeader| {
        let reply = chat.chat.reply(channel, header).unwrap();
        until_refused(reply, 0).await
    };
    assert_eq!(
        refusal(&fleet.reply(2, 1, 2)).await,
        ErrorCode::AlreadyAnswered
    );
    assert_eq!(
        refusal(&fleet.reply(2, 1, 1)).await,
        ErrorCode::AlreadyAnswered
    );
    assert_eq!(
        refusal(&fleet.reply(2, 7, 3)).await,
        ErrorCode::OwnerChanged
    );
    let foreign = ReplyHeader {
        agent_id: AgentId::new(),
        ..fleet.reply(2, 1, 3)
    };
    assert_eq!(refusal(&foreign).await, ErrorCode::Conflict);
    let elsewhere = ReplyHeader {
        workspace_id: ids::WorkspaceId::new(),
        ..fleet.reply(2, 1, 3)
    };
    assert_eq!(refusal(&elsewhere).await, ErrorCode::NotFound);
    chat.set_owner(&conversation.token, channel, "closed").await;
    assert_eq!(
        refusal(&fleet.reply(2, 1, 3)).await,
        ErrorCode::ChannelClosed
    );
    let frames = socket.up_to(4).await;
    assert_eq!(seqs(&frames), [3, 4]);
    assert_eq!(frames.len(), 2, "{frames:?}");
}

#[tokio::test]
async fn a_reply_that_breaks_off_is_taken_back_and_can_be_sent_anew() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let (conversation, mut socket) = asked(&fleet, &chat).await;
    let header = fleet.reply(1, 1, 2);
    let mut reply = chat.chat.reply(conversation.channel, &header).unwrap();
    reply.delta(0, "Half a".to_owned()).await.unwrap();
    socket.until("message.delta").await;
    drop(reply);
    let aborted = socket.next().await;
    assert_eq!(
        (&aborted["type"], &aborted["turn_id"]),
        (&json!("message.aborted"), &json!(header.turn_id))
    );
    let mut again = chat.chat.reply(conversation.channel, &header).unwrap();
    again.delta(0, "Whole".to_owned()).await.unwrap();
    assert_eq!(socket.next().await["delta"], "Whole");
    assert_eq!(again.commit(commit("Whole")).await.unwrap().seq, 3);
    assert_eq!(socket.next().await["type"], "message");
}

#[tokio::test]
async fn of_two_attempts_the_higher_one_speaks() {
    let fleet = Fleet::start().await;
    let instances = [fleet.instance().await, fleet.instance().await];
    let (conversation, mut socket) = asked(&fleet, &instances[0]).await;
    let channel = conversation.channel;
    let (low, high) = (fleet.reply(3, 1, 2), fleet.reply(4, 1, 2));
    let mut first = instances[0].chat.reply(channel, &low).unwrap();
    first.delta(0, "low".to_owned()).await.unwrap();
    assert_eq!(socket.until("message.delta").await["delta"], "low");
    let mut second = instances[1].chat.reply(channel, &high).unwrap();
    second.delta(0, "high".to_owned()).await.unwrap();
    while socket.until("message.delta").await["delta"] != "high" {}
    assert_eq!(until_refused(first, 3).await, ErrorCode::Conflict);
    // The lower one may not begin again, nor be kept without having streamed, here or there.
    for instance in &instances {
        let late = instance.chat.reply(channel, &low).unwrap();
        assert_eq!(
            code(&late.commit(commit("low")).await.unwrap_err()),
            ErrorCode::Conflict
        );
    }
    drop(second);
    socket.until("message.aborted").await;
    let entry = instances[1]
        .chat
        .reply(channel, &high)
        .unwrap()
        .commit(commit("high"))
        .await
        .unwrap();
    assert_eq!((entry.seq, entry.turn_id), (3, Some(high.turn_id)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_turn_committed_by_many_is_one_entry() {
    let fleet = Fleet::start().await;
    let instances = [fleet.instance().await, fleet.instance().await];
    let (conversation, _socket) = asked(&fleet, &instances[0]).await;
    let header = fleet.reply(1, 1, 2);
    let commits = (0..8).map(|n| {
        let reply = instances[n % 2]
            .chat
            .reply(conversation.channel, &header)
            .unwrap();
        reply.commit(commit("answer"))
    });
    for result in future::join_all(commits).await {
        match result {
            Ok(entry) => assert_eq!(entry.seq, 3),
            // Another request of the same attempt took its place; the agent sends it again.
            Err(error) => assert!(matches!(
                code(&error),
                ErrorCode::Conflict | ErrorCode::AlreadyAnswered
            )),
        }
    }
    let again = instances[1]
        .chat
        .reply(conversation.channel, &header)
        .unwrap()
        .commit(commit("answer"))
        .await;
    assert_eq!(again.unwrap().seq, 3);
    assert_eq!(
        fleet.log(&instances[0], conversation.channel).await.len(),
        3
    );
}

#[tokio::test]
async fn a_body_that_is_no_reply_is_refused() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let (conversation, mut socket) = asked(&fleet, &chat).await;
    let path = format!("/internal/channels/{}/replies", conversation.channel);
    let header = |epoch: i64| serde_json::to_string(&fleet.reply(epoch, 1, 2)).unwrap();
    let token = fleet.keys.service("agent", "chat");
    let send = |body: String| {
        let request = chat
            .server
            .internal_request(Method::POST, &path)
            .bearer_auth(&token);
        answer(
            request
                .header("content-type", "application/x-ndjson")
                .body(body),
        )
    };
    let line = |value: Value| value.to_string();
    let delta = |offset: u64, delta: &str| line(json!({ "offset": offset, "delta": delta }));
    let whole = |body: Value| line(json!({ "commit": { "body": body } }));
    for (lines, status, code) in [
        (vec![], 400, "invalid_json"),
        (vec!["{}".to_owned()], 422, "validation_failed"),
        (vec![header(1), "nonsense".to_owned()], 400, "invalid_json"),
        (
            vec![header(1), line(json!({ "delta": "x" }))],
            422,
            "validation_failed",
        ),
        (
            vec![header(1), delta(0, "x"), delta(3, "y")],
            422,
            "validation_failed",
        ),
        (
            vec![header(1), delta(0, &"x".repeat(20_001))],
            422,
            "validation_failed",
        ),
        (vec![header(1), delta(0, "x")], 400, "invalid_json"),
        (
            vec![header(1), whole(json!({ "text": "" }))],
            422,
            "validation_failed",
        ),
        (
            vec![header(1), whole(json!({ "text": "x", "html": "y" }))],
            422,
            "validation_failed",
        ),
        (
            vec![header(1), whole(json!({ "text": "x".repeat(10_001) }))],
            422,
            "validation_failed",
        ),
        (
            vec![header(1), "x".repeat(600_000)],
            413,
            "payload_too_large",
        ),
    ] {
        refused(send(lines.join("\n")).await, status, code);
    }
    let plain = chat
        .server
        .internal_request(Method::POST, &path)
        .bearer_auth(&token)
        .json(&json!({}));
    refused(answer(plain).await, 415, "unsupported_media_type");
    let crm = chat
        .server
        .internal_request(Method::POST, &path)
        .bearer_auth(fleet.keys.service("crm", "chat"));
    refused(answer(crm).await, 403, "forbidden");
    // More than a route usually takes, in small pieces: restarted texts, and then the message.
    let mut lines = vec![header(2)];
    lines.extend((0..300).map(|_| delta(0, &"y".repeat(5_000))));
    lines.push(whole(json!({ "text": "done" })));
    let (status, entry) = send(lines.join("\n")).await;
    assert_eq!((status, &entry["seq"]), (StatusCode::CREATED, &json!(3)));
    assert_eq!(seqs(&socket.up_to(3).await), [3]);
}
