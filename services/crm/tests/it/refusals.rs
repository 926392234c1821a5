//! Who may not, and what is no proper request.

use common::tokens::{Claims, Role};
use ids::{AgentId, UserId, VisitorId, WorkspaceId};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use testkit::{json, places, problem};

use crate::support::Crm;

/// Every operation of the document, as a request with a real id.
fn operations(crm: &Crm, contact: &str) -> Vec<RequestBuilder> {
    let document = serde_json::to_value(crm::openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let mut requests = Vec::new();
    for (path, item) in paths {
        for method in item.as_object().unwrap().keys() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let request = crm
                .server
                .request(method.clone(), &path.replace("{id}", contact));
            requests.push(if method == Method::GET {
                request
            } else {
                request.json(&json!({ "name": "Eve" }))
            });
        }
    }
    assert_eq!(
        requests.len(),
        5,
        "a new operation is held against these rules as well"
    );
    requests
}

#[tokio::test]
async fn nothing_answers_without_a_good_token() {
    let crm = Crm::start().await;
    let contact = crm.create(json!({ "name": "Ada" })).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let claims = || crm.keys.person_claims(crm.workspace, crm.user, Role::Owner);
    let forged = crm
        .keys
        .sign(&claims())
        .rsplit_once('.')
        .unwrap()
        .0
        .to_owned()
        + ".c2lnbmF0dXJl";
    let foreign = crm.keys.sign(&Claims {
        iss: "somebody".to_owned(),
        ..claims()
    });
    let expired = crm.keys.sign(&Claims {
        exp: crm.clock.now().timestamp() - 1,
        ..claims()
    });
    let service = crm.keys.service("agent", "crm");
    for request in operations(&crm, &contact) {
        let with = |token: &str| request.try_clone().unwrap().bearer_auth(token);
        problem(
            request.try_clone().unwrap(),
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
        )
        .await;
        for token in [
            "",
            "x.y.z",
            forged.as_str(),
            foreign.as_str(),
            service.as_str(),
        ] {
            problem(with(token), StatusCode::UNAUTHORIZED, "unauthenticated").await;
        }
        problem(with(&expired), StatusCode::UNAUTHORIZED, "token_expired").await;
        let visitor = crm
            .keys
            .visitor(crm.workspace, VisitorId::new(), AgentId::new());
        problem(with(&visitor), StatusCode::FORBIDDEN, "forbidden").await;
    }
    let left = json(crm.get(&format!("/contacts/{contact}")), StatusCode::OK).await;
    assert_eq!(left["name"], "Ada");
}

#[tokio::test]
async fn another_workspace_sees_and_changes_nothing() {
    let crm = Crm::start().await;
    let contact = crm.create(json!({ "name": "Ada" })).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let other = crm.token_of(WorkspaceId::new(), Role::Owner);
    let path = format!("/contacts/{contact}");
    let there = |method, path: &str| crm.server.request(method, path).bearer_auth(&other);
    problem(
        there(Method::GET, &path),
        StatusCode::NOT_FOUND,
        "not_found",
    )
    .await;
    let patch = there(Method::PATCH, &path).json(&json!({ "name": "Eve" }));
    problem(patch, StatusCode::NOT_FOUND, "not_found").await;
    problem(
        there(Method::GET, &format!("{path}/interactions")),
        StatusCode::NOT_FOUND,
        "not_found",
    )
    .await;
    let list = json(there(Method::GET, "/contacts?q=ada"), StatusCode::OK).await;
    assert_eq!(list, json!({ "items": [], "next_cursor": null }));
    assert_eq!(json(crm.get(&path), StatusCode::OK).await["name"], "Ada");
}

#[tokio::test]
async fn roles_that_only_read_do_not_write() {
    let crm = Crm::start().await;
    let contact = crm.create(json!({ "name": "Ada" })).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let viewer = crm.token_of(crm.workspace, Role::Viewer);
    for request in operations(&crm, &contact) {
        let request = request.bearer_auth(&viewer).build().unwrap();
        let (method, url) = (request.method().clone(), request.url().clone());
        let request = RequestBuilder::from_parts(reqwest::Client::new(), request);
        if method == Method::GET {
            json(request, StatusCode::OK).await;
        } else {
            let refused = problem(request, StatusCode::FORBIDDEN, "forbidden").await;
            let detail = refused["detail"].as_str().unwrap();
            assert!(
                detail.contains("contacts:write"),
                "{method} {url}: {detail}"
            );
        }
    }
    // A token for something else does not even read, nor one that waits for a second factor.
    for (scope, code) in [
        ("analytics:read", "forbidden"),
        ("", "second_factor_setup_required"),
    ] {
        let claims = Claims {
            scope: scope.to_owned(),
            ..crm
                .keys
                .person_claims(crm.workspace, UserId::new(), Role::Agent)
        };
        let token = crm.keys.sign(&claims);
        for request in operations(&crm, &contact) {
            problem(request.bearer_auth(&token), StatusCode::FORBIDDEN, code).await;
        }
    }
}

#[tokio::test]
async fn what_is_no_proper_request_is_refused_as_a_problem() {
    let crm = Crm::start().await;
    let raw = |media_type: &'static str, body: &'static str| {
        crm.request(Method::POST, "/contacts")
            .header("content-type", media_type)
            .body(body)
    };
    for text in [
        "",
        "{",
        "nul",
        "{\"name\":\"Ada\"} more",
        "{\"name\":\"A\u{1}",
    ] {
        problem(
            raw("application/json", text),
            StatusCode::BAD_REQUEST,
            "invalid_json",
        )
        .await;
    }
    for media_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
    ] {
        let request = raw(media_type, "{\"name\":\"Ada\"}");
        problem(
            request,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
        )
        .await;
    }
    json(
        raw("application/json; charset=utf-8", "{\"name\":\"Ada\"}"),
        StatusCode::CREATED,
    )
    .await;
    let large = json!({ "name": "x".repeat(2 << 20) });
    problem(
        crm.post("/contacts", &large),
        StatusCode::PAYLOAD_TOO_LARGE,
        "payload_too_large",
    )
    .await;
    let wrong = crm
        .request(Method::DELETE, "/contacts")
        .send()
        .await
        .unwrap();
    assert_eq!(
        wrong.headers()["allow"]
            .to_str()
            .unwrap()
            .matches("POST")
            .count(),
        1
    );
    problem(
        crm.request(Method::DELETE, "/contacts"),
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
    )
    .await;
    problem(crm.get("/contact"), StatusCode::NOT_FOUND, "not_found").await;
    // What is internal is not served to the gateway.
    for path in [
        "/internal/contacts/by-visitor",
        "/metrics",
        "/livez",
        "/readyz",
    ] {
        problem(crm.get(path), StatusCode::NOT_FOUND, "not_found").await;
    }
}

#[tokio::test]
async fn query_parameters_that_do_not_fit_are_named() {
    let crm = Crm::start().await;
    let long = "x".repeat(321);
    let path = format!("/contacts?email={long}");
    for (path, parameter) in [
        ("/contacts?limit=0", "limit"),
        ("/contacts?limit=101", "limit"),
        ("/contacts?limit=ten", "limit"),
        ("/contacts?sort=email", "sort"),
        ("/contacts?sort=", "sort"),
        ("/contacts?page=2", "page"),
        ("/contacts?q=", "q"),
        ("/contacts?q=%00", "q"),
        ("/contacts?q=a%0Ab", "q"),
        (path.as_str(), "email"),
        ("/contacts?tag=%20", "tag"),
        ("/contacts?min_lead_score=101", "min_lead_score"),
        ("/contacts?min_lead_score=-1", "min_lead_score"),
        ("/contacts?min_lead_score=many", "min_lead_score"),
        ("/contacts?created_after=yesterday", "created_after"),
        (
            "/contacts?created_before=%2B262142-01-01T00:00:00Z",
            "created_before",
        ),
    ] {
        let refused = problem(crm.get(path), StatusCode::BAD_REQUEST, "invalid_query").await;
        let named = places(&refused);
        assert!(
            named.iter().all(|name| *name == parameter) && !named.is_empty(),
            "{path}: {named:?}"
        );
    }
    let contact = crm.create(json!({ "name": "Ada" })).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let interactions = format!("/contacts/{contact}/interactions");
    problem(
        crm.get(&format!("{interactions}?limit=0")),
        StatusCode::BAD_REQUEST,
        "invalid_query",
    )
    .await;
    for list in ["/contacts", &interactions] {
        for cursor in ["", "garbage", "e30", "bnVsbA"] {
            let refused = problem(
                crm.get(&format!("{list}?cursor={cursor}")),
                StatusCode::BAD_REQUEST,
                "invalid_cursor",
            );
            assert_eq!(places(&refused.await), ["cursor"]);
        }
    }
}

#[tokio::test]
async fn headers_that_do_not_fit_are_named() {
    let crm = Crm::start().await;
    let contact = crm.create(json!({ "name": "Ada" })).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let patch = crm.patch(&format!("/contacts/{contact}"), &json!({ "name": "Eve" }));
    for tag in ["1", "\"1", "W/\"1\"", ""] {
        let request = patch.try_clone().unwrap().header("if-match", tag);
        let refused = problem(request, StatusCode::BAD_REQUEST, "invalid_header").await;
        assert_eq!(places(&refused), ["If-Match"], "{tag}");
    }
    let long = "k".repeat(256);
    for key in ["", " ", long.as_str()] {
        let request = crm
            .post("/contacts", &json!({ "name": "Eve" }))
            .header("idempotency-key", key);
        let refused = problem(request, StatusCode::BAD_REQUEST, "invalid_header").await;
        assert_eq!(places(&refused), ["Idempotency-Key"], "{key:?}");
    }
    let items: Vec<Value> = crm.items("/contacts").await;
    assert_eq!((items.len(), &items[0]["name"]), (1, &json!("Ada")));
}
