//! How requests travel: our own HTTP client under async-openai, and its answers sorted by kind.
//!
//! async-openai's default transport tries again by itself and logs the bodies of failures. Here nothing
//! is tried again without the caller's knowing, and a body is read only for its error code.

use std::time::Duration;

use async_openai::{config::Config, error::OpenAIError, middleware::HttpRequestFactory};
use common::telemetry;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use reqwest::{Client, Response};
use secrecy::{ExposeSecret, SecretString};

use crate::{Error, wire};

const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// An error's body is read this far.
const MAX_FAILURE: usize = 64 * 1024;
/// The code for a quota that is used up: OpenAI answers it with the status of a rate limit.
const QUOTA: &str = "insufficient_quota";

/// The base URL and the key; headers carry the trace.
#[derive(Clone)]
pub(crate) struct Endpoint {
    /// Without a slash at its end.
    base: String,
    key: SecretString,
    authorization: Option<HeaderValue>,
}

impl Endpoint {
    pub(crate) fn new(base: &url::Url, key: Option<&SecretString>) -> anyhow::Result<Self> {
        let authorization = key
            .map(|key| {
                let mut value = HeaderValue::try_from(format!("Bearer {}", key.expose_secret()))
                    .map_err(|_| {
                        anyhow::anyhow!("SYNTERA_LLM_API_KEY has characters that no key has")
                    })?;
                value.set_sensitive(true);
                anyhow::Ok(value)
            })
            .transpose()?;
        Ok(Self {
            base: base.as_str().trim_end_matches('/').to_owned(),
            key: key.cloned().unwrap_or_default(),
            authorization,
        })
    }
}

impl Config for Endpoint {
    /// Called in the task that makes the call, so the current span is the call's.
    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(value) = &self.authorization {
            headers.insert(header::AUTHORIZATION, value.clone());
        }
        telemetry::inject(&mut headers);
        headers
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn query(&self) -> Vec<(&str, &str)> {
        Vec::new()
    }

    fn api_base(&self) -> &str {
        &self.base
    }

    fn api_key(&self) -> &SecretString {
        &self.key
    }
}

/// The client that async-openai sends through.
pub(crate) fn client(endpoint: Endpoint) -> anyhow::Result<async_openai::Client<Endpoint>> {
    let http = Client::builder().connect_timeout(CONNECT_WITHIN).build()?;
    let service = tower::service_fn(move |factory: HttpRequestFactory| send(http.clone(), factory));
    Ok(async_openai::Client::with_config(endpoint).with_http_service(service))
}

async fn send(http: Client, factory: HttpRequestFactory) -> Result<Response, OpenAIError> {
    let response = http
        .execute(factory.build().await?)
        .await
        .map_err(OpenAIError::Reqwest)?;
    if !response.status().is_success() {
        return Err(OpenAIError::Boxed(Box::new(failure(response).await)));
    }
    let kind = response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = kind
        .unwrap_or("application/json")
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    if essence != "application/json" && essence != "text/event-stream" {
        return Err(OpenAIError::Boxed(Box::new(Error::Garbage(
            "neither JSON nor an event stream",
        ))));
    }
    Ok(response)
}

/// What an answer other than success means.
async fn failure(response: Response) -> Error {
    let status = response.status();
    let wait = response
        .headers()
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let code = code(response).await;
    if status == StatusCode::TOO_MANY_REQUESTS && code.as_deref() != Some(QUOTA) {
        return Error::RateLimited {
            retry_after: wait.map(Duration::from_secs),
        };
    }
    if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT {
        return Error::Unavailable(format!("it answered {status}"));
    }
    let code = code.unwrap_or_else(|| status.canonical_reason().unwrap_or("unknown").to_owned());
    Error::Refused {
        status: status.as_u16(),
        code,
    }
}

/// The error code in a body, if there is one near its beginning.
async fn code(mut response: Response) -> Option<String> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_FAILURE {
            return None;
        }
    }
    serde_json::from_slice::<wire::Failure>(&body)
        .ok()?
        .error
        .word()
}

/// Sorts what async-openai reports. Its own texts may hold bodies, so none of them is kept.
pub(crate) fn sort(error: OpenAIError) -> Error {
    match error {
        OpenAIError::Boxed(error) => match error.downcast::<Error>() {
            Ok(error) => *error,
            Err(_) => Error::Unavailable("the request could not be sent".to_owned()),
        },
        OpenAIError::Reqwest(error) => Error::Unavailable(cause(&error)),
        OpenAIError::StreamError(error) => match *error {
            async_openai::error::StreamError::EventStream(text)
                if text.starts_with("Transport error") =>
            {
                Error::Cut("the connection was lost".to_owned())
            }
            _ => Error::Garbage("not an event stream"),
        },
        OpenAIError::JSONDeserialize(..) => Error::Garbage("not the JSON of an answer"),
        OpenAIError::ApiError(answer) => Error::Refused {
            status: answer.status_code.as_u16(),
            code: "unknown".to_owned(),
        },
        OpenAIError::InvalidArgument(_) => Error::Garbage("a request that cannot be made"),
        OpenAIError::FileSaveError(_) | OpenAIError::FileReadError(_) => {
            Error::Garbage("no file is used here")
        }
    }
}

fn cause(error: &reqwest::Error) -> String {
    let what = if error.is_connect() {
        "it cannot be reached"
    } else if error.is_timeout() {
        "it did not answer in time"
    } else {
        "the connection was lost"
    };
    what.to_owned()
}
