//! Requests that are refused: each with its problem, and each documented.

use common::tokens::Role;
use ids::{AgentId, VisitorId};
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use crate::support::{Instance, World, refused};

#[tokio::test]
async fn every_operation_refuses_who_brings_no_token_or_the_wrong_one() {
    let (world, at) = World::with_instance().await;
    let spec = serde_json::to_value(agent::openapi()).unwrap();
    let visitor = world
        .keys
        .visitor(world.workspace, VisitorId::new(), AgentId::new());
    let http = reqwest::Client::new();
    let mut operations = 0;
    for (path, methods) in spec["paths"].as_object().unwrap() {
        let url = at
            .public
            .join(
                &path
                    .replace("{id}", &AgentId::new().to_string())
                    .replace("{document_id}", &AgentId::new().to_string()),
            )
            .unwrap();
        for (method, operation) in methods.as_object().unwrap() {
            operations += 1;
            let method: Method = method.to_uppercase().parse().unwrap();
            let request = || {
                http.request(method.clone(), url.clone())
                    .json(&json!({ "name": "x", "title": "x", "content": "x" }))
            };
            refused(request(), StatusCode::UNAUTHORIZED, "unauthenticated").await;
            refused(
                request().bearer_auth("nonsense"),
                StatusCode::UNAUTHORIZED,
                "unauthenticated",
            )
            .await;
            if operation["operationId"] != "start_conversation" {
                refused(
                    request().bearer_auth(&visitor),
                    StatusCode::FORBIDDEN,
                    "forbidden",
                )
                .await;
            }
            for status in ["401", "403"] {
                assert!(
                    !operation["responses"][status].is_null(),
                    "{path} {method} {status}"
                );
            }
        }
    }
    assert_eq!(operations, 9);
}

#[tokio::test]
async fn bodies_that_are_not_valid_name_their_fields() {
    let (world, at) = World::with_instance().await;
    let agent = world.create_agent(&at, json!({ "name": "Juniper" })).await;
    let documents = format!("/agents/{}/documents", agent.id);
    let long = "x".repeat(20_001);
    let cases: &[(&str, Value, &[&str])] = &[
        ("/agents", json!({}), &["/name"]),
        ("/agents", json!({ "name": "" }), &["/name"]),
        ("/agents", json!({ "name": "two\nlines" }), &["/name"]),
        ("/agents", json!({ "name": 5 }), &["/name"]),
        (
            "/agents",
            json!({ "name": "x", "admin": true }),
            &["/admin"],
        ),
        (
            "/agents",
            json!({ "name": "x", "language": "klingon!", "system_prompt": long }),
            &["/language", "/system_prompt"],
        ),
        (&documents, json!({ "title": "x" }), &["/content"]),
        (
            &documents,
            json!({ "title": "x", "content": " \n " }),
            &["/content"],
        ),
        (
            &documents,
            json!({ "title": "x", "content": "a\u{0}b" }),
            &["/content"],
        ),
        (
            &documents,
            json!({ "title": "x", "content": "y", "url": "javascript:alert(1)" }),
            &["/url"],
        ),
        (
            &documents,
            json!({ "title": "x", "content": "ä".repeat(400_001) }),
            &["/content"],
        ),
    ];
    for (path, body, pointers) in cases {
        let problem = refused(
            world.post(&at, path, body),
            StatusCode::UNPROCESSABLE_ENTITY,
            "validation_failed",
        )
        .await;
        let named: Vec<_> = problem
            .errors
            .iter()
            .filter_map(|error| error.pointer.as_deref())
            .collect();
        assert_eq!(&named, pointers, "{body:.80}");
    }
    let start = world.post(
        &at,
        &format!("/agents/{}/start", agent.id),
        &json!({ "visitor_id": VisitorId::new() }),
    );
    refused(start, StatusCode::UNPROCESSABLE_ENTITY, "validation_failed").await;
    let patch = world.patch(
        &at,
        &format!("/agents/{}", agent.id),
        &json!({ "name": null }),
    );
    refused(patch, StatusCode::UNPROCESSABLE_ENTITY, "validation_failed").await;
}

#[tokio::test]
async fn requests_that_are_not_well_formed_are_told_apart() {
    let (world, at) = World::with_instance().await;
    let agent = world.create_agent(&at, json!({ "name": "Juniper" })).await;
    let post = |path: &str| world.request(&at, Method::POST, path);
    let json = |path: &str, body: String| {
        post(path)
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
    };
    refused(
        json("/agents", "{".to_owned()),
        StatusCode::BAD_REQUEST,
        "invalid_json",
    )
    .await;
    refused(
        post("/agents").body("name=x"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
    )
    .await;
    let large = |size: usize| format!("{{\"title\":\"x\",\"content\":\"{}\"}}", "x".repeat(size));
    refused(
        json("/agents", large(1 << 20)),
        StatusCode::PAYLOAD_TOO_LARGE,
        "payload_too_large",
    )
    .await;
    let documents = format!("/agents/{}/documents", agent.id);
    assert_eq!(
        announced(&world, &at, (&documents, 5 << 20)).await,
        "HTTP/1.1 413 Payload Too Large"
    );
    let whole = json(
        &documents,
        format!(
            "{{\"title\":\"x\",\"content\":\"{}\"}}",
            "é ".repeat(199_999)
        ),
    );
    assert_eq!(
        whole.send().await.unwrap().status(),
        StatusCode::CREATED,
        "the longest document passes"
    );

    for query in [
        "?limit=0",
        "?limit=101",
        "?sort=size",
        "?nmae=x",
        "?name=",
        "?cursor=x",
    ] {
        let expected = if query == "?cursor=x" {
            "invalid_cursor"
        } else {
            "invalid_query"
        };
        refused(
            world.get(&at, &format!("/agents{query}")),
            StatusCode::BAD_REQUEST,
            expected,
        )
        .await;
    }
    refused(
        world.get(&at, &format!("{documents}?status=lost")),
        StatusCode::BAD_REQUEST,
        "invalid_query",
    )
    .await;
    refused(
        world.get(&at, "/agents/not-an-id"),
        StatusCode::NOT_FOUND,
        "not_found",
    )
    .await;
    refused(
        world.get(&at, "/nowhere"),
        StatusCode::NOT_FOUND,
        "not_found",
    )
    .await;
    refused(
        world.request(&at, Method::PUT, "/agents"),
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
    )
    .await;
    let key = post("/agents")
        .json(&json!({ "name": "x" }))
        .header("Idempotency-Key", "");
    refused(key, StatusCode::BAD_REQUEST, "invalid_header").await;
    let tag = world
        .patch(&at, &format!("/agents/{}", agent.id), &json!({}))
        .header(header::IF_MATCH, "2");
    refused(tag, StatusCode::BAD_REQUEST, "invalid_header").await;
}

/// The status line for a `POST` of so many bytes, none of which is sent: whoever sends a large body may
/// lose the answer, because the server does not wait for the end of it.
async fn announced(world: &World, at: &Instance, (path, size): (&str, usize)) -> String {
    let token = world.keys.person(world.workspace, world.user, Role::Owner);
    let address = at.public.socket_addrs(|| None).unwrap()[0];
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {size}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).await.unwrap();
    line.trim_end().to_owned()
}
