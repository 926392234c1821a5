//! Visitors say who they are.

use chat_api::ChatClient;
use ids::{VisitorId, WorkspaceId};
use reqwest::{Method, StatusCode};
use rest::ServiceClient;
use serde_json::{Value, json};
use testkit::{json, places, problem};

use crate::support::{Conversation, Fleet, Instance, answer};

async fn say(chat: &Instance, visitor: &Conversation, body: &Value) -> (StatusCode, Value) {
    answer(chat.call(Method::PUT, &visitor.token, "/introduction", body)).await
}

/// The CRM's way to an instance.
fn crm(fleet: &Fleet, chat: &Instance) -> ChatClient {
    let signer = fleet.keys.signer("crm");
    let client = ServiceClient::new("chat", chat.server.internal.clone(), signer);
    ChatClient::new(client.unwrap())
}

/// The events that wait for the broker.
async fn events(fleet: &Fleet) -> Vec<Value> {
    sqlx::query_scalar("SELECT event FROM chat.outbox ORDER BY id")
        .fetch_all(&fleet.postgres.pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn what_a_visitor_says_is_kept_told_and_fetched() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let visitor = fleet.open(&chat).await;
    let body = json!({ "name": " Ada Lovelace ", "email": "ada@example.com",
                       "custom": [{ "label": "Order", "value": "4711" }] });
    let (status, said) = say(&chat, &visitor, &body).await;
    assert_eq!(status, StatusCode::OK, "{said}");
    assert_eq!(
        (&said["name"], &said["version"]),
        (&json!("Ada Lovelace"), &json!(1))
    );
    assert_eq!(
        say(&chat, &visitor, &body).await.1,
        said,
        "the same is nothing new"
    );
    let phone = json!({ "name": "Ada Lovelace", "phone": "+44 20 7946 0958" });
    assert_eq!(say(&chat, &visitor, &phone).await.1["version"], 2);

    let crm = crm(&fleet, &chat);
    let found = crm.introduction(fleet.workspace, visitor.visitor).await;
    let found = found.unwrap().unwrap();
    assert_eq!(found.version, 2);
    assert_eq!(found.phone.unwrap().expose(), "+44 20 7946 0958");
    assert_eq!(
        (found.email, found.custom.len()),
        (None, 0),
        "it replaces what was said before"
    );
    for (workspace, who) in [
        (WorkspaceId::new(), visitor.visitor),
        (fleet.workspace, VisitorId::new()),
    ] {
        assert!(crm.introduction(workspace, who).await.unwrap().is_none());
    }

    // Nobody reads it in the tables, and events carry ids only.
    let events = events(&fleet).await;
    assert_eq!(events.len(), 2);
    assert_eq!(events[1]["type"], "chat.visitor.introduced.v1");
    assert_eq!(events[1]["data"]["version"], 2);
    let dump: String = sqlx::query_scalar(
        "SELECT coalesce(string_agg(i::text, ''), '') || (SELECT string_agg(o::text, '') FROM chat.outbox o)
         FROM chat.introductions i",
    )
    .fetch_one(&fleet.postgres.pool)
    .await
    .unwrap();
    assert!(!dump.contains("Ada") && !dump.contains("7946"), "{dump}");
}

#[tokio::test]
async fn each_fault_is_named_and_only_the_crm_may_ask() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let visitor = fleet.open(&chat).await;
    let custom: Vec<_> = (0..21)
        .map(|n| json!({ "label": format!("field {n}"), "value": "x" }))
        .collect();
    let wrong = json!({ "name": "", "email": "nobody", "phone": "call me", "custom": custom });
    let request = chat.call(Method::PUT, &visitor.token, "/introduction", &wrong);
    let told = problem(
        request,
        StatusCode::UNPROCESSABLE_ENTITY,
        "validation_failed",
    )
    .await;
    assert_eq!(places(&told), ["/name", "/email", "/phone", "/custom"]);
    say(&chat, &visitor, &json!({ "name": "Ada" })).await;
    let path = format!(
        "/internal/visitors/{}/introduction?workspace_id={}",
        visitor.visitor, fleet.workspace
    );
    let ask = |token: String| {
        let request = chat.server.internal_request(Method::GET, &path);
        request.bearer_auth(token)
    };
    json(ask(fleet.keys.service("crm", "chat")), StatusCode::OK).await;
    let agent = ask(fleet.keys.service("agent", "chat"));
    problem(agent, StatusCode::FORBIDDEN, "forbidden").await;
    let person = ask(fleet.person());
    problem(person, StatusCode::UNAUTHORIZED, "unauthenticated").await;
}
