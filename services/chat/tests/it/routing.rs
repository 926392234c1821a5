//! Who is there, and who is given what wants a person.

use common::tokens::Role;
use ids::{ChannelId, UserId, WorkspaceId};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::{eventually, json, problem};

use crate::support::{Fleet, Instance, Socket};

/// Somebody of the company.
struct Person {
    id: UserId,
    token: String,
    socket: Option<Socket>,
}

impl Person {
    /// Somebody who takes `capacity` conversations, with a socket open.
    async fn online(fleet: &Fleet, chat: &Instance, capacity: i32) -> Self {
        let id = UserId::new();
        let token = fleet.keys.person(fleet.workspace, id, Role::Admin);
        let socket = Some(chat.follow(&token, &[]).await);
        let person = Self { id, token, socket };
        person.says(chat, "online", capacity).await;
        eventually("they are there", async || {
            let mine = json(chat.get(&person.token, "/availability"), StatusCode::OK).await;
            (mine["available"] == true).then_some(())
        })
        .await;
        person
    }

    async fn says(&self, chat: &Instance, status: &str, capacity: i32) -> Value {
        let body = json!({ "status": status, "capacity": capacity });
        let request = chat.call(Method::PUT, &self.token, "/availability", &body);
        json(request, StatusCode::OK).await
    }
}

/// A conversation that wants a person.
async fn queued(fleet: &Fleet, chat: &Instance) -> ChannelId {
    let conversation = fleet.open(chat).await;
    let (status, _) = chat
        .set_owner(&conversation.token, conversation.channel, "queued")
        .await;
    assert_eq!(status, StatusCode::OK);
    conversation.channel
}

async fn channel(fleet: &Fleet, chat: &Instance, channel: ChannelId) -> Value {
    let path = format!("/channels/{channel}");
    json(chat.get(&fleet.person(), &path), StatusCode::OK).await
}

/// Who takes care of a channel, as soon as somebody does.
async fn assignee(fleet: &Fleet, chat: &Instance, id: ChannelId) -> Value {
    eventually("somebody takes care of it", async || {
        let now = channel(fleet, chat, id).await;
        (!now["assignee_id"].is_null()).then(|| now["assignee_id"].clone())
    })
    .await
}

/// Lets what was given away be given away some time ago.
async fn long_ago(fleet: &Fleet, seconds: i32) {
    sqlx::query("UPDATE chat.routed SET routed_at = routed_at - make_interval(secs => $1)")
        .bind(f64::from(seconds))
        .execute(&fleet.postgres.pool)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_wants_a_person_goes_to_those_who_are_there_in_turn() {
    let fleet = Fleet::start().await;
    let instances = [fleet.instance().await, fleet.instance().await];
    let waiting = queued(&fleet, &instances[0]).await;
    let ada = Person::online(&fleet, &instances[0], 3).await;
    assert_eq!(
        assignee(&fleet, &instances[1], waiting).await,
        json!(ada.id)
    );
    let bob = Person::online(&fleet, &instances[1], 3).await;
    let mut counts = [1, 0];
    for n in 0..5 {
        let channel = queued(&fleet, &instances[n % 2]).await;
        let who = assignee(&fleet, &instances[n % 2], channel).await;
        counts[usize::from(who != json!(ada.id))] += 1;
    }
    assert_eq!(counts, [3, 3]);
    // Both have enough; the next one waits until there is room.
    let last = queued(&fleet, &instances[0]).await;
    let log = fleet.log(&instances[0], waiting).await;
    assert_eq!(log.len(), 3, "opened, queued, given to somebody once");
    let now = channel(&fleet, &instances[0], last).await;
    assert!(now["assignee_id"].is_null());
    bob.says(&instances[0], "online", 4).await;
    assert_eq!(assignee(&fleet, &instances[0], last).await, json!(bob.id));
    let now = channel(&fleet, &instances[0], last).await;
    assert_eq!(now["owner"], "queued", "it waits until they write");
    assert!(ada.socket.is_some() && bob.socket.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_taken_goes_to_somebody_else_and_what_is_taken_stays() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let ada = Person::online(&fleet, &chat, 5).await;
    let (taken, left) = (queued(&fleet, &chat).await, queued(&fleet, &chat).await);
    for id in [taken, left] {
        assert_eq!(assignee(&fleet, &chat, id).await, json!(ada.id));
    }
    chat.say(&ada.token, taken, "I am here").await;
    let bob = Person::online(&fleet, &chat, 5).await;
    // Five minutes is what holds without a decision.
    long_ago(&fleet, 300).await;
    eventually("somebody else has it", async || {
        let now = channel(&fleet, &chat, left).await;
        (now["assignee_id"] == json!(bob.id)).then_some(())
    })
    .await;
    assert_eq!(
        channel(&fleet, &chat, taken).await["assignee_id"],
        json!(ada.id)
    );
    // Who is not there any more does not keep it either.
    bob.says(&chat, "offline", 5).await;
    long_ago(&fleet, 30).await;
    eventually("the first one has it again", async || {
        let now = channel(&fleet, &chat, left).await;
        (now["assignee_id"] == json!(ada.id)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_a_teams_goes_to_its_members_and_what_people_arrange_stays_so() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let lead = fleet.person();
    let team = chat.post(&lead, "/teams", &json!({ "name": "Sales" }));
    let team = json(team, StatusCode::CREATED).await["id"].clone();
    let ada = Person::online(&fleet, &chat, 5).await;
    let bob = Person::online(&fleet, &chat, 5).await;
    let member = format!("/teams/{}/members/{}", team.as_str().unwrap(), bob.id);
    json(
        chat.call(Method::PUT, &lead, &member, &Value::Null),
        StatusCode::OK,
    )
    .await;
    for _ in 0..3 {
        let conversation = fleet.open(&chat).await;
        let path = format!("/channels/{}", conversation.channel);
        let body = json!({ "team_id": team });
        json(
            chat.call(Method::PATCH, &lead, &path, &body),
            StatusCode::OK,
        )
        .await;
        chat.set_owner(&conversation.token, conversation.channel, "queued")
            .await;
        let who = assignee(&fleet, &chat, conversation.channel).await;
        assert_eq!(who, json!(bob.id));
    }
    let widget = json(
        chat.get(&fleet.open(&chat).await.token, "/widget-settings"),
        StatusCode::OK,
    );
    assert_eq!(widget.await["people_online"], 2);
    // A person gives one to somebody who is away: it stays theirs for now.
    let away = UserId::new();
    let conversation = fleet.open(&chat).await;
    let path = format!("/channels/{}", conversation.channel);
    let body = json!({ "assignee_id": away });
    json(
        chat.call(Method::PATCH, &lead, &path, &body),
        StatusCode::OK,
    )
    .await;
    chat.set_owner(&conversation.token, conversation.channel, "queued")
        .await;
    let next = queued(&fleet, &chat).await;
    assert_eq!(assignee(&fleet, &chat, next).await, json!(ada.id));
    let now = channel(&fleet, &chat, conversation.channel).await;
    assert_eq!(now["assignee_id"], json!(away));
}

#[tokio::test]
async fn everybody_says_for_themselves_whether_they_are_there() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let mut ada = Person::online(&fleet, &chat, 2).await;
    let nobody = fleet.person();
    let fresh = json(chat.get(&nobody, "/availability"), StatusCode::OK).await;
    assert_eq!(
        (&fresh["status"], &fresh["capacity"], &fresh["connected"]),
        (&json!("offline"), &json!(5), &json!(false))
    );
    let all = json(
        chat.get(&nobody, "/availabilities?available=true"),
        StatusCode::OK,
    )
    .await;
    let users: Vec<_> = all["items"].as_array().unwrap().iter().collect();
    assert_eq!((users.len(), &users[0]["user_id"]), (1, &json!(ada.id)));
    assert_eq!(users[0]["capacity"], 2);
    let away = ada.says(&chat, "away", 2).await;
    assert_eq!(
        (&away["available"], &away["connected"]),
        (&json!(false), &json!(true))
    );
    let none = json(
        chat.get(&nobody, "/availabilities?status=online"),
        StatusCode::OK,
    )
    .await;
    assert_eq!(none["items"], json!([]));
    // Whoever closes the browser is gone, when no sign of life has come for a minute.
    ada.says(&chat, "online", 2).await;
    drop(ada.socket.take());
    eventually("the socket is gone", async || {
        chat.app.sockets.people().is_empty().then_some(())
    })
    .await;
    sqlx::query("UPDATE chat.availability SET seen_at = seen_at - interval '61 seconds'")
        .execute(&fleet.postgres.pool)
        .await
        .unwrap();
    let gone = json(chat.get(&ada.token, "/availability"), StatusCode::OK).await;
    assert_eq!(
        (&gone["status"], &gone["available"]),
        (&json!("online"), &json!(false))
    );
    let viewer = fleet
        .keys
        .person(fleet.workspace, UserId::new(), Role::Viewer);
    let body = json!({ "status": "online" });
    let refused = chat.call(Method::PUT, &viewer, "/availability", &body);
    problem(refused, StatusCode::FORBIDDEN, "forbidden").await;
    let stranger = fleet
        .keys
        .person(WorkspaceId::new(), UserId::new(), Role::Owner);
    let theirs = json(chat.get(&stranger, "/availabilities"), StatusCode::OK).await;
    assert_eq!(theirs["items"], json!([]));
}
