//! The socket: who gets one, what its frames do, and how it ends.

use std::time::Duration;

use clock::Clock;
use common::tokens::{RevocationList, RevokedSession, Role};
use futures::{SinkExt, StreamExt};
use ids::{ChannelId, SessionId, UserId, VisitorId, WorkspaceId};
use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::eventually;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Fleet, answer, connect, no_broker, refused, seqs};

#[tokio::test]
async fn only_an_upgrade_with_a_good_token_opens_a_socket() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let (socket, _) = chat
        .upgrade(&[("authorization", &format!("Bearer {}", fleet.person()))])
        .await
        .unwrap();
    drop(socket);
    let expired = {
        let mut claims = fleet
            .keys
            .person_claims(fleet.workspace, UserId::new(), Role::Owner);
        claims.exp = fleet.clock.now().timestamp() - 1;
        format!("syntera.v1, bearer.{}", fleet.keys.sign(&claims))
    };
    for (protocols, code) in [
        ("syntera.v1", "unauthenticated"),
        ("syntera.v1, bearer.a.b.c", "unauthenticated"),
        (expired.as_str(), "token_expired"),
    ] {
        let (status, problem) = chat
            .upgrade(&[("sec-websocket-protocol", protocols)])
            .await
            .err()
            .unwrap();
        assert_eq!((status, &problem["code"]), (401, &json!(code)));
    }
    refused(
        answer(chat.server.get("/ws/chat")).await,
        401,
        "unauthenticated",
    );
    let plain = chat.get(&fleet.person(), "/ws/chat").send().await.unwrap();
    assert_eq!(plain.headers()["upgrade"], "websocket");
    assert_eq!(plain.status(), StatusCode::UPGRADE_REQUIRED);
    assert_eq!(
        plain.json::<Value>().await.unwrap()["code"],
        "upgrade_required"
    );
}

#[tokio::test]
async fn a_conversation_over_two_sockets() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let channel = conversation.channel;
    let mut visitor = chat.socket(&conversation.token).await;
    visitor
        .send(json!({ "type": "hello", "resume": [{ "channel": channel, "after_seq": 0 }] }))
        .await;
    assert_eq!(
        visitor.next().await,
        json!({ "type": "ready", "heartbeat_seconds": 25 })
    );
    let subscribed = visitor.next().await;
    assert_eq!(
        subscribed,
        json!({ "type": "subscribed", "channel": channel, "head_seq": 1, "owner": "ai", "owner_version": 1 })
    );
    let opened = visitor.next().await;
    assert_eq!(
        (&opened["type"], &opened["kind"], &opened["seq"]),
        (&json!("state"), &json!("state"), &json!(1))
    );

    let mut person = chat.follow(&fleet.person(), &[(channel, 1)]).await;
    visitor.say(channel, "v1", "hello").await;
    let (mut ack, mut message) = (Value::Null, Value::Null);
    for _ in 0..2 {
        let frame = visitor.next().await;
        let slot = if frame["type"] == "ack" {
            &mut ack
        } else {
            &mut message
        };
        *slot = frame;
    }
    assert_eq!(
        ack,
        json!({ "type": "ack", "channel": channel, "client_id": "v1", "seq": 2 })
    );
    assert_eq!(person.next().await, message, "one frame for all");
    assert_eq!(
        (&message["body"]["text"], &message["client_id"]),
        (&json!("hello"), &json!("v1"))
    );
    assert_eq!(
        (&message["channel"], &message["channel_id"]),
        (&json!(channel), &Value::Null)
    );

    // What is in no log goes to the others only.
    person
        .send(json!({ "type": "typing", "channel": channel, "on": true }))
        .await;
    let typing = visitor.next().await;
    assert_eq!(
        (&typing["type"], &typing["on"], &typing["sender"]["kind"]),
        (&json!("typing"), &json!(true), &json!("user"))
    );
    visitor
        .send(json!({ "type": "read", "channel": channel, "seq": 2 }))
        .await;
    // Whoever types looks at it, which people are told in between.
    let read = person.until("read").await;
    assert_eq!(
        (&read["type"], &read["seq"], &read["sender"]["kind"]),
        (&json!("read"), &json!(2), &json!("visitor"))
    );

    // Writing takes over: the change comes before the message, and both see it.
    person.say(channel, "p1", "I am here").await;
    for socket in [&mut visitor, &mut person] {
        let frames = socket.up_to(4).await;
        assert_eq!(seqs(&frames), [3, 4]);
        assert_eq!(
            frames.iter().find(|frame| frame["seq"] == 3).unwrap()["owner"],
            "human"
        );
    }
    // A repeated send is acknowledged again, and shown to nobody again.
    visitor.say(channel, "v1", "hello").await;
    assert_eq!(visitor.until("ack").await["seq"], 2);
    visitor.say(channel, "v2", "bye").await;
    assert_eq!(seqs(&person.up_to(5).await), [5]);
}

#[tokio::test]
async fn only_what_is_ones_own_can_be_followed() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let channel = conversation.channel;
    let stranger = fleet
        .keys
        .visitor(fleet.workspace, VisitorId::new(), fleet.agent);
    let foreigner = fleet
        .keys
        .person(WorkspaceId::new(), UserId::new(), Role::Owner);
    for token in [&stranger, &foreigner] {
        let mut socket = chat.follow(token, &[]).await;
        for frame in [
            json!({ "type": "subscribe", "channel": channel, "after_seq": 0 }),
            json!({ "type": "subscribe", "channel": ChannelId::new(), "after_seq": 0 }),
            json!({ "type": "typing", "channel": channel, "on": true }),
            json!({ "type": "read", "channel": channel, "seq": 1 }),
        ] {
            socket.send(frame.clone()).await;
            let error = socket.next().await;
            assert_eq!(
                (&error["type"], &error["code"]),
                (&json!("error"), &json!("not_found")),
                "{frame}"
            );
            assert_eq!(error["channel"], frame["channel"]);
        }
        socket.say(channel, "x", "hello").await;
        let error = socket.next().await;
        assert_eq!(
            (&error["code"], &error["client_id"]),
            (&json!("not_found"), &json!("x"))
        );
    }
    let viewer = fleet
        .keys
        .person(fleet.workspace, UserId::new(), Role::Viewer);
    let mut socket = chat.follow(&viewer, &[(channel, 0)]).await;
    socket.say(channel, "x", "hello").await;
    assert_eq!(socket.until("error").await["code"], "forbidden");
    assert_eq!(fleet.log(&chat, channel).await.len(), 1);
}

#[tokio::test]
async fn what_is_no_frame_is_named_and_too_much_of_it_ends_the_socket() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let channel = conversation.channel;
    let mut socket = chat.socket(&conversation.token).await;
    socket
        .send(json!({ "type": "subscribe", "channel": channel, "after_seq": 0 }))
        .await;
    assert_eq!(
        socket.next().await["code"],
        "validation_failed",
        "before hello"
    );
    socket.send(json!({ "type": "hello" })).await;
    assert_eq!(socket.next().await["type"], "ready");
    let mut wrong = 1;
    for (text, code) in [
        ("{", "invalid_json"),
        ("[]", "validation_failed"),
        (r#"{"type":"dance"}"#, "validation_failed"),
        (r#"{"type":"hello","resume":[]}"#, "validation_failed"),
        (r#"{"type":"auth"}"#, "validation_failed"),
        (
            r#"{"type":"auth","token":"x","admin":true}"#,
            "validation_failed",
        ),
    ] {
        socket.text(text).await;
        let error = socket.next().await;
        assert_eq!(
            (&error["type"], &error["code"]),
            (&json!("error"), &json!(code)),
            "{text}: {error}"
        );
        wrong += 1;
    }
    // Whoever sent a message is told which one it was.
    socket
        .send(json!({ "type": "send", "channel": channel, "client_id": "m", "body": { "html": "<b>" } }))
        .await;
    let error = socket.next().await;
    assert_eq!(
        (&error["client_id"], &error["channel"]),
        (&json!("m"), &json!(channel))
    );
    wrong += 1;
    // What is a frame and breaks a rule costs nothing.
    for (frame, code) in [
        (
            json!({ "type": "subscribe", "channel": channel, "after_seq": 7 }),
            "validation_failed",
        ),
        (
            json!({ "type": "subscribe", "channel": channel, "after_seq": -1 }),
            "validation_failed",
        ),
        (
            json!({ "type": "send", "channel": channel, "client_id": "m", "body": { "text": " " } }),
            "validation_failed",
        ),
        (
            json!({ "type": "auth", "token": "a.b.c" }),
            "unauthenticated",
        ),
    ] {
        socket.send(frame.clone()).await;
        assert_eq!(socket.next().await["code"], code, "{frame}");
    }
    socket.say(channel, "fine", "still open").await;
    assert_eq!(socket.next().await["seq"], 2);
    for _ in wrong..=10 {
        socket.stream.send(Message::binary(vec![1])).await.unwrap();
    }
    assert_eq!(socket.closed().await, 1008);

    let mut socket = chat.follow(&conversation.token, &[]).await;
    socket.text(&"x".repeat(129 * 1024)).await;
    assert_eq!(socket.closed().await, 1009);
}

#[tokio::test]
async fn an_expired_token_closes_the_socket_unless_a_new_one_came() {
    let clock = Clock::manual("2026-11-23T10:00:00Z".parse().unwrap());
    let fleet = Fleet::with(clock.clone(), no_broker()).await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let renewed =
        |keys: &testkit::Keys| keys.visitor(fleet.workspace, conversation.visitor, fleet.agent);
    let mut lapsing = chat
        .follow(&conversation.token, &[(conversation.channel, 1)])
        .await;
    let mut renewing = chat
        .follow(&conversation.token, &[(conversation.channel, 1)])
        .await;
    // The list of ended sessions is renewed all the while.
    let pass = |seconds: u64| {
        for _ in 0..seconds {
            clock.advance(Duration::from_secs(1));
            chat.revocations.apply(&RevocationList {
                items: Vec::new(),
                as_of: clock.now(),
            });
        }
    };
    pass(400);
    for (token, code) in [
        (
            fleet
                .keys
                .visitor(fleet.workspace, VisitorId::new(), fleet.agent),
            "forbidden",
        ),
        (fleet.person(), "forbidden"),
        (
            fleet
                .keys
                .visitor(WorkspaceId::new(), conversation.visitor, fleet.agent),
            "forbidden",
        ),
    ] {
        renewing
            .send(json!({ "type": "auth", "token": token }))
            .await;
        assert_eq!(renewing.next().await["code"], code);
    }
    renewing
        .send(json!({ "type": "auth", "token": renewed(&fleet.keys) }))
        .await;
    let authenticated = renewing.next().await;
    assert_eq!(authenticated["type"], "authenticated");
    assert_eq!(authenticated["expires_at"], "2026-11-23T10:16:40Z");
    pass(201);
    assert_eq!(lapsing.closed().await, 4401);
    renewing.say(conversation.channel, "m", "still here").await;
    assert_eq!(renewing.until("ack").await["seq"], 2);
}

#[tokio::test]
async fn an_ended_session_closes_its_sockets_and_opens_no_more() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let claims = fleet
        .keys
        .visitor_claims(fleet.workspace, conversation.visitor, fleet.agent);
    let token = fleet.keys.sign(&claims);
    let mut ended = chat.follow(&token, &[(conversation.channel, 1)]).await;
    let mut other = chat
        .follow(&conversation.token, &[(conversation.channel, 1)])
        .await;
    let revoke = |session: SessionId| RevocationList {
        items: vec![RevokedSession {
            session_id: session,
            revoked_at: fleet.clock.now(),
        }],
        as_of: fleet.clock.now(),
    };
    chat.revocations.apply(&revoke(claims.sid));
    assert_eq!(ended.closed().await, 4401);
    let protocols = format!("syntera.v1, bearer.{token}");
    let (status, problem) = chat
        .upgrade(&[("sec-websocket-protocol", &protocols)])
        .await
        .err()
        .unwrap();
    assert_eq!((status, &problem["code"]), (401, &json!("session_revoked")));
    other.say(conversation.channel, "m", "still here").await;
    assert_eq!(other.until("ack").await["seq"], 2);
}

#[tokio::test]
async fn a_list_of_ended_sessions_that_is_too_old_is_no_permission() {
    let clock = Clock::manual("2026-11-23T10:00:00Z".parse().unwrap());
    let fleet = Fleet::with(clock.clone(), no_broker()).await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let mut socket = chat
        .follow(&conversation.token, &[(conversation.channel, 1)])
        .await;
    clock.advance(Duration::from_secs(31));
    assert_eq!(socket.closed().await, 1013);
    let protocols = format!("syntera.v1, bearer.{}", conversation.token);
    let (status, problem) = chat
        .upgrade(&[("sec-websocket-protocol", &protocols)])
        .await
        .err()
        .unwrap();
    assert_eq!((status, &problem["code"]), (503, &json!("unavailable")));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_is_cut_and_costs_the_others_nothing() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let (channel, token) = (conversation.channel, &conversation.token);
    let address = chat.server.public.socket_addrs(|| None).unwrap()[0];
    let protocols = format!("syntera.v1, bearer.{token}");
    let (mut slow, _) = connect(
        address,
        &[("sec-websocket-protocol", &protocols)],
        Some(4096),
    )
    .await
    .unwrap();
    slow.send(json!({ "type": "hello", "resume": [{ "channel": channel, "after_seq": 1 }] }))
        .await;
    slow.until("subscribed").await;
    let mut quick = chat.follow(token, &[(channel, 1)]).await;
    let mut writer = chat.follow(token, &[]).await;
    let text = "x".repeat(9_000);
    // More than the kernel's buffers and the queue of a socket hold together.
    let last = 1 + 1_000;
    let writing = async {
        for seq in 2..=last {
            writer.say(channel, &seq.to_string(), &text).await;
            assert_eq!(writer.next().await["seq"], seq);
        }
    };
    let reading = async {
        for seq in 2..=last {
            assert_eq!(quick.next().await["seq"], seq);
        }
    };
    futures::join!(writing, reading);
    // It reads again: what was under way, then the end, and it resumes from what it has.
    let mut have = 1;
    let code = loop {
        match slow.frame().await {
            Ok(frame) => {
                have += 1;
                assert_eq!(frame["seq"], have);
            }
            Err(code) => break code,
        }
    };
    assert!(code == 4408 || code == 1006, "{code}");
    assert!(have < last, "it was never cut");
    let mut again = chat.follow(token, &[(channel, have)]).await;
    let missed = again.up_to(last).await;
    assert_eq!(seqs(&missed), (have + 1..=last).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_long_backlog_comes_whole_while_others_write() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let (channel, token) = (conversation.channel, &conversation.token);
    for n in 0..250 {
        assert_eq!(
            chat.say(token, channel, &n.to_string()).await.0,
            StatusCode::CREATED
        );
    }
    let joining = async {
        let mut joiner = chat.socket(token).await;
        joiner
            .send(json!({ "type": "hello", "resume": [{ "channel": channel, "after_seq": 0 }] }))
            .await;
        joiner.up_to(351).await
    };
    let writing = async {
        for n in 0..100 {
            assert_eq!(
                chat.say(token, channel, &n.to_string()).await.0,
                StatusCode::CREATED
            );
        }
    };
    let (frames, ()) = futures::join!(joining, writing);
    assert_eq!(seqs(&frames), (1..=351).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_backlog_of_long_messages_comes_whole() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let (channel, token) = (conversation.channel, &conversation.token);
    // Together more than may ever wait for a socket.
    let long = "🎒".repeat(10_000);
    for _ in 0..40 {
        assert_eq!(chat.say(token, channel, &long).await.0, StatusCode::CREATED);
    }
    let mut socket = chat.socket(token).await;
    socket
        .send(json!({ "type": "hello", "resume": [{ "channel": channel, "after_seq": 0 }] }))
        .await;
    let frames = socket.up_to(41).await;
    assert_eq!(seqs(&frames), (1..=41).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_stop_says_goodbye_to_every_socket() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let mut socket = chat
        .follow(&conversation.token, &[(conversation.channel, 1)])
        .await;
    chat.server.lifecycle.stop();
    assert_eq!(socket.closed().await, 1012);
    assert!(socket.stream.next().await.is_none_or(|last| last.is_err()));
    eventually("nothing is left open", async || {
        chat.app.hub.heads().is_empty().then_some(())
    })
    .await;
}
