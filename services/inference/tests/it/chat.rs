//! Chat completions over HTTP: quotes, refusals, small talk, streams.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Server, app, block};

const MODEL: &str = "syntera-extractive";

fn sources() -> String {
    let returns = "# Returns\n\nYou can send back anything within 30 days of delivery. It is free \
                   for accessories.\n\nTo return an item:\n1. Open the order.\n2. Print the label \
                   for \"A & B <mail>\".";
    let battery = "A full charge takes about 4 hours. Store the battery in a dry place.";
    format!(
        "You answer for a bike shop.\n{}\n{}",
        block("1", "Returns", returns),
        block("2", "Battery & charging", battery)
    )
}

fn body(question: &str, more: Value) -> Value {
    let mut body = json!({"model": MODEL, "messages": [
        {"role": "system", "content": sources()},
        {"role": "user", "content": question},
    ]});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    body
}

/// The data of each event.
async fn stream(server: &Server, body: Value) -> Vec<String> {
    let response = server
        .request(Method::POST, "/v1/chat/completions")
        .json(&body)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let content_type = response.headers()["content-type"].to_str().unwrap();
    assert!(
        content_type.starts_with("text/event-stream"),
        "{content_type}"
    );
    let text = response.text().await.unwrap();
    assert!(text.ends_with("\n\n"));
    let data = |event: &str| event.strip_prefix("data: ").map(str::to_owned);
    text.trim_end()
        .split("\n\n")
        .map(|event| data(event).expect("only data lines"))
        .collect()
}

#[tokio::test]
async fn quotes_the_right_sentence_word_by_word_with_its_mark() {
    let server = Server::start(app()).await;
    let (text, outcome) = server
        .ask(&sources(), "How long does it take to charge the battery?")
        .await;
    assert_eq!(
        (text.as_str(), outcome.as_str()),
        ("A full charge takes about 4 hours. [2]", "quoted")
    );
    let (text, _) = server.ask(&sources(), "How can I return an item?").await;
    assert!(
        text.contains("1. Open the order.\n2. Print the label for \"A & B <mail>\"."),
        "{text}"
    );
    assert!(text.ends_with(" [1]"), "{text}");
}

#[tokio::test]
async fn says_that_it_found_nothing_without_a_mark() {
    let server = Server::start(app()).await;
    for (system, question) in [
        (sources(), "Who won the football match yesterday?"),
        (
            "You answer for a bike shop.".to_owned(),
            "How long does charging take?",
        ),
    ] {
        let (text, outcome) = server.ask(&system, question).await;
        assert_eq!(outcome, "not_found", "{text}");
        assert!(
            text.contains("did not find") && !text.contains('['),
            "{text}"
        );
    }
}

#[tokio::test]
async fn greets_with_and_without_sources() {
    let server = Server::start(app()).await;
    for system in [sources(), String::new()] {
        let (text, outcome) = server.ask(&system, "Hello!").await;
        assert_eq!(outcome, "small_talk");
        assert!(text.starts_with("Hello!"), "{text}");
    }
}

#[tokio::test]
async fn a_follow_up_is_read_with_the_question_before_it() {
    let server = Server::start(app()).await;
    let (_, body) = server
        .post(
            "/v1/chat/completions",
            json!({"model": MODEL, "messages": [
                {"role": "system", "content": sources()},
                {"role": "user", "content": "I want to charge my battery."},
                {"role": "assistant", "content": "Store the battery in a dry place. [2]"},
                {"role": "user", "content": "How long does it take?"},
            ]}),
        )
        .await;
    let text = body["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(text.contains("about 4 hours"), "{text}");
}

#[tokio::test]
async fn a_whole_answer_has_usage_and_an_id() {
    let server = Server::start(app()).await;
    let (status, body) = server
        .post(
            "/v1/chat/completions",
            body("How long does it take to charge the battery?", json!({})),
        )
        .await;
    assert_eq!(status, 200);
    assert_eq!(body["object"], "chat.completion");
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
    assert!(body["id"].as_str().unwrap().starts_with("chatcmpl-"));
    let usage = |name: &str| body["usage"][name].as_u64().unwrap();
    // "a full charge takes about 4 hours . [ 2 ]"
    assert_eq!(usage("completion_tokens"), 11);
    assert!(usage("prompt_tokens") > 60);
    assert_eq!(usage("total_tokens"), usage("prompt_tokens") + 11);
}

#[tokio::test]
async fn a_stream_is_the_same_answer_in_words_and_ends_with_done() {
    let server = Server::start(app()).await;
    let question = "How can I return an item?";
    let (_, whole) = server
        .post("/v1/chat/completions", body(question, json!({})))
        .await;
    let whole = whole["choices"][0]["message"]["content"].as_str().unwrap();

    let streamed = body(
        question,
        json!({"stream": true, "stream_options": {"include_usage": true}}),
    );
    let mut events = stream(&server, streamed).await;
    assert_eq!(events.pop().unwrap(), "[DONE]");
    let chunks: Vec<Value> = events
        .iter()
        .map(|e| serde_json::from_str(e).unwrap())
        .collect();
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    let text: String = chunks
        .iter()
        .filter_map(|c| c["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(text, whole);
    assert!(
        chunks.len() > 15,
        "word by word, not {} chunks",
        chunks.len()
    );
    let usage = &chunks.last().unwrap()["usage"];
    assert!(usage["completion_tokens"].as_u64().unwrap() > 10);
    let ids: std::collections::HashSet<_> = chunks.iter().map(|c| c["id"].to_string()).collect();
    assert_eq!(ids.len(), 1);

    let plain = stream(&server, body(question, json!({"stream": true}))).await;
    assert!(plain.iter().all(|event| !event.contains("\"usage\"")));
}

#[tokio::test]
async fn a_token_limit_cuts_between_words() {
    let server = Server::start(app()).await;
    let question = "How long does it take to charge the battery?";
    let (_, body) = server
        .post(
            "/v1/chat/completions",
            body(question, json!({"max_tokens": 4})),
        )
        .await;
    assert_eq!(
        body["choices"][0]["message"]["content"],
        "A full charge takes"
    );
    assert_eq!(body["choices"][0]["finish_reason"], "length");
    assert_eq!(body["usage"]["completion_tokens"], 4);
}

#[tokio::test]
async fn sources_of_an_earlier_turn_come_from_the_cache() {
    let server = Server::start(app()).await;
    let unique = "The moon lamp shines for 42 nights. The sun lamp shines for 17 days.";
    let system = block("1", "Lamps", unique);
    let counted = |from: &str| {
        let metrics = String::from_utf8(common::telemetry::metrics::render()).unwrap();
        let name = format!("inference_embeddings_total{{from=\"{from}\"}} ");
        let line = metrics
            .lines()
            .find_map(|l| l.strip_prefix(&name).map(str::to_owned));
        line.map_or(0, |n| n.parse::<u64>().unwrap())
    };
    server
        .ask(&system, "How long does the moon lamp shine?")
        .await;
    let before = counted("cache");
    server
        .ask(&system, "And for how long does the sun lamp shine, please?")
        .await;
    // Two sentences, each with and without its title; other tests may only add to the count.
    assert!(counted("cache") >= before + 4);
}
