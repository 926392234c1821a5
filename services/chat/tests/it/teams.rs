//! Teams and their members.

use common::tokens::Role;
use ids::{TeamId, UserId, WorkspaceId};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::{eventually, json, places, problem};

use crate::support::{Fleet, Instance};

async fn create(chat: &Instance, token: &str, name: &str) -> Value {
    let request = chat.post(token, "/teams", &json!({ "name": name }));
    json(request, StatusCode::CREATED).await
}

fn path(team: &Value) -> String {
    format!("/teams/{}", team["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_team_is_made_read_changed_and_deleted() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let person = fleet.person();
    let request = chat.post(&person, "/teams", &json!({ "name": " Sales " }));
    let made = request
        .header("idempotency-key", "k1")
        .send()
        .await
        .unwrap();
    assert_eq!(made.status(), StatusCode::CREATED);
    assert_eq!(made.headers()["etag"], "\"1\"");
    let location = made.headers()["location"].to_str().unwrap().to_owned();
    let team: Value = made.json().await.unwrap();
    assert_eq!(location, format!("/api/v1{}", path(&team)));
    assert_eq!(
        (&team["name"], &team["members"]),
        (&json!("Sales"), &json!([]))
    );
    let again = chat.post(&person, "/teams", &json!({ "name": " Sales " }));
    let again = json(again.header("idempotency-key", "k1"), StatusCode::CREATED).await;
    assert_eq!(again, team);
    assert_eq!(
        json(chat.get(&person, &path(&team)), StatusCode::OK).await,
        team
    );

    let taken = chat.post(&person, "/teams", &json!({ "name": "SALES" }));
    let taken = problem(taken, StatusCode::CONFLICT, "conflict").await;
    assert_eq!(places(&taken), ["/name"]);
    let rename = |etag: &'static str, name: &str| {
        let body = json!({ "name": name });
        chat.call(Method::PATCH, &person, &path(&team), &body)
            .header("if-match", etag)
    };
    assert_eq!(json(rename("\"1\"", "Sales"), StatusCode::OK).await, team);
    let renamed = json(rename("\"1\"", "Support"), StatusCode::OK).await;
    assert_eq!(renamed["name"], "Support");
    let stale = rename("\"1\"", "Shopping");
    problem(
        stale,
        StatusCode::PRECONDITION_FAILED,
        "precondition_failed",
    )
    .await;
    let cleared = chat.call(
        Method::PATCH,
        &person,
        &path(&team),
        &json!({ "name": null }),
    );
    problem(
        cleared,
        StatusCode::UNPROCESSABLE_ENTITY,
        "validation_failed",
    )
    .await;

    let delete = || chat.call(Method::DELETE, &person, &path(&team), &Value::Null);
    assert_eq!(
        delete().send().await.unwrap().status(),
        StatusCode::NO_CONTENT
    );
    problem(delete(), StatusCode::NOT_FOUND, "not_found").await;
    problem(
        chat.get(&person, &path(&team)),
        StatusCode::NOT_FOUND,
        "not_found",
    )
    .await;
    // The name is free again.
    create(&chat, &person, "support").await;
}

#[tokio::test]
async fn members_come_and_go_and_each_change_is_a_version() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let person = fleet.person();
    let team = create(&chat, &person, "Sales").await;
    let mut users = [UserId::new(), UserId::new()];
    users.sort();
    let member = |method: Method, user: UserId| {
        let path = format!("{}/members/{user}", path(&team));
        chat.call(method, &person, &path, &Value::Null)
    };
    for (method, user, expected, version) in [
        (Method::PUT, users[1], vec![users[1]], "\"2\""),
        (Method::PUT, users[1], vec![users[1]], "\"2\""),
        (Method::PUT, users[0], users.to_vec(), "\"3\""),
        (Method::DELETE, users[1], vec![users[0]], "\"4\""),
        (Method::DELETE, users[1], vec![users[0]], "\"4\""),
    ] {
        let answer = member(method, user).send().await.unwrap();
        assert_eq!(answer.headers()["etag"], version);
        let team: Value = answer.json().await.unwrap();
        assert_eq!(team["members"], json!(expected));
    }
    let mine = format!("/teams?member_id={}", users[0]);
    let found = json(chat.get(&person, &mine), StatusCode::OK).await;
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    let not_mine = format!("/teams?member_id={}", users[1]);
    let found = json(chat.get(&person, &not_mine), StatusCode::OK).await;
    assert_eq!(found["items"], json!([]));
}

#[tokio::test]
async fn teams_are_listed_in_pages_filtered_and_in_each_order() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let person = fleet.person();
    for name in ["beta", "Alpha", "delta", "Epsilon", "gamma"] {
        create(&chat, &person, name).await;
    }
    for (sort, expected) in [
        ("name", ["Alpha", "beta", "delta", "Epsilon", "gamma"]),
        ("-name", ["gamma", "Epsilon", "delta", "beta", "Alpha"]),
        ("created_at", ["beta", "Alpha", "delta", "Epsilon", "gamma"]),
        (
            "-created_at",
            ["gamma", "Epsilon", "delta", "Alpha", "beta"],
        ),
    ] {
        let mut names = Vec::new();
        let mut next = String::new();
        loop {
            let path = format!("/teams?limit=2&sort={sort}{next}");
            let page = json(chat.get(&person, &path), StatusCode::OK).await;
            let items = page["items"].as_array().unwrap();
            names.extend(
                items
                    .iter()
                    .map(|team| team["name"].as_str().unwrap().to_owned()),
            );
            let Some(cursor) = page["next_cursor"].as_str() else {
                break;
            };
            next = format!("&cursor={cursor}");
        }
        assert_eq!(names, expected, "{sort}");
        let other = format!("/teams?sort=created_at{next}");
        if sort != "created_at" {
            problem(
                chat.get(&person, &other),
                StatusCode::BAD_REQUEST,
                "invalid_cursor",
            )
            .await;
        }
    }
    let found = json(chat.get(&person, "/teams?q=PHA"), StatusCode::OK).await;
    assert_eq!(found["items"][0]["name"], "Alpha");
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn who_may_not_and_other_workspaces_are_refused() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let team = create(&chat, &fleet.person(), "Sales").await;
    let viewer = fleet
        .keys
        .person(fleet.workspace, UserId::new(), Role::Viewer);
    json(chat.get(&viewer, &path(&team)), StatusCode::OK).await;
    let body = json!({ "name": "Mine" });
    let member = format!("{}/members/{}", path(&team), UserId::new());
    let stranger = fleet
        .keys
        .person(WorkspaceId::new(), UserId::new(), Role::Owner);
    for (method, path, body) in [
        (Method::PATCH, path(&team), body),
        (Method::DELETE, path(&team), Value::Null),
        (Method::PUT, member.clone(), Value::Null),
        (Method::DELETE, member, Value::Null),
    ] {
        let request = chat.call(method.clone(), &viewer, &path, &body);
        problem(request, StatusCode::FORBIDDEN, "forbidden").await;
        let request = chat.call(method, &stranger, &path, &body);
        problem(request, StatusCode::NOT_FOUND, "not_found").await;
    }
    let request = chat.post(&viewer, "/teams", &json!({ "name": "Mine" }));
    problem(request, StatusCode::FORBIDDEN, "forbidden").await;
    let theirs = json(chat.get(&stranger, "/teams"), StatusCode::OK).await;
    assert_eq!(theirs["items"], json!([]));
}

#[tokio::test]
async fn channels_of_a_deleted_team_are_nobodys_in_particular() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let person = fleet.person();
    let team = create(&chat, &person, "Sales").await;
    let conversation = fleet.open(&chat).await;
    let channel = format!("/channels/{}", conversation.channel);
    let assign = |team: &Value| {
        let body = json!({ "team_id": team });
        chat.call(Method::PATCH, &person, &channel, &body)
    };
    let assigned = json(assign(&team["id"]), StatusCode::OK).await;
    assert_eq!(assigned["team_id"], team["id"]);
    let gone = chat.call(Method::DELETE, &person, &path(&team), &Value::Null);
    gone.send().await.unwrap();
    eventually("it is nobody's", async || {
        let now = json(chat.get(&person, &channel), StatusCode::OK).await;
        now["team_id"].is_null().then_some(())
    })
    .await;
    let log = fleet.log(&chat, conversation.channel).await;
    assert_eq!(log.len(), 3, "it was taken from the team once");
    let unknown = json!(TeamId::new());
    let refused = assign(&unknown).send().await.unwrap();
    assert!(refused.status().is_client_error());
}
