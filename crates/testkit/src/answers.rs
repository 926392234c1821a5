//! What a service answered, checked.

use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;

/// Sends a request; the JSON of an answer that must have this status.
pub async fn json(request: RequestBuilder, status: StatusCode) -> Value {
    let response = request.send().await.unwrap();
    let got = response.status();
    let text = response.text().await.unwrap();
    assert_eq!(got, status, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// Sends a request that must be refused; its problem document, checked for what every one must have.
pub async fn problem(request: RequestBuilder, status: StatusCode, code: &str) -> Value {
    let response = request.send().await.unwrap();
    let got = response.status();
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    let (media_type, request_id) = (header("content-type"), header("x-request-id"));
    let text = response.text().await.unwrap();
    let body: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((got, body["code"].as_str()), (status, Some(code)), "{text}");
    assert_eq!(media_type, "application/problem+json");
    assert_eq!(body["status"], status.as_u16());
    assert_eq!(body["type"], format!("/errors/{code}"));
    assert_eq!(body["request_id"], request_id);
    assert!(body["title"].is_string(), "{text}");
    body
}

/// The places that a problem names: pointers of the body, or names of parameters.
#[must_use]
pub fn places(problem: &Value) -> Vec<&str> {
    let errors = problem["errors"].as_array().into_iter().flatten();
    errors
        .filter_map(|error| error["pointer"].as_str().or(error["parameter"].as_str()))
        .collect()
}
