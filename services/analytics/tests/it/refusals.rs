//! Who may not, and what is no proper request.

use common::tokens::{Claims, Role};
use ids::{AgentId, UserId, VisitorId, WorkspaceId};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::json;
use testkit::{json, places, problem};

use crate::support::{Analytics, Conversation};

/// Every operation of the document.
fn operations(analytics: &Analytics) -> Vec<RequestBuilder> {
    let document = serde_json::to_value(analytics::openapi()).unwrap();
    let mut requests = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        assert_eq!(
            item.as_object().unwrap().keys().collect::<Vec<_>>(),
            ["get"],
            "{path}"
        );
        requests.push(
            analytics
                .server
                .get(&path.replace("{type}", "conversations")),
        );
    }
    assert_eq!(
        requests.len(),
        2,
        "a new operation is held against these rules as well"
    );
    requests
}

#[tokio::test]
async fn nothing_answers_without_a_good_token_and_the_permission() {
    let analytics = Analytics::start().await;
    let claims = |role| {
        analytics
            .keys
            .person_claims(analytics.workspace, UserId::new(), role)
    };
    let foreign = analytics.keys.sign(&Claims {
        iss: "somebody".to_owned(),
        ..claims(Role::Owner)
    });
    let expired = analytics.keys.sign(&Claims {
        exp: analytics.clock.now().timestamp(),
        ..claims(Role::Owner)
    });
    let unable = analytics.keys.sign(&Claims {
        scope: "contacts:read".to_owned(),
        ..claims(Role::Agent)
    });
    let visitor = analytics
        .keys
        .visitor(analytics.workspace, VisitorId::new(), AgentId::new());
    let service = analytics.keys.service("agent", "analytics");
    for request in operations(&analytics) {
        let with = |token: &str| request.try_clone().unwrap().bearer_auth(token);
        problem(
            request.try_clone().unwrap(),
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
        )
        .await;
        for token in ["x.y.z", foreign.as_str(), service.as_str()] {
            problem(with(token), StatusCode::UNAUTHORIZED, "unauthenticated").await;
        }
        problem(with(&expired), StatusCode::UNAUTHORIZED, "token_expired").await;
        problem(with(&visitor), StatusCode::FORBIDDEN, "forbidden").await;
        let refused = problem(with(&unable), StatusCode::FORBIDDEN, "forbidden").await;
        assert!(
            refused["detail"]
                .as_str()
                .unwrap()
                .contains("analytics:read")
        );
        json(with(&analytics.token()), StatusCode::OK).await;
    }
}

#[tokio::test]
async fn another_workspace_sees_nothing() {
    let analytics = Analytics::start().await;
    let talk = Conversation::new(analytics.workspace);
    analytics.hear(&talk.opened()).await;
    analytics.hear(&talk.ended()).await;
    let other = analytics
        .keys
        .person(WorkspaceId::new(), UserId::new(), Role::Owner);
    let there = |path: &str| analytics.server.get(path).bearer_auth(&other);
    let metrics = json(there("/metrics"), StatusCode::OK).await;
    assert_eq!(metrics, json!({ "items": [], "next_cursor": null }));
    let report = json(there("/reports/conversations"), StatusCode::OK).await;
    assert_eq!(
        (&report["totals"]["started"], &report["rows"]),
        (&json!(0), &json!([]))
    );
    let own = json(analytics.get("/reports/conversations"), StatusCode::OK).await;
    assert_eq!(
        (&own["totals"]["started"], &own["totals"]["ended"]),
        (&json!(1), &json!(1))
    );
}

#[tokio::test]
async fn an_unknown_report_is_not_found_and_the_answer_says_which_there_are() {
    let analytics = Analytics::start().await;
    for name in ["revenue", "Conversations", "conversations%00", "%20"] {
        let refused = problem(
            analytics.get(&format!("/reports/{name}")),
            StatusCode::NOT_FOUND,
            "not_found",
        )
        .await;
        assert!(
            refused["detail"]
                .as_str()
                .unwrap()
                .contains("conversations"),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn query_parameters_that_do_not_fit_are_named() {
    let analytics = Analytics::start().await;
    for (path, parameter) in [
        ("/metrics?limit=0", "limit"),
        ("/metrics?limit=x", "limit"),
        ("/metrics?metric_type=happiness", "metric_type"),
        ("/metrics?type=message_sent", "type"),
        ("/metrics?from=today", "from"),
        ("/metrics?to=2026-11-23", "to"),
        (
            "/metrics?from=2026-11-23T10:00:00Z&to=2026-11-23T10:00:00Z",
            "from",
        ),
        (
            "/metrics?from=2026-11-23T10:00:00Z&to=2026-11-22T10:00:00Z",
            "from",
        ),
        ("/reports/conversations?interval=week", "interval"),
        ("/reports/conversations?limit=5", "limit"),
        ("/reports/conversations?from=1", "from"),
        ("/reports/conversations?to=%2B262142-01-01T00:00:00Z", "to"),
        (
            "/reports/conversations?from=2026-11-23T10:00:00Z&to=2026-11-23T10:00:00Z",
            "from",
        ),
        ("/reports/conversations?from=2026-11-23T10:00:05Z", "from"),
        (
            "/reports/conversations?from=2025-01-01T00:00:00Z&to=2026-01-02T00:00:01Z",
            "from",
        ),
    ] {
        let refused = problem(
            analytics.get(path),
            StatusCode::BAD_REQUEST,
            "invalid_query",
        )
        .await;
        assert_eq!(places(&refused), [parameter], "{path}");
    }
    for path in [
        "/reports/conversations?from=2025-01-01T00:00:00Z&to=2026-01-02T00:00:00Z",
        "/reports/conversations?to=0000-01-01T00:00:00Z",
        "/metrics?from=0000-01-01T00:00:00Z&to=9999-12-31T23:59:59Z",
    ] {
        json(analytics.get(path), StatusCode::OK).await;
    }
    for cursor in ["", "garbage", "e30"] {
        let request = analytics.get(&format!("/metrics?cursor={cursor}"));
        let refused = problem(request, StatusCode::BAD_REQUEST, "invalid_cursor").await;
        assert_eq!(places(&refused), ["cursor"]);
    }
}

#[tokio::test]
async fn what_is_not_served_is_refused_as_a_problem() {
    let analytics = Analytics::start().await;
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        for path in ["/metrics", "/reports/conversations"] {
            let request = analytics
                .server
                .request(method.clone(), path)
                .bearer_auth(analytics.token());
            problem(
                request,
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
            )
            .await;
        }
    }
    for path in ["/reports", "/reports/", "/metric", "/livez"] {
        problem(analytics.get(path), StatusCode::NOT_FOUND, "not_found").await;
    }
}
