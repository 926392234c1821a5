//! The inbox as it changes: rows and numbers over sockets, the queue, and what is made again.

use chat::inbox;
use chat_api::Priority;
use clock::Clock;
use ids::{ChannelId, UserId};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use testkit::{Proxy, eventually};

use crate::support::{Fleet, Instance, Socket, answer, no_broker};

/// A socket that watches the inbox, with the first numbers.
async fn watch(chat: &Instance, token: &str) -> (Socket, Value) {
    let mut socket = chat.follow(token, &[]).await;
    socket.send(json!({ "type": "watch", "on": true })).await;
    let counts = socket.until("counts").await;
    (socket, counts["counts"].clone())
}

impl Socket {
    /// The frame that tells of a channel at this head or a later one.
    async fn row(&mut self, channel: ChannelId, head: i64) -> Value {
        loop {
            let row = self.until("inbox").await["channel"].clone();
            if row["id"] == json!(channel) && row["head_seq"].as_i64() >= Some(head) {
                return row;
            }
        }
    }

    /// The numbers, once this one is so.
    async fn count(&mut self, name: &str, number: i64) -> Value {
        loop {
            let counts = self.until("counts").await["counts"].clone();
            if counts[name] == number {
                return counts;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_watches_sees_changes_of_every_instance_with_what_is_unread_for_them() {
    let fleet = Fleet::start().await;
    let (one, two) = (fleet.instance().await, fleet.instance().await);
    let (ada, bob) = (UserId::new(), UserId::new());
    let (token, other) = (fleet.admin(ada), fleet.admin(bob));
    let (mut near, counts) = watch(&one, &token).await;
    assert_eq!(counts["all"], 0);
    let (mut far, _) = watch(&two, &other).await;
    let conversation = fleet.open(&two).await;
    let channel = conversation.channel;
    for socket in [&mut near, &mut far] {
        assert_eq!(socket.row(channel, 1).await["unread"], 0);
        socket.count("all", 1).await;
    }
    two.say(&conversation.token, channel, "hello").await;
    for socket in [&mut near, &mut far] {
        assert_eq!(socket.row(channel, 2).await["unread"], 1);
        socket.count("unread", 1).await;
    }
    // One reads; the other has still to.
    one.app
        .inbox
        .mark(fleet.place(channel), ada, 2)
        .await
        .unwrap();
    assert_eq!(near.row(channel, 2).await["unread"], 0);
    near.count("unread", 0).await;
    two.say(&conversation.token, channel, "still there?").await;
    assert_eq!(near.row(channel, 3).await["unread"], 1);
    assert_eq!(far.row(channel, 3).await["unread"], 2);
    // Taking over makes it one's own.
    one.set_owner(&token, channel, "human").await;
    let row = far.row(channel, 4).await;
    assert_eq!(
        (&row["owner"], &row["assignee_id"]),
        (&json!("human"), &json!(ada))
    );
    near.count("mine", 1).await;
    // Who stops watching hears no more of it.
    near.send(json!({ "type": "watch", "on": false })).await;
    two.set_owner(&conversation.token, channel, "closed").await;
    far.count("all", 0).await;
    near.send(json!({ "type": "watch", "on": true })).await;
    let frame = near.until_any(&["inbox", "counts"]).await;
    assert!(
        frame["channel"].is_object() || frame["counts"]["all"] == 0,
        "{frame}"
    );
}

#[tokio::test]
async fn visitors_and_other_workspaces_cannot_watch() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let mut socket = chat.follow(&conversation.token, &[]).await;
    socket.send(json!({ "type": "watch", "on": true })).await;
    assert_eq!(socket.until("error").await["code"], "forbidden");
    let stranger = Fleet {
        workspace: ids::WorkspaceId::new(),
        ..fleet
    };
    let (mut theirs, counts) = watch(&chat, &stranger.admin(UserId::new())).await;
    assert_eq!(counts["all"], 0);
    chat.say(&conversation.token, conversation.channel, "hello")
        .await;
    let own = stranger.open(&chat).await;
    // The first row that comes is of their own.
    let row = theirs.until("inbox").await;
    assert_eq!(row["channel"]["id"], json!(own.channel));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_hints_the_rows_are_read_within_seconds() {
    let fleet = Fleet::start().await;
    let proxy = Proxy::start(&testkit::redis_url()).await;
    let redis = testkit::redis_at(proxy.through(&testkit::redis_url()));
    let deaf = fleet.instance_on(fleet.database.clone(), redis, 1800).await;
    let chat = fleet.instance().await;
    proxy.take_down();
    let token = fleet.admin(UserId::new());
    let (mut socket, _) = watch(&deaf, &token).await;
    let conversation = fleet.open(&chat).await;
    chat.say(&conversation.token, conversation.channel, "hello")
        .await;
    let row = socket.row(conversation.channel, 2).await;
    assert_eq!(row["unread"], 1);
    socket.count("unread", 1).await;
    // What the same person reads elsewhere shows here as well.
    let (person, place) = (UserId::new(), fleet.place(conversation.channel));
    let (mut own, counts) = watch(&deaf, &fleet.admin(person)).await;
    assert_eq!(counts["unread"], 1);
    chat.app.inbox.mark(place, person, 2).await.unwrap();
    own.count("unread", 0).await;
}

#[tokio::test]
async fn those_who_wait_know_their_place_and_how_long_it_takes() {
    let clock = Clock::manual(Clock::system().now());
    let fleet = Fleet::with(clock.clone(), no_broker()).await;
    let chat = fleet.instance().await;
    let person = UserId::new();
    let token = fleet.admin(person);
    let place = async |token: &str, channel: ChannelId| {
        answer(chat.get(token, &format!("/channels/{channel}/queue"))).await
    };
    let first = fleet.open(&chat).await;
    let (status, nobody) = place(&first.token, first.channel).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        (&nobody["position"], &nobody["expected_wait_seconds"]),
        (&Value::Null, &Value::Null)
    );
    let mut socket = chat.follow(&first.token, &[(first.channel, 1)]).await;
    let mut waiting = vec![first];
    for _ in 0..3 {
        waiting.push(fleet.open(&chat).await);
    }
    for one in &waiting {
        chat.set_owner(&one.token, one.channel, "queued").await;
        chat.caught_up(&fleet, one.channel).await;
        clock.advance(std::time::Duration::from_secs(1));
    }
    let frame = socket.until("queue").await;
    assert_eq!(
        (&frame["channel"], &frame["position"]),
        (&json!(waiting[0].channel), &json!(1))
    );
    for (index, one) in waiting.iter().enumerate() {
        let (_, found) = place(&one.token, one.channel).await;
        assert_eq!(found["position"], json!(index + 1));
    }
    // Who presses more goes before the others, and they are told.
    let urgent = chat::log::Act::Prioritise(Priority::Urgent);
    chat.act(&fleet, waiting[3].channel, person, urgent).await;
    loop {
        let frame = socket.until("queue").await;
        if frame["position"] == 2 {
            break;
        }
    }
    // Three ends of waits make a guess.
    for (index, one) in waiting[1..].iter().enumerate() {
        clock.advance(std::time::Duration::from_secs(20));
        let known = place(&waiting[0].token, waiting[0].channel).await.1;
        assert_eq!(known["expected_wait_seconds"], Value::Null, "after {index}");
        chat.set_owner(&token, one.channel, "human").await;
        chat.caught_up(&fleet, one.channel).await;
    }
    let (_, found) = place(&waiting[0].token, waiting[0].channel).await;
    assert_eq!(found["position"], 1);
    // The waits were 23, 42 and 61 seconds long.
    assert_eq!(found["expected_wait_seconds"], 42);
    let (_, gone) = place(&waiting[1].token, waiting[1].channel).await;
    assert_eq!(gone["position"], Value::Null);
}

#[tokio::test]
async fn rows_that_are_missing_or_behind_are_made_again_and_none_goes_back() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let token = fleet.admin(UserId::new());
    let pool = &fleet.postgres.pool;
    let one = fleet.open(&chat).await;
    let place = fleet.place(one.channel);
    let opened = chat.app.log.head(place).await.unwrap();
    chat.say(&one.token, one.channel, "one").await;
    chat.say(&one.token, one.channel, "two").await;
    let two = fleet.open(&chat).await;
    for channel in [one.channel, two.channel] {
        chat.caught_up(&fleet, channel).await;
        // The channel's projection in MongoDB is what names it to the rebuilding.
        eventually("MongoDB knows the channel", async || {
            chat.app.log.projected_head(fleet.place(channel)).await.ok()
        })
        .await;
    }
    let listed = chat.channels(&token, "sort=created&order=asc").await;
    assert_eq!(listed["items"][0]["unread"], 2);
    for table in ["channels", "message_marks"] {
        let sql = format!("DELETE FROM chat.{table} WHERE true");
        sqlx::query(AssertSqlSafe(sql)).execute(pool).await.unwrap();
    }
    // The relay makes them again too, as long as it has not settled their entries.
    assert!(inbox::rebuild(&fleet.database, pool).await.unwrap() <= 2);
    assert_eq!(
        chat.channels(&token, "sort=created&order=asc").await,
        listed
    );
    assert_eq!(
        inbox::rebuild(&fleet.database, pool).await.unwrap(),
        0,
        "nothing is behind"
    );

    // An older head changes nothing; one that is known, neither.
    let now = chat.app.log.head(place).await.unwrap();
    for head in [&opened, &now] {
        assert!(!inbox::project::project(pool, place, head).await.unwrap());
    }
    assert_eq!(
        chat.channels(&token, "sort=created&order=asc").await,
        listed
    );
    // A row that is behind is moved.
    sqlx::query("UPDATE chat.channels SET head_seq = 1, last_message_seq = 0 WHERE id = $1")
        .bind(one.channel)
        .execute(pool)
        .await
        .unwrap();
    assert!(inbox::rebuild(&fleet.database, pool).await.unwrap() <= 1);
    assert_eq!(
        chat.channels(&token, "sort=created&order=asc").await,
        listed
    );
}
