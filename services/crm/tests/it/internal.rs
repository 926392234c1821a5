//! What other services ask.

use ids::{VisitorId, WorkspaceId};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use testkit::{json, places, problem};

use crate::support::Crm;

const PATH: &str = "/internal/contacts/by-visitor";

fn ask(crm: &Crm, workspace: WorkspaceId, visitor: VisitorId) -> RequestBuilder {
    let token = crm.keys.service("agent", "crm");
    let body = json!({ "workspace_id": workspace, "visitor_id": visitor });
    crm.server
        .internal_request(Method::PUT, PATH)
        .bearer_auth(token)
        .json(&body)
}

#[tokio::test]
async fn a_visitor_has_one_contact_however_many_ask_at_once() {
    let crm = Crm::start().await;
    let visitor = VisitorId::new();
    let running: Vec<_> = (0..24)
        .map(|_| {
            let request = ask(&crm, crm.workspace, visitor);
            tokio::spawn(async move { json(request, StatusCode::OK).await })
        })
        .collect();
    let mut answers = Vec::new();
    for answer in running {
        answers.push(answer.await.unwrap());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    let contact = &answers[0];
    assert_eq!(contact["visitor_id"], json!(visitor));
    for unknown in ["user_id", "name", "email", "phone", "company"] {
        assert_eq!(contact[unknown], Value::Null, "nobody told a {unknown}");
    }
    assert_eq!(crm.items("/contacts").await, answers);
    assert_eq!(
        json(ask(&crm, crm.workspace, visitor), StatusCode::OK).await,
        *contact
    );
    // The same visitor elsewhere is somebody else.
    let other = json(ask(&crm, WorkspaceId::new(), visitor), StatusCode::OK).await;
    assert_ne!(other["id"], contact["id"]);
    assert_eq!(crm.items("/contacts").await.len(), 1);
}

#[tokio::test]
async fn only_services_may_ask() {
    let crm = Crm::start().await;
    let body = json!({ "workspace_id": crm.workspace, "visitor_id": VisitorId::new() });
    let request = || crm.server.internal_request(Method::PUT, PATH).json(&body);
    problem(request(), StatusCode::UNAUTHORIZED, "unauthenticated").await;
    for token in [crm.token(), crm.keys.service("agent", "chat")] {
        problem(
            request().bearer_auth(token),
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
        )
        .await;
    }
    let token = crm.keys.service("agent", "crm");
    crm.advance(61);
    problem(
        request().bearer_auth(token),
        StatusCode::UNAUTHORIZED,
        "unauthenticated",
    )
    .await;
}

#[tokio::test]
async fn a_question_must_name_its_two_ids() {
    let crm = Crm::start().await;
    let token = crm.keys.service("agent", "crm");
    for (body, pointer) in [
        (json!({ "workspace_id": crm.workspace }), "/visitor_id"),
        (
            json!({ "workspace_id": "x", "visitor_id": VisitorId::new() }),
            "/workspace_id",
        ),
        (
            json!({ "workspace_id": crm.workspace, "visitor_id": VisitorId::new(), "name": "Ada" }),
            "/name",
        ),
    ] {
        let request = crm
            .server
            .internal_request(Method::PUT, PATH)
            .bearer_auth(&token)
            .json(&body);
        let refused = problem(
            request,
            StatusCode::UNPROCESSABLE_ENTITY,
            "validation_failed",
        )
        .await;
        assert_eq!(places(&refused), [pointer], "{body}");
    }
}
