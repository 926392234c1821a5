//! Coming back: sockets that are cut at any byte, on instances that know each other or do not.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use common::tokens::Role;
use futures::StreamExt;
use ids::{ChannelId, UserId};
use mongodb::bson::{Document, doc};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::tungstenite::Message;
use url::Url;

use crate::support::{Fleet, Instance, Socket, answer, connect, seqs};

/// A proxy that passes so many bytes to the client, and then cuts the connection, in the middle of a
/// frame or of its length.
async fn cutting(target: &Url, bytes: usize) -> std::net::SocketAddr {
    let to = target.socket_addrs(|| None).unwrap()[0];
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (inner, _) = listener.accept().await.unwrap();
        let outer = TcpStream::connect(to).await.unwrap();
        let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
            (inner.into_split(), outer.into_split());
        let up =
            tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
        let mut left = bytes;
        let mut buffer = [0; 1024];
        while left > 0 {
            let want = left.min(buffer.len());
            match from_server.read(&mut buffer[..want]).await {
                Ok(0) | Err(_) => break,
                Ok(read) => {
                    left -= read;
                    if to_client.write_all(&buffer[..read]).await.is_err() {
                        break;
                    }
                }
            }
        }
        up.abort();
    });
    address
}

/// A client that keeps what it has over any number of connections, and insists that each entry comes
/// once and in order.
struct Reader {
    token: String,
    channel: ChannelId,
    have: i64,
}

impl Reader {
    /// Reads on one connection that is cut after so many bytes; answers whether it got `last`.
    async fn until_cut(&mut self, instance: &Instance, bytes: usize, last: i64) -> bool {
        let address = cutting(&instance.server.public, bytes).await;
        let protocols = format!("syntera.v1, bearer.{}", self.token);
        let Ok(Some(mut socket)) = open(address, &protocols).await else {
            return false;
        };
        let resume = json!([{ "channel": self.channel, "after_seq": self.have }]);
        let hello = json!({ "type": "hello", "resume": resume }).to_string();
        if futures::SinkExt::send(&mut socket.stream, Message::text(hello))
            .await
            .is_err()
        {
            return false;
        }
        while let Some(Ok(message)) = socket.stream.next().await {
            let Message::Text(text) = message else {
                continue;
            };
            let frame: Value = serde_json::from_str(&text).unwrap();
            if let Some(seq) = frame["seq"].as_i64().filter(|_| frame["kind"].is_string()) {
                assert_eq!(seq, self.have + 1, "missing, doubled or out of order");
                self.have = seq;
                if seq == last {
                    return true;
                }
            }
        }
        false
    }
}

/// A socket, unless the cut came before the end of the upgrade.
async fn open(address: std::net::SocketAddr, protocols: &str) -> Result<Option<Socket>, ()> {
    let attempt = tokio::spawn({
        let protocols = protocols.to_owned();
        async move {
            connect(address, &[("sec-websocket-protocol", &protocols)], None)
                .await
                .ok()
        }
    });
    Ok(attempt.await.ok().flatten().map(|(socket, _)| socket))
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_at_any_byte_each_entry_comes_once_and_in_order() {
    const ENTRIES: i64 = 400;
    const READERS: u64 = 8;
    let wanted = i64::try_from(testkit::scaled(20_000)).unwrap();
    let fleet = Fleet::start().await;
    let instances = [fleet.instance().await, fleet.instance().await];
    let conversation = fleet.open(&instances[0]).await;
    let channel = conversation.channel;
    let cuts = Arc::new(AtomicI64::new(0));
    let readers = (0..READERS).map(|seed| {
        let (fleet, instances, cuts) = (&fleet, &instances, cuts.clone());
        async move {
            let mut dice = StdRng::seed_from_u64(seed);
            let token = fleet
                .keys
                .person(fleet.workspace, UserId::new(), Role::Viewer);
            let mut reader = Reader {
                token,
                channel,
                have: 0,
            };
            loop {
                let instance = &instances[dice.random_range(0..2)];
                // From within the upgrade's answer to some ten entries.
                let bytes = dice.random_range(1..4_000);
                if reader.until_cut(instance, bytes, ENTRIES).await {
                    if cuts.load(Ordering::Relaxed) >= wanted {
                        return;
                    }
                    // From the beginning: whoever comes for the first time reads the whole log.
                    reader.have = 0;
                } else {
                    cuts.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    });
    let writing = async {
        for n in 2..=ENTRIES {
            let instance = &instances[usize::try_from(n % 2).unwrap()];
            let (status, _) = instance
                .say(&conversation.token, channel, "some words of the visitor")
                .await;
            assert_eq!(status, StatusCode::CREATED);
        }
    };
    let within = Duration::from_secs(120 + wanted.unsigned_abs() / 20);
    let reading = tokio::time::timeout(within, futures::future::join_all(readers));
    let (all, ()) = tokio::join!(reading, writing);
    all.expect("every reader gets everything");
    let cuts = cuts.load(Ordering::Relaxed);
    assert!(cuts >= wanted, "only {cuts} cuts");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_is_cut_loses_no_acknowledged_message_and_doubles_none() {
    const MESSAGES: usize = 60;
    let fleet = Fleet::start().await;
    let instances = [fleet.instance().await, fleet.instance().await];
    let conversation = fleet.open(&instances[0]).await;
    let channel = conversation.channel;
    let mut dice = StdRng::seed_from_u64(7);
    let (mut acked, mut cuts) = (Vec::new(), 0);
    while acked.len() < MESSAGES {
        let address = cutting(
            &instances[dice.random_range(0..2)].server.public,
            dice.random_range(200..1_500),
        )
        .await;
        let protocols = format!("syntera.v1, bearer.{}", conversation.token);
        let Ok(Some(mut socket)) = open(address, &protocols).await else {
            continue;
        };
        let send = async |socket: &mut Socket, frame: Value| {
            futures::SinkExt::send(&mut socket.stream, Message::text(frame.to_string()))
                .await
                .is_ok()
        };
        send(&mut socket, json!({ "type": "hello", "resume": [] })).await;
        // Sends until the cut, and sends again what was not acknowledged, under the same name.
        'socket: while acked.len() < MESSAGES {
            let id = acked.len().to_string();
            let frame = json!({ "type": "send", "channel": channel, "client_id": id, "body": { "text": id } });
            if !send(&mut socket, frame).await {
                break;
            }
            loop {
                let Some(Ok(message)) = socket.stream.next().await else {
                    break 'socket;
                };
                let Message::Text(text) = message else {
                    continue;
                };
                let frame: Value = serde_json::from_str(&text).unwrap();
                if frame["type"] == "ack" && frame["client_id"] == id {
                    acked.push(frame["seq"].as_i64().unwrap());
                    break;
                }
            }
        }
        cuts += 1;
    }
    let log = fleet.log(&instances[0], channel).await;
    assert_eq!(log.len(), 1 + MESSAGES, "each message once");
    for (n, seq) in acked.iter().enumerate() {
        let entry = &log[usize::try_from(seq - 1).unwrap()];
        assert_eq!(
            entry.client_id,
            Some(n.to_string()),
            "what was acknowledged stands where it was said to"
        );
    }
    assert!(cuts > 10, "only {cuts} cuts");
}

#[tokio::test]
async fn one_hello_resumes_many_channels_each_from_its_place() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let mut channels = Vec::new();
    for n in 0..5 {
        let conversation = fleet.open(&chat).await;
        for _ in 0..4 {
            chat.say(&conversation.token, conversation.channel, "hello")
                .await;
        }
        channels.push((conversation.channel, n));
    }
    let resume: Vec<Value> = channels
        .iter()
        .map(|(channel, after)| json!({ "channel": channel, "after_seq": after }))
        .collect();
    let mut socket = chat.socket(&fleet.person()).await;
    socket
        .send(json!({ "type": "hello", "resume": resume }))
        .await;
    assert_eq!(socket.next().await["type"], "ready");
    for (channel, after) in channels {
        let subscribed = socket.next().await;
        assert_eq!(
            (&subscribed["channel"], &subscribed["head_seq"]),
            (&json!(channel), &json!(5))
        );
        for seq in after + 1..=5 {
            let entry = socket.next().await;
            assert_eq!(
                (&entry["channel"], &entry["seq"]),
                (&json!(channel), &json!(seq))
            );
        }
    }
    // Asking again starts anew from where the client says that it is.
    let (channel, _) = (resume[0]["channel"].clone(), 0);
    socket
        .send(json!({ "type": "subscribe", "channel": channel, "after_seq": 3 }))
        .await;
    assert_eq!(seqs(&socket.up_to(5).await), [4, 5]);
}

#[tokio::test]
async fn history_that_is_no_longer_kept_is_reported() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let (visitor, channel) = (&conversation.token, conversation.channel);
    for _ in 2..=6 {
        chat.say(visitor, channel, "hello").await;
    }
    let messages = fleet.database.collection::<Document>("messages");
    let old = doc! { "channel_id": channel.to_string(), "seq": { "$lte": 4 } };
    let deleted = messages.delete_many(old).await.unwrap();
    assert_eq!(deleted.deleted_count, 4);
    for token in [visitor, &fleet.person()] {
        let mut socket = chat.socket(token).await;
        let resume = json!([{ "channel": channel, "after_seq": 2 }]);
        socket
            .send(json!({ "type": "hello", "resume": resume }))
            .await;
        let expired = socket.until("expired").await;
        assert_eq!(
            (&expired["channel"], &expired["oldest_seq"]),
            (&json!(channel), &json!(5))
        );
        assert_eq!(seqs(&socket.up_to(6).await), [5, 6]);
        chat.say(visitor, channel, "and then?").await;
        assert!(socket.until("message").await["seq"].as_i64() > Some(6));

        let page = |after: i64| chat.get(token, &format!("/messages/{channel}?after_seq={after}"));
        for after in [0, 2, 3] {
            let (status, problem) = answer(page(after)).await;
            assert_eq!(status, StatusCode::GONE, "after {after}");
            assert_eq!(
                (&problem["code"], &problem["oldest_seq"]),
                (&json!("history_expired"), &json!(5))
            );
        }
        let (status, kept) = answer(page(4)).await;
        assert_eq!(
            (status, &kept["items"][0]["seq"]),
            (StatusCode::OK, &json!(5))
        );
    }
}
