//! The server.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::State as Extract,
    response::{IntoResponse, Response},
    routing::post,
};
use futures::{Stream, StreamExt, stream};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;
use tokio::{net::TcpListener, task::JoinHandle};
use url::Url;

use super::{
    CHAT_MODEL, EMBEDDING_MODEL, KEY, Script, Seen, State, Step, embed,
    rules::{ChatBody, EmbeddingBody},
};

type Shared = Arc<Mutex<State>>;

pub(super) async fn start(state: Shared) -> (Url, JoinHandle<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("it listens");
    let router = Router::new()
        .route("/v1/chat/completions", post(chat))
        .route("/v1/embeddings", post(embeddings))
        .with_state(state);
    let server = tokio::spawn(async move {
        // It ends with the task.
        let _ = axum::serve(listener, router).await;
    });
    (
        Url::parse(&format!("http://{address}/v1")).expect("an address is a host"),
        server,
    )
}

async fn chat(Extract(state): Extract<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(refusal) = refuse(&state, &headers) {
        return refusal;
    }
    let checked = serde_json::from_slice::<ChatBody>(&body)
        .map_err(|error| error.to_string())
        .and_then(|body| {
            if body.model == CHAT_MODEL {
                body.check()
            } else {
                Err(format!("model {}", body.model))
            }
        });
    let messages = match checked {
        Ok(messages) => messages,
        Err(why) => return violation(&state, why),
    };
    let traceparent = headers
        .get("traceparent")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let seen = Seen {
        messages,
        traceparent,
    };
    let (script, otherwise) = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.seen.push(seen.clone());
        (state.scripts.pop_front(), state.otherwise.clone())
    };
    match script.or_else(|| otherwise.map(|answer| answer(&seen))) {
        Some(script) => answer(script),
        None => violation(&state, "a request that no script expects".to_owned()),
    }
}

async fn embeddings(Extract(state): Extract<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(refusal) = refuse(&state, &headers) {
        return refusal;
    }
    let checked = serde_json::from_slice::<EmbeddingBody>(&body)
        .map_err(|error| error.to_string())
        .and_then(|body| body.check().map(|()| body))
        .and_then(|body| {
            if body.model == EMBEDDING_MODEL {
                Ok(body)
            } else {
                Err(format!("model {}", body.model))
            }
        });
    let body = match checked {
        Ok(body) => body,
        Err(why) => return violation(&state, why),
    };
    let down = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.embedding_requests += 1;
        if state.embeddings.is_none() {
            state.embedded += body.input.len();
        }
        state.embeddings.clone()
    };
    if let Some(script) = down {
        return answer(script);
    }
    let data: Vec<_> = body
        .input
        .iter()
        .enumerate()
        .map(|(index, text)| json!({ "object": "embedding", "index": index, "embedding": embed(text) }))
        .collect();
    let tokens: usize = body
        .input
        .iter()
        .map(|text| text.split_whitespace().count())
        .sum();
    Json(json!({
        "object": "list", "model": body.model, "data": data,
        "usage": { "prompt_tokens": tokens, "total_tokens": tokens },
    }))
    .into_response()
}

fn refuse(state: &Shared, headers: &HeaderMap) -> Option<Response> {
    let key = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    if key != Some(&format!("Bearer {KEY}")) {
        return Some(failure(StatusCode::UNAUTHORIZED, "invalid_api_key"));
    }
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    (kind != Some("application/json")).then(|| violation(state, format!("content type {kind:?}")))
}

fn violation(state: &Shared, why: String) -> Response {
    state
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .violations
        .push(why);
    failure(StatusCode::BAD_REQUEST, "invalid_request_error")
}

fn failure(status: StatusCode, code: &str) -> Response {
    let error = json!({ "message": "a message that may quote the customer", "type": "error", "code": code });
    (status, Json(json!({ "error": error }))).into_response()
}

fn answer(script: Script) -> Response {
    match script {
        Script::Status(status, code, wait) => {
            let status = StatusCode::from_u16(status).expect("a status");
            let mut response = failure(status, code);
            if let Some(seconds) = wait {
                response
                    .headers_mut()
                    .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            response
        }
        Script::Html => (
            [(header::CONTENT_TYPE, "text/html")],
            "<html><body>sign in to the network</body></html>",
        )
            .into_response(),
        Script::Stream(steps) => (
            [(header::CONTENT_TYPE, "text/event-stream")],
            Body::from_stream(events(steps)),
        )
            .into_response(),
    }
}

fn events(steps: Vec<Step>) -> impl Stream<Item = Result<Bytes, std::io::Error>> {
    let role = chunk(json!({ "role": "assistant", "content": "" }), None);
    stream::once(async { Ok(role) }).chain(stream::iter(steps).then(play).flat_map(stream::iter))
}

/// What one step sends.
async fn play(step: Step) -> Vec<Result<Bytes, std::io::Error>> {
    match step {
        Step::Delta(text) => vec![Ok(chunk(json!({ "content": text }), None))],
        Step::Wait(time) => {
            tokio::time::sleep(time).await;
            Vec::new()
        }
        Step::Hold(until) => {
            until.notified().await;
            Vec::new()
        }
        Step::Stall => {
            let never: Infallible = std::future::pending().await;
            match never {}
        }
        Step::Garbage => vec![Ok(Bytes::from_static(
            b"data: {\"choices\": [{\"delta\": \n\n",
        ))],
        // A pause, so that what was sent before is on its way when the connection breaks.
        Step::Cut => {
            tokio::time::sleep(Duration::from_millis(20)).await;
            vec![Err(std::io::Error::other("cut by the script"))]
        }
        Step::End => Vec::new(),
        Step::Finish(reason) => {
            let usage = json!({
                "id": "chatcmpl-fake", "object": "chat.completion.chunk", "model": CHAT_MODEL, "choices": [],
                "usage": { "prompt_tokens": 120, "completion_tokens": 17, "total_tokens": 137 },
            });
            vec![
                Ok(chunk(json!({}), Some(reason))),
                Ok(event(&usage)),
                Ok(Bytes::from_static(b"data: [DONE]\n\n")),
            ]
        }
    }
}

fn chunk(delta: serde_json::Value, reason: Option<&str>) -> Bytes {
    event(&json!({
        "id": "chatcmpl-fake", "object": "chat.completion.chunk", "model": CHAT_MODEL,
        "choices": [{ "index": 0, "delta": delta, "finish_reason": reason }], "usage": null,
    }))
}

fn event(value: &serde_json::Value) -> Bytes {
    Bytes::from(format!("data: {value}\n\n"))
}
