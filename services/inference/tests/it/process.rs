//! The binary itself: subcommands, one trace with the caller, no words of a customer in the logs,
//! and a graceful end.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{block, models_dir, read};

const BINARY: &str = env!("CARGO_BIN_EXE_inference");

/// Ends the process when a test fails half-way.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn prints_its_document_and_has_nothing_to_migrate() {
    let output = Command::new(BINARY).arg("openapi").output().unwrap();
    assert!(output.status.success());
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    for path in [
        "/v1/models",
        "/v1/models/{id}",
        "/v1/embeddings",
        "/v1/chat/completions",
    ] {
        assert!(document["paths"][path].is_object(), "{path}");
    }
    let output = Command::new(BINARY).arg("migrate").output().unwrap();
    assert!(output.status.success());
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("no stores")
    );
}

#[test]
fn does_not_start_without_its_models() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(BINARY)
        .args([
            "serve",
            "--bind",
            "127.0.0.1:0",
            "--internal-bind",
            "127.0.0.1:0",
            "--dir",
        ])
        .arg(dir.path())
        .output()
        .unwrap();
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("inference install --dir"), "{error}");
}

#[tokio::test]
async fn one_trace_no_words_in_the_logs_and_a_graceful_end() {
    let folder = tempfile::tempdir().unwrap();
    let spans = folder.path().join("spans.jsonl");
    let mut running = Running(
        Command::new(BINARY)
            .args([
                "serve",
                "--bind",
                "127.0.0.1:0",
                "--internal-bind",
                "127.0.0.1:0",
            ])
            .arg("--dir")
            .arg(models_dir())
            .arg("--trace-file")
            .arg(&spans)
            .args(["--log", "debug"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut log = BufReader::new(running.0.stdout.take().unwrap());
    let mut lines = String::new();
    let listening: Value = loop {
        let mut line = String::new();
        assert!(log.read_line(&mut line).unwrap() > 0, "it ended: {lines}");
        lines.push_str(&line);
        let value: Value = serde_json::from_str(&line).unwrap();
        if value["message"] == "listening" {
            break value;
        }
    };
    let client = reqwest::Client::new();
    let url = |listener: &str, path: &str| {
        format!("http://{}{path}", listening[listener].as_str().unwrap())
    };
    assert_eq!(
        client
            .get(url("internal", "/readyz"))
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    let address = listening["internal"].as_str().unwrap();
    let check = ["healthcheck", "--internal-bind", address];
    assert!(Command::new(BINARY).args(check).status().unwrap().success());

    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let body = json!({"model": "syntera-extractive", "messages": [
        {"role": "system", "content": block("1", "Lamps", "A zanzibar lamp shines for 42 nights.")},
        {"role": "user", "content": "For how long does a zanzibar lamp shine?"},
    ]});
    let request = client
        .post(url("public", "/v1/chat/completions"))
        .header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"))
        .json(&body);
    let (status, answer) = read(request).await;
    assert_eq!(status, 200, "{answer}");
    let metrics = client
        .get(url("internal", "/metrics"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        metrics.contains("inference_answers_total{outcome=\"quoted\"} 1"),
        "{metrics}"
    );

    let pid = running.0.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    let started = Instant::now();
    log.read_to_string(&mut lines).unwrap();
    assert!(running.0.wait().unwrap().success(), "{lines}");
    assert!(started.elapsed() < Duration::from_secs(10));

    let spans = std::fs::read_to_string(&spans).unwrap();
    let spans: Vec<Value> = spans
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let named = |name: &str| {
        let found = spans
            .iter()
            .find(|s| s["name"] == name && s["trace_id"] == trace);
        found.unwrap_or_else(|| panic!("no span {name} in the caller's trace: {spans:?}"))
    };
    let http = named("POST /v1/chat/completions");
    assert_eq!(http["parent_span_id"], "00f067aa0ba902b7");
    let answer = named("inference.answer");
    assert_eq!(answer["parent_span_id"], http["span_id"]);
    assert_eq!(
        named("inference.embed")["parent_span_id"],
        answer["span_id"]
    );
    for word in ["zanzibar", "nights"] {
        assert!(
            !lines.contains(word),
            "a customer's word in the log: {lines}"
        );
        assert!(
            !format!("{spans:?}").contains(word),
            "a customer's word in the spans"
        );
    }
}
