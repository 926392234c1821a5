//! The handler of chat completions.

use std::convert::Infallible;

use axum::Json;
use axum::extract::State;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use ids::RequestId;

use super::model::{EXTRACTIVE, Fault, Question, Request};
use super::reply::{About, Chunk, Completion, Finish, Reply, Usage, cut};
use crate::app::App;
use crate::body::Body;
use crate::deadline::within;
use crate::error::{self, Error, Result};
use crate::extract::answer::Answer;
use crate::extract::{self, Start};
use crate::metrics;

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Invalid { param, message } => Self::invalid(message).param(param),
            Fault::TooLong(message) => Self::too_long(message).param("messages"),
        }
    }
}

/// Answers a question with sentences of the given sources.
///
/// The model quotes, it does not converse and cannot call tools. An answer that quotes carries
/// `[id]` marks; one without them found nothing, or answers a greeting.
#[utoipa::path(
    post,
    path = "/v1/chat/completions",
    operation_id = "create_chat_completion",
    tag = "models",
    request_body = Request,
    responses(
        (status = 200, description = "the answer; with `stream`, chunks as server-sent events that end with `[DONE]`", content(
            (Completion = "application/json"),
            (Chunk = "text/event-stream"),
        )),
        (status = 400, description = "the request is not valid", body = error::Body),
        (status = 401, description = "no valid api key", body = error::Body),
        (status = 404, description = "no such model", body = error::Body),
        (status = 413, description = "the body is too large", body = error::Body),
        (status = 415, description = "the body is not JSON", body = error::Body),
        (status = 429, description = "the queue is full; `Retry-After` says when", body = error::Body),
        (status = 500, description = "the model failed", body = error::Body),
        (status = 503, description = "too busy to answer in time", body = error::Body),
    )
)]
pub async fn create_chat_completion(
    State(app): State<App>,
    Body(request): Body<Request>,
) -> Result<Response> {
    if request.model != EXTRACTIVE {
        return Err(Error::no_model(&request.model));
    }
    let stream = request.stream;
    let usage = request
        .stream_options
        .as_ref()
        .is_some_and(|options| options.include_usage);
    let limit = request.max_completion_tokens;
    let question = request.into_question()?;
    // The answer is known before the first byte leaves, so that a fault is still a status.
    let reply = reply(&app, question, limit).await?;
    Ok(if stream {
        events(&reply, usage).into_response()
    } else {
        Json(reply.completion()).into_response()
    })
}

#[tracing::instrument(name = "inference.answer", skip_all, fields(sources = question.sources.len(), outcome, support))]
async fn reply(app: &App, question: Question, limit: Option<usize>) -> Result<Reply> {
    let place = app.work.enter()?;
    let until = app.until();
    let prompt_tokens = within(until, place.count_tokens(question.prompt)).await?;
    let answer = match extract::start(
        question.sources,
        &question.message,
        question.previous.as_deref(),
    ) {
        Start::Done(answer) => answer,
        Start::Search(prepared) => {
            let texts = prepared.texts().map(str::to_owned).collect();
            prepared.answer(&within(until, place.embed(texts)).await?)
        }
    };
    let Answer {
        text,
        outcome,
        support,
    } = answer;
    metrics::answered(outcome);
    let span = tracing::Span::current();
    span.record("outcome", tracing::field::debug(outcome))
        .record("support", support);

    // Without the two special tokens that frame what the model reads.
    let words = |text: &str| {
        app.work
            .count_tokens(text)
            .map(|count| count.saturating_sub(2))
    };
    let mut completion_tokens = words(&text)?;
    let (text, finish) = match limit.filter(|limit| completion_tokens > *limit) {
        Some(limit) => {
            let text = cut(&text, limit, words)?;
            completion_tokens = words(&text)?;
            (text, Finish::Length)
        }
        None => (text, Finish::Stop),
    };
    let request_id = common::server::request_id().unwrap_or_else(RequestId::new);
    Ok(Reply {
        id: format!("chatcmpl-{request_id}"),
        created: app.clock.now().timestamp(),
        text,
        finish,
        usage: Usage {
            prompt_tokens,
            completion_tokens,
            total_tokens: prompt_tokens + completion_tokens,
        },
        syntera: About { outcome, support },
    })
}

fn events(
    reply: &Reply,
    include_usage: bool,
) -> Sse<impl futures::Stream<Item = std::result::Result<Event, Infallible>> + use<>> {
    let data = |json: String| Ok(Event::default().data(json));
    let mut events: Vec<_> = reply
        .chunks(include_usage)
        .iter()
        .map(|chunk| data(serde_json::to_string(chunk).expect("a chunk is JSON")))
        .collect();
    events.push(data("[DONE]".to_owned()));
    Sse::new(stream::iter(events))
}
