//! Stores that go away and come back, and instances that die.

use std::time::{Duration, Instant};

use futures::StreamExt;
use mongodb::bson::{Document, doc};
use reqwest::StatusCode;
use serde_json::json;
use testkit::{Proxy, eventually, eventually_within};

use crate::support::{Fleet, Instance, answer, refused, seqs};

/// An instance that reaches Redis through a proxy.
async fn with_redis_behind(fleet: &Fleet) -> (Instance, Proxy) {
    let proxy = Proxy::start(&testkit::redis_url()).await;
    let redis = testkit::redis_at(proxy.through(&testkit::redis_url()));
    (
        fleet.instance_on(fleet.database.clone(), redis, 1800).await,
        proxy,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_everything_arrives_later_and_with_it_again_at_once() {
    let fleet = Fleet::start().await;
    let (one, redis) = with_redis_behind(&fleet).await;
    let two = fleet.instance().await;
    let conversation = fleet.open(&one).await;
    let (token, channel) = (&conversation.token, conversation.channel);
    let mut near = one.follow(token, &[(channel, 1)]).await;
    let mut far = two.follow(token, &[(channel, 1)]).await;
    one.say(token, channel, "with redis").await;
    for socket in [&mut near, &mut far] {
        assert_eq!(seqs(&socket.up_to(2).await), [2]);
    }

    redis.take_down();
    let report = eventually("the missing redis is named", async || {
        let (status, report) = one.server.readiness().await;
        let named = report["checks"]["redis"].as_str()?.starts_with("down");
        named.then_some((status, report))
    })
    .await;
    assert_eq!(
        report.0,
        StatusCode::OK,
        "chat goes on without it: {}",
        report.1
    );
    let before = Instant::now();
    one.say(token, channel, "without redis").await;
    assert_eq!(seqs(&near.up_to(3).await), [3]);
    assert!(
        before.elapsed() < Duration::from_secs(2),
        "those on the same instance wait for nothing"
    );
    assert_eq!(seqs(&far.up_to(3).await), [3], "the others read the log");
    // Both ways: what the other instance appends is read here.
    two.say(token, channel, "from there").await;
    assert_eq!(seqs(&near.up_to(4).await), [4]);
    // A socket that comes now misses nothing either.
    let mut late = one.follow(token, &[(channel, 1)]).await;
    assert_eq!(seqs(&late.up_to(4).await), [2, 3, 4]);

    redis.bring_up();
    eventually("redis is there again", async || {
        (one.server.readiness().await.1["checks"]["redis"] == "ok").then_some(())
    })
    .await;
    // What is in no log only comes by Redis, so this shows that it works again.
    let passes = async {
        loop {
            far.send(json!({ "type": "typing", "channel": channel, "on": true }))
                .await;
            let frame = tokio::time::timeout(Duration::from_millis(100), near.next()).await;
            if frame.is_ok_and(|frame| frame["type"] == "typing") {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(15), passes)
        .await
        .expect("hints pass again");
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_from_before_a_redis_connection_was_made_anew_are_caught_up() {
    let fleet = Fleet::start().await;
    let (one, redis) = with_redis_behind(&fleet).await;
    let two = fleet.instance().await;
    let conversation = fleet.open(&one).await;
    let (token, channel) = (&conversation.token, conversation.channel);
    let mut socket = one.follow(token, &[(channel, 1)]).await;
    for round in 0..20 {
        redis.cut();
        two.say(token, channel, "while it reconnects").await;
        assert_eq!(socket.until("message").await["seq"], round + 2);
    }
}

#[tokio::test]
async fn without_mongodb_every_answer_is_503_in_time_until_it_is_back() {
    let fleet = Fleet::start().await;
    let url = testkit::mongo_url();
    let mongo = Proxy::start(&url).await;
    let database = testkit::mongo_at(mongo.through(&url)).await;
    let chat = fleet.instance_on(database, testkit::redis(), 1800).await;
    let conversation = fleet.open(&chat).await;
    let (token, channel) = (&conversation.token, conversation.channel);
    let mut socket = chat.follow(token, &[(channel, 1)]).await;
    assert_eq!(chat.server.readiness().await.0, StatusCode::OK);

    mongo.take_down();
    let unready = eventually("it says so", async || {
        let (status, report) = chat.server.readiness().await;
        (status == StatusCode::SERVICE_UNAVAILABLE).then_some(report)
    })
    .await;
    assert_ne!(unready["checks"]["mongodb"], "ok");
    let within = async |request: reqwest::RequestBuilder| {
        let before = Instant::now();
        refused(answer(request).await, 503, "unavailable");
        assert!(
            before.elapsed() < Duration::from_secs(5),
            "{:?}",
            before.elapsed()
        );
    };
    within(chat.get(token, &format!("/messages/{channel}"))).await;
    within(chat.get(token, &format!("/channels/{channel}"))).await;
    let message = json!({ "client_id": "kept", "body": { "text": "hello" } });
    within(chat.post(token, &format!("/messages/{channel}"), &message)).await;
    within(chat.post(
        token,
        &format!("/channels/{channel}/owner"),
        &json!({ "owner": "closed" }),
    ))
    .await;
    socket.say(channel, "kept", "hello").await;
    let error = socket.next().await;
    assert_eq!(
        (&error["code"], &error["client_id"]),
        (&json!("unavailable"), &json!("kept"))
    );

    mongo.bring_up();
    // The socket was there all the time, and the same message under the same name counts once.
    let recovers = async {
        loop {
            socket.say(channel, "kept", "hello").await;
            if socket.until_any(&["ack", "error"]).await["type"] == "ack" {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(15), recovers)
        .await
        .expect("it recovers");
    assert_eq!(
        chat.post(token, &format!("/messages/{channel}"), &message)
            .send()
            .await
            .unwrap()
            .status(),
        StatusCode::OK
    );
    let log = fleet.log(&chat, channel).await;
    assert_eq!(log.len(), 2);
    eventually("it says so", async || {
        (chat.server.readiness().await.0 == StatusCode::OK).then_some(())
    })
    .await;
}

#[tokio::test]
async fn without_postgresql_a_conversation_goes_on_and_a_new_workspace_waits() {
    let fleet = Fleet::start().await;
    let (pool, postgres) = fleet.postgres.behind_a_proxy("chat").await;
    let parts = fleet.parts(fleet.database.clone(), testkit::redis(), pool);
    let chat = fleet.instance_of(parts).await;
    let conversation = fleet.open(&chat).await;
    let (token, channel) = (&conversation.token, conversation.channel);
    let mut socket = chat.follow(token, &[(channel, 1)]).await;
    let (status, _) = chat.say(token, channel, "before").await;
    assert_eq!(status, StatusCode::CREATED);
    socket.up_to(2).await;

    postgres.take_down();
    let (status, report) = eventually("the missing database is named", async || {
        let (status, report) = chat.server.readiness().await;
        let named = report["checks"]["postgres"].as_str()?.starts_with("down");
        named.then_some((status, report))
    })
    .await;
    assert_eq!(status, StatusCode::OK, "chat goes on without it: {report}");
    let (status, said) = chat.say(token, channel, "meanwhile").await;
    assert_eq!(status, StatusCode::CREATED, "{said}");
    assert_eq!(seqs(&socket.up_to(3).await), [3]);
    // The first word in a workspace makes its keys, which must be kept before anything is sealed.
    let other = Fleet {
        workspace: ids::WorkspaceId::new(),
        ..fleet
    };
    let stranger = other.open(&chat).await;
    let first = json!({ "client_id": "first", "body": { "text": "hello" } });
    let path = format!("/messages/{}", stranger.channel);
    let before = Instant::now();
    refused(
        answer(chat.post(&stranger.token, &path, &first)).await,
        503,
        "unavailable",
    );
    assert!(
        before.elapsed() < Duration::from_secs(6),
        "{:?}",
        before.elapsed()
    );

    postgres.bring_up();
    eventually("it is said", async || {
        let (status, _) = answer(chat.post(&stranger.token, &path, &first)).await;
        (status == StatusCode::CREATED).then_some(())
    })
    .await;
    assert_eq!(other.log(&chat, stranger.channel).await.len(), 2);
}

#[tokio::test]
async fn a_projection_that_a_crash_left_behind_is_repaired() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    for _ in 0..3 {
        chat.say(&conversation.token, conversation.channel, "hello")
            .await;
    }
    let channels = fleet.database.collection::<Document>("channels");
    let filter = doc! { "channel_id": conversation.channel.to_string() };
    let projected = async || {
        channels
            .find_one(filter.clone())
            .await
            .unwrap()
            .and_then(|c| c.get_i64("head_seq").ok())
    };
    eventually("it follows the log", async || {
        (projected().await == Some(4)).then_some(())
    })
    .await;
    let behind = doc! { "$set": { "head_seq": 2_i64, "visitor_messages": 1_i64 } };
    channels.update_one(filter.clone(), behind).await.unwrap();
    let (_, channel) = answer(chat.get(
        &conversation.token,
        &format!("/channels/{}", conversation.channel),
    ))
    .await;
    assert_eq!(channel["head_seq"], 4, "the log is the truth");
    assert_eq!(projected().await, Some(4));
    let repaired = channels.find_one(filter).await.unwrap().unwrap();
    assert_eq!(repaired.get_i64("visitor_messages").unwrap(), 3);
}

/// An instance dies between the insert and everything after it: nobody was told, the event was not
/// published, the projection does not know.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_dying_instance_had_inserted_is_delivered_and_published_by_another() {
    let broker = testkit::Broker::start().await;
    let fleet = Fleet::with(clock::Clock::system(), broker.config.clone()).await;
    let (dying, other) = (fleet.instance().await, fleet.instance().await);
    let conversation = fleet.open(&dying).await;
    let (token, channel) = (&conversation.token, conversation.channel);
    let mut socket = other.follow(token, &[(channel, 1)]).await;
    dying.say(token, channel, "hello").await;
    socket.up_to(2).await;
    let messages = fleet.database.collection::<Document>("messages");
    let at = |seq: i64| doc! { "channel_id": channel.to_string(), "seq": seq };
    let entry = async |seq: i64| messages.find_one(at(seq)).await.unwrap().unwrap();
    eventually("its event was published", async || {
        (!entry(2).await.contains_key("pending_event")).then_some(())
    })
    .await;
    let counted = eventually("the queue has both events", async || {
        let depth = broker.depth("analytics.ingest").await;
        (depth >= 2).then_some(depth)
    })
    .await;
    // The state of the stores after such a death: the third entry, and nothing else.
    let mut left = entry(2).await;
    let now = mongodb::bson::DateTime::from_millis(fleet.clock.now().timestamp_millis());
    let mut after = left.get_document("after").unwrap().clone();
    after.insert("seq", 3_i64);
    let event = json!({
        "specversion": "1.0", "id": ids::EventId::new(), "type": "chat.message.created.v1", "source": "/chat",
        "subject": channel, "time": "2026-11-23T10:00:00Z", "datacontenttype": "application/json",
        "workspaceid": fleet.workspace, "data": {},
    });
    left.remove("_id");
    left.insert("seq", 3_i64);
    left.insert("client_id", "left behind");
    // A sealed body opens in its own entry only.
    left.remove("sealed");
    left.insert("body", doc! { "text": "left behind" });
    left.insert("after", after);
    left.insert("pending_event", event.to_string());
    left.insert("pending_since", now);
    messages.insert_one(left).await.unwrap();

    assert_eq!(seqs(&socket.up_to(3).await), [3], "the socket hears of it");
    eventually("its event is published", async || {
        (!entry(3).await.contains_key("pending_event")).then_some(())
    })
    .await;
    eventually_within(Duration::from_secs(15), "the broker has it", async || {
        (broker.depth("analytics.ingest").await > counted).then_some(())
    })
    .await;
    let channels = fleet.database.collection::<Document>("channels");
    let projected = channels
        .find_one(doc! { "channel_id": channel.to_string() })
        .await
        .unwrap()
        .unwrap();
    assert_eq!(projected.get_i64("head_seq").unwrap(), 3);
    // The instances that knew the log as it was find their place behind it.
    for instance in [&dying, &other] {
        assert_eq!(
            instance.say(token, channel, "go on").await.0,
            StatusCode::CREATED
        );
    }
    assert_eq!(seqs(&socket.up_to(5).await), [4, 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_broker_outage_are_published_when_it_is_back() {
    let broker = testkit::Broker::start().await;
    let amqp = url::Url::parse(secrecy::ExposeSecret::expose_secret(
        &broker.config.amqp_url,
    ))
    .unwrap();
    let proxy = Proxy::start(&amqp).await;
    let config = bus::BusConfig {
        amqp_url: String::from(proxy.through(&amqp)).into(),
    };
    let fleet = Fleet::with(clock::Clock::system(), config).await;
    proxy.take_down();
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    for _ in 0..5 {
        let (status, _) = chat
            .say(&conversation.token, conversation.channel, "hello")
            .await;
        assert_eq!(
            status,
            StatusCode::CREATED,
            "people go on without the broker"
        );
    }
    let (status, report) = chat.server.readiness().await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        report["checks"]["rabbitmq"]
            .as_str()
            .unwrap()
            .starts_with("down"),
        "{report}"
    );
    let messages = fleet.database.collection::<Document>("messages");
    let waiting = async || {
        let found = messages
            .find(doc! { "pending_event": { "$exists": true } })
            .await
            .unwrap();
        found.collect::<Vec<_>>().await.len()
    };
    assert_eq!(waiting().await, 6);
    proxy.bring_up();
    // The broker is dialled anew, and quorum queues are declared: some seconds.
    eventually_within(Duration::from_secs(60), "all are published", async || {
        (waiting().await == 0).then_some(())
    })
    .await;
    eventually("the consumers' queues have them", async || {
        let counts = (
            broker.depth("agent.turns").await,
            broker.depth("analytics.ingest").await,
        );
        (counts.0 >= 5 && counts.1 >= 6).then_some(())
    })
    .await;
}
