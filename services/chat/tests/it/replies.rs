//! The AI's answers: streamed, kept once, and never after a takeover.

use std::time::Duration;

use chat_api::{Body, OwnerState, Reply, ReplyCommit, ReplyError, ReplyHeader, SetOwner, Source};
use common::ErrorCode;
use futures::future;
use ids::AgentId;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Conversation, Fleet, Instance, Socket, answer, refused, seqs};

fn commit(text: &str) -> ReplyCommit {
    ReplyCommit {
        body: Body::text(text),
    }
}

#[track_caller]
fn code(error: &ReplyError) -> ErrorCode {
    let ReplyError::Client(error) = error else {
        panic!("{error}")
    };
    error.code().unwrap_or_else(|| panic!("{error}"))
}

/// Sends pieces until chat answers, and says what it answered.
async fn until_refused(mut reply: Reply, mut offset: u64) -> ErrorCode {
    loop {
        if let Err(error) = reply.delta(offset, "x".to_owned()).await {
            return code(&error);
        }
        offset += 1;
        tokio::task::yield_now().await;
    }
}

/// A conversation in which the visitor has asked something (entry 2), followed by its visitor.
async fn asked(fleet: &Fleet, chat: &Instance) -> (Conversation, Socket) {
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

#[tokio::test]
async fn a_takeover_stops_the_reply_at_once() {
    let fleet = Fleet::start().await;
    let instances = [fleet.instance().await, fleet.instance().await];
    // On the same instance, and on another one that only Redis tells.
    for taker in &instances {
        let (conversation, mut socket) = asked(&fleet, &instances[0]).await;
        let mut reply = instances[0]
            .chat
            .reply(conversation.channel, &fleet.reply(1, 1, 2))
            .unwrap();
        reply.delta(0, "The answer".to_owned()).await.unwrap();
        socket.until("message.delta").await;
        let (status, _) = taker
            .set_owner(&fleet.person(), conversation.channel, "human")
            .await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(until_refused(reply, 10).await, ErrorCode::OwnerChanged);
        socket.until("state").await;
        // The next thing to come is what the visitor says.
        instances[0]
            .say(&conversation.token, conversation.channel, "thanks")
            .await;
        assert_eq!(socket.next().await["seq"], 4);
    }
}

/// At a random moment of a streamed reply somebody takes over, hands back, and takes over again. On no
/// socket does a word of the AI follow the `state` frame of a takeover that it was begun before.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_takeover_no_word_of_the_ai_reaches_any_socket() {
    const ROUNDS: u64 = 250;
    let fleet = Fleet::start().await;
    let instances = [fleet.instance().await, fleet.instance().await];
    let (mut refused, mut committed) = (0, 0);
    for round in 0..ROUNDS {
        let mut dice = StdRng::seed_from_u64(round);
        let (here, there) = (
            &instances[dice.random_range(0..2)],
            &instances[dice.random_range(0..2)],
        );
        let (conversation, mut near) = asked(&fleet, here).await;
        let channel = conversation.channel;
        let mut far = there.follow(&fleet.person(), &[(channel, 2)]).await;
        let (pieces, moment) = (dice.random_range(1..12), dice.random_range(0..14_000));
        let header = fleet.reply(1, 1, 2);
        let taker = fleet.person();
        let speak = async {
            let mut reply = here.chat.reply(channel, &header).unwrap();
            for offset in 0..pieces {
                if let Err(error) = reply.delta(offset, "x".to_owned()).await {
                    return Err(code(&error));
                }
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
            reply
                .commit(commit("xxx"))
                .await
                .map(|entry| entry.seq)
                .map_err(|error| code(&error))
        };
        let take = async {
            tokio::time::sleep(Duration::from_micros(moment)).await;
            let change = if dice.random_bool(0.5) {
                "human"
            } else {
                "queued"
            };
            let token = if change == "human" {
                &taker
            } else {
                &conversation.token
            };
            assert_eq!(
                there.set_owner(token, channel, change).await.0,
                StatusCode::OK
            );
        };
        let (spoken, ()) = tokio::join!(speak, take);
        match spoken {
            Ok(_) => committed += 1,
            Err(code) => {
                assert_eq!(code, ErrorCode::OwnerChanged);
                refused += 1;
            }
        }
        // Whatever came of it, the visitor has the last word.
        let (_, last) = here.say(&conversation.token, channel, "the end").await;
        let last = last["seq"].as_i64().unwrap();
        for socket in [&mut near, &mut far] {
            let frames = socket.up_to(last).await;
            let entries = seqs(&frames);
            assert_eq!(entries, (3..=last).collect::<Vec<_>>(), "round {round}");
            let mut version = 1;
            for frame in &frames {
                if frame["type"] == "state" {
                    version = frame["seq"].as_i64().unwrap();
                }
                let of_the_ai =
                    frame["type"] == "message.delta" || frame["sender"]["kind"] == "agent";
                if of_the_ai {
                    assert_eq!(
                        frame["owner_version"], version,
                        "round {round}: {frames:#?}"
                    );
                }
            }
        }
    }
    assert!(
        refused > ROUNDS / 10 && committed > ROUNDS / 10,
        "{refused} refused, {committed} committed"
    );
}

#[tokio::test]
async fn the_agent_goes_on_under_the_owner_that_it_knows() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let (conversation, mut socket) = asked(&fleet, &chat).await;
    let channel = conversation.channel;
    let change = SetOwner {
        owner: OwnerState::Queued,
        reason: None,
        if_owner_version: Some(1),
    };
    let queued = chat
        .chat
        .set_owner(fleet.workspace, channel, change)
        .await
        .unwrap();
    assert_eq!(queued.owner_version, 3);
    let mut reply = chat.chat.reply(channel, &fleet.reply(1, 3, 2)).unwrap();
    reply
        .delta(0, "Somebody will come.".to_owned())
        .await
        .unwrap();
    assert_eq!(socket.until("message.delta").await["owner_version"], 3);
    assert_eq!(
        reply
            .commit(commit("Somebody will come."))
            .await
            .unwrap()
            .seq,
        4
    );
}
