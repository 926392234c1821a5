//! What people are writing is kept for them alone.

use common::tokens::Role;
use ids::{ChannelId, UserId, WorkspaceId};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::{json, problem};

use crate::support::Fleet;

#[tokio::test]
async fn a_draft_follows_its_writer_and_nobody_else_sees_it() {
    let fleet = Fleet::start().await;
    let (here, there) = (fleet.instance().await, fleet.instance().await);
    let conversation = fleet.open(&here).await;
    let path = format!("/channels/{}/draft", conversation.channel);
    let (ada, bob) = (fleet.person(), fleet.person());
    let nothing = json(here.get(&ada, &path), StatusCode::OK).await;
    assert_eq!(
        nothing,
        json!({ "text": "", "kind": "message", "updated_at": null })
    );
    let body = json!({ "text": "Dear Zanzibar,\n", "kind": "note" });
    let kept = json(here.call(Method::PUT, &ada, &path, &body), StatusCode::OK).await;
    assert_eq!(json(there.get(&ada, &path), StatusCode::OK).await, kept);
    assert_eq!(
        (&kept["text"], &kept["kind"]),
        (&body["text"], &body["kind"])
    );
    assert_eq!(json(there.get(&bob, &path), StatusCode::OK).await, nothing);

    let dump: String = sqlx::query_scalar("SELECT string_agg(d::text, '') FROM chat.drafts d")
        .fetch_one(&fleet.postgres.pool)
        .await
        .unwrap();
    assert!(
        !dump.contains("Zanzibar") && !dump.contains("5a616e7a69626172"),
        "{dump}"
    );

    let shorter = json!({ "text": "Dear" });
    json(
        there.call(Method::PUT, &ada, &path, &shorter),
        StatusCode::OK,
    )
    .await;
    let now = json(here.get(&ada, &path), StatusCode::OK).await;
    assert_eq!(
        (&now["text"], &now["kind"]),
        (&json!("Dear"), &json!("message"))
    );
    for last in [Method::DELETE, Method::PUT] {
        json(
            there.call(Method::PUT, &ada, &path, &shorter),
            StatusCode::OK,
        )
        .await;
        let body = if last == Method::PUT {
            json!({ "text": "" })
        } else {
            Value::Null
        };
        let done = here.call(last, &ada, &path, &body).send().await.unwrap();
        assert!(done.status().is_success());
        assert_eq!(json(there.get(&ada, &path), StatusCode::OK).await, nothing);
    }
}

#[tokio::test]
async fn drafts_are_refused_to_those_who_do_not_write_there() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let path = format!("/channels/{}/draft", conversation.channel);
    let viewer = fleet
        .keys
        .person(fleet.workspace, UserId::new(), Role::Viewer);
    problem(chat.get(&viewer, &path), StatusCode::FORBIDDEN, "forbidden").await;
    problem(
        chat.get(&conversation.token, &path),
        StatusCode::FORBIDDEN,
        "forbidden",
    )
    .await;
    let stranger = fleet
        .keys
        .person(WorkspaceId::new(), UserId::new(), Role::Owner);
    problem(
        chat.get(&stranger, &path),
        StatusCode::NOT_FOUND,
        "not_found",
    )
    .await;
    let nowhere = format!("/channels/{}/draft", ChannelId::new());
    problem(
        chat.get(&fleet.person(), &nowhere),
        StatusCode::NOT_FOUND,
        "not_found",
    )
    .await;
    let long = json!({ "text": "x".repeat(10_001) });
    let request = chat.call(Method::PUT, &fleet.person(), &path, &long);
    problem(
        request,
        StatusCode::UNPROCESSABLE_ENTITY,
        "validation_failed",
    )
    .await;
}
