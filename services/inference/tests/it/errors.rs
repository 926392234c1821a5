//! Every refusal has OpenAI's shape and the right status.

use std::time::Duration;

use reqwest::{Method, header};
use serde_json::{Value, json};

use crate::support::{Server, app, block, limits, read, with_key, work};

fn assert_error(answer: (u16, Value), status: u16, code: Value, param: Value) {
    let (found, body) = answer;
    assert_eq!(found, status, "{body}");
    let error = &body["error"];
    assert_eq!((&error["code"], &error["param"]), (&code, &param), "{body}");
    assert!(
        error["message"].as_str().is_some_and(|m| !m.is_empty()),
        "{body}"
    );
    assert!(error["type"].is_string(), "{body}");
}

#[tokio::test]
async fn bodies_that_are_not_what_they_should_be() {
    let server = Server::start(app()).await;
    let chat = "/v1/chat/completions";
    let embeddings = "/v1/embeddings";
    let message = json!([{"role": "user", "content": "a"}]);
    for (path, body, code, param) in [
        (
            embeddings,
            json!({"model": "gpt-4", "input": "a"}),
            json!("model_not_found"),
            json!("model"),
        ),
        (
            embeddings,
            json!({"model": "syntera-extractive", "input": "a"}),
            json!("model_not_found"),
            json!("model"),
        ),
        (
            chat,
            json!({"model": "all-minilm-l6-v2", "messages": message}),
            json!("model_not_found"),
            json!("model"),
        ),
    ] {
        assert_error(server.post(path, body).await, 404, code, param);
    }
    let minilm = "all-minilm-l6-v2";
    let extractive = "syntera-extractive";
    let broken = "<source id=\"1\">never closed";
    for (path, body, param) in [
        (
            embeddings,
            json!({"model": minilm, "input": ""}),
            json!("input[0]"),
        ),
        (
            embeddings,
            json!({"model": minilm, "input": [1, 2]}),
            json!("input"),
        ),
        (
            embeddings,
            json!({"model": minilm, "input": "a", "dimensions": 5}),
            json!("dimensions"),
        ),
        (
            embeddings,
            json!({"model": minilm, "input": "a", "encoding_format": "hex"}),
            json!("encoding_format"),
        ),
        (embeddings, json!({"model": minilm}), Value::Null),
        (
            chat,
            json!({"model": extractive, "messages": [{"role": "user", "content": 5}]}),
            json!("messages[0].content"),
        ),
        (
            chat,
            json!({"model": extractive, "messages": [{"role": "boss", "content": ""}]}),
            json!("messages[0].role"),
        ),
        (
            chat,
            json!({"model": extractive, "messages": []}),
            json!("messages"),
        ),
        (
            chat,
            json!({"model": extractive, "messages": message, "n": 3}),
            json!("n"),
        ),
        (
            chat,
            json!({"model": extractive, "messages": [{"role": "system", "content": broken}]}),
            json!("messages"),
        ),
    ] {
        assert_error(server.post(path, body).await, 400, Value::Null, param);
    }
    let system = block("1", "", &"Long. ".repeat(20_000));
    let body = json!({"model": extractive, "messages": [
        {"role": "system", "content": system}, {"role": "user", "content": "a"},
    ]});
    let long = server.post(chat, body).await;
    assert_error(
        long,
        400,
        json!("context_length_exceeded"),
        json!("messages"),
    );
}

#[tokio::test]
async fn malformed_json_other_media_types_and_large_bodies() {
    let server = Server::start(app()).await;
    let post = || server.request(Method::POST, "/v1/embeddings");
    let json = "application/json";
    for malformed in ["", "{model", "{\"model\": "] {
        let request = post().header(header::CONTENT_TYPE, json).body(malformed);
        assert_error(read(request).await, 400, Value::Null, Value::Null);
    }
    let trailing = "{\"model\":\"all-minilm-l6-v2\",\"input\":\"a\"} {}";
    let trailing = post().header(header::CONTENT_TYPE, json).body(trailing);
    assert_error(read(trailing).await, 400, Value::Null, Value::Null);
    let text = post().header(header::CONTENT_TYPE, "text/plain").body("{}");
    assert_error(read(text).await, 415, Value::Null, Value::Null);
    let large = post()
        .header(header::CONTENT_TYPE, json)
        .body(" ".repeat(inference::body::LIMIT + 1));
    assert_error(read(large).await, 413, Value::Null, Value::Null);
}

#[tokio::test]
async fn unknown_paths_and_methods() {
    let server = Server::start(app()).await;
    for path in ["/v1", "/v1/completions", "/v1/audio/speech"] {
        assert_error(server.get(path).await, 404, Value::Null, Value::Null);
    }
    assert_error(
        server.get("/v1/embeddings").await,
        405,
        Value::Null,
        Value::Null,
    );
    let missing = server.get("/v1/models/gpt-4").await;
    assert_error(missing, 404, json!("model_not_found"), json!("model"));
    // Outside the protocol the house's own shape holds.
    let (status, problem) = server.get("/elsewhere").await;
    assert_eq!((status, &problem["status"]), (404, &json!(404)));
}

#[tokio::test]
async fn the_key_is_asked_for_where_one_is_set() {
    let mut server = Server::start(with_key(app(), "sk-right")).await;
    for key in [None, Some("sk-wrong"), Some("sk-right-and-more"), Some("")] {
        server.key = key;
        let answer = server.get("/v1/models").await;
        assert_error(answer, 401, json!("invalid_api_key"), Value::Null);
        let answer = server.get("/v1/unknown").await;
        assert_error(answer, 401, json!("invalid_api_key"), Value::Null);
    }
    server.key = Some("sk-right");
    let (status, models) = server.get("/v1/models").await;
    assert_eq!(status, 200);
    let ids: Vec<_> = models["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["id"].clone())
        .collect();
    assert_eq!(ids, ["all-minilm-l6-v2", "syntera-extractive"]);
    let (_, model) = server.get("/v1/models/syntera-extractive").await;
    assert_eq!(model["capabilities"]["generates"], json!(false));
    assert!(
        model["description"]
            .as_str()
            .unwrap()
            .contains("does not converse")
    );
}

#[tokio::test]
async fn a_full_queue_says_when_to_come_back_and_recovers() {
    let mut small = limits();
    small.requests = 1.try_into().unwrap();
    let mut app = app();
    app.work = work(small);
    let place = app.work.enter().unwrap();
    let server = Server::start(app).await;
    let body = json!({"model": "all-minilm-l6-v2", "input": "a"});
    let response = server
        .request(Method::POST, "/v1/embeddings")
        .json(&body)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "1");
    let error: Value = response.json().await.unwrap();
    assert_eq!(error["error"]["code"], "rate_limit_exceeded");
    let chat =
        json!({"model": "syntera-extractive", "messages": [{"role": "user", "content": "a"}]});
    assert_eq!(server.post("/v1/chat/completions", chat).await.0, 429);
    drop(place);
    assert_eq!(server.post("/v1/embeddings", body).await.0, 200);
}

#[tokio::test]
async fn what_takes_too_long_is_given_up_and_leaves_the_queue_free() {
    let mut app = app();
    app.deadline = Duration::ZERO;
    let mut small = limits();
    small.requests = 1.try_into().unwrap();
    app.work = work(small);
    let server = Server::start(app).await;
    // Long enough that no machine is done before it looks at the clock.
    let text = "some text ".repeat(60);
    let body = json!({"model": "all-minilm-l6-v2", "input": vec![text; 200]});
    for _ in 0..2 {
        let late = server.post("/v1/embeddings", body.clone()).await;
        assert_error(late, 503, json!("deadline_exceeded"), Value::Null);
    }
}
