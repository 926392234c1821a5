//! Embeddings: the numbers that the model's authors publish, both encodings, truncation, usage.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use inference::embedder::dot;
use serde_json::json;

use crate::support::{Server, app, floats};

const MODEL: &str = "all-minilm-l6-v2";

#[tokio::test]
async fn similarities_are_those_that_the_authors_publish() {
    let server = Server::start(app()).await;
    // The example of the authors' guide for the 32-bit model: https://sbert.net
    let weather = server.embed("The weather is lovely today.").await;
    let sunny = server.embed("It's so sunny outside!").await;
    let stadium = server.embed("He drove to the stadium.").await;
    for (a, b, published) in [
        (&weather, &sunny, 0.6660),
        (&weather, &stadium, 0.1046),
        (&sunny, &stadium, 0.1411),
    ] {
        let found = dot(a, b);
        println!("published {published:.4}, found {found:.4}");
        assert!(
            (found - published).abs() < 0.05,
            "published {published}, found {found}"
        );
    }
    assert!((dot(&weather, &weather) - 1.0).abs() < 1e-5);
}

#[tokio::test]
async fn a_batch_keeps_its_order_and_does_not_change_a_vector() {
    let server = Server::start(app()).await;
    let texts = [
        "Returns are free.",
        "a",
        "A full charge takes about four hours.",
        "Returns are free.",
    ];
    let (status, body) = server
        .post("/v1/embeddings", json!({"model": MODEL, "input": texts}))
        .await;
    assert_eq!(status, 200);
    assert_eq!(
        (&body["object"], &body["model"]),
        (&json!("list"), &json!(MODEL))
    );
    for (index, text) in texts.iter().enumerate() {
        let entry = &body["data"][index];
        assert_eq!(
            (&entry["object"], &entry["index"]),
            (&json!("embedding"), &json!(index))
        );
        let vector = floats(&entry["embedding"]);
        assert_eq!(vector.len(), 384);
        assert_eq!(vector, server.embed(text).await, "{text}");
    }
}

#[tokio::test]
async fn base64_carries_the_same_numbers() {
    let server = Server::start(app()).await;
    let text = "Can I return a helmet?";
    let body =
        json!({"model": MODEL, "input": text, "encoding_format": "base64", "dimensions": 384});
    let (status, body) = server.post("/v1/embeddings", body).await;
    assert_eq!(status, 200);
    let bytes = STANDARD
        .decode(body["data"][0]["embedding"].as_str().unwrap())
        .unwrap();
    let numbers: Vec<f32> = bytes
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect();
    assert_eq!(numbers, server.embed(text).await);
}

#[tokio::test]
async fn text_after_256_tokens_is_not_read_and_the_usage_says_so() {
    let server = Server::start(app()).await;
    let long = "bike ".repeat(300);
    let longer = format!("{long} and a completely different ending about gift cards");
    let body = json!({"model": MODEL, "input": [long, longer, "one two"]});
    let (status, body) = server.post("/v1/embeddings", body).await;
    assert_eq!(status, 200);
    assert_eq!(body["data"][0]["embedding"], body["data"][1]["embedding"]);
    // 256, 256, and two words between the two special tokens.
    assert_eq!(
        body["usage"],
        json!({"prompt_tokens": 516, "total_tokens": 516})
    );
}

#[tokio::test]
async fn meaning_counts_more_than_words() {
    let server = Server::start(app()).await;
    let question = server.embed("How do I get my money back?").await;
    let same = server
        .embed("We refund the amount within seven days.")
        .await;
    let other = server
        .embed("How do I get my bike back from the workshop?")
        .await;
    let unrelated = server.embed("The harbour was quiet that evening.").await;
    assert!(dot(&question, &same) > dot(&question, &unrelated) + 0.2);
    assert!(dot(&question, &other) > dot(&question, &unrelated));
}
