//! Problem documents (RFC 9457): the one shape of every error answer.
//!
//! A [`Problem`] is built where an error is understood and rendered where it leaves. Its cause is
//! logged once, when it leaves, and never sent.

mod code;
mod reject;
mod stores;

use std::{borrow::Cow, error::Error as StdError, fmt, time::Duration};

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

pub use code::ErrorCode;
pub use reject::{Panicked, method_not_allowed, unknown_route};

/// The media type of every error answer.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// The body of an error answer (RFC 9457).
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Problem)]
pub struct Document {
    /// The page that explains the code, relative to the API's host.
    #[schema(example = "/errors/validation_failed")]
    pub r#type: String,
    /// A short sentence for people, the same for each occurrence of the code.
    pub title: String,
    /// The HTTP status.
    #[schema(example = 422)]
    pub status: u16,
    /// What programs switch on.
    pub code: ErrorCode,
    /// What is wrong this time, and what to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Names this request in our logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Each field that is not valid.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// What the page of the code names besides (RFC 9457 §3.2).
    #[serde(default, flatten)]
    #[schema(ignore)]
    pub members: Map<String, Value>,
}

/// One field, parameter or header that is not valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// Where in the body: a JSON pointer (RFC 6901).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "/email")]
    pub pointer: Option<String>,
    /// Which query parameter or header, when it is not the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// What is wrong, in words.
    pub detail: String,
}

impl FieldError {
    /// A fault at a JSON pointer of the body.
    #[must_use]
    pub fn at(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            pointer: Some(pointer.into()),
            parameter: None,
            detail: detail.into(),
        }
    }

    /// A fault of a query parameter or a header.
    #[must_use]
    pub fn parameter(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            pointer: None,
            parameter: Some(name.into()),
            detail: detail.into(),
        }
    }
}

/// An error answer in the making.
#[must_use]
pub struct Problem(Box<Inner>);

struct Inner {
    code: ErrorCode,
    detail: Option<Cow<'static, str>>,
    errors: Vec<FieldError>,
    members: Map<String, Value>,
    headers: HeaderMap,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

/// The answer of a handler that can fail.
pub type Result<T, E = Problem> = std::result::Result<T, E>;

impl Problem {
    /// A problem with nothing but its code.
    pub fn new(code: ErrorCode) -> Self {
        Self(Box::new(Inner {
            code,
            detail: None,
            errors: Vec::new(),
            members: Map::new(),
            headers: HeaderMap::new(),
            cause: None,
        }))
    }

    /// Says what is wrong this time. Never put internal causes or personal data here.
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Adds a field that is not valid.
    pub fn field(mut self, error: FieldError) -> Self {
        self.0.errors.push(error);
        self
    }

    /// Adds fields that are not valid.
    pub fn fields(mut self, errors: impl IntoIterator<Item = FieldError>) -> Self {
        self.0.errors.extend(errors);
        self
    }

    /// Adds a member of the document that the page of the code names (RFC 9457 §3.2).
    pub fn member(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    /// Keeps the cause for the log; clients never see it.
    pub fn caused_by(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// Adds a header to the answer.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// Tells the client when to try again, in whole seconds.
    pub fn retry_after(self, wait: Duration) -> Self {
        self.header(
            header::RETRY_AFTER,
            HeaderValue::from(wait.as_secs().max(1)),
        )
    }

    /// Nothing there, or not for this workspace: existence is information.
    pub fn not_found() -> Self {
        Self::new(ErrorCode::NotFound)
    }

    /// A fault of ours, with its cause for the log.
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(ErrorCode::Internal).caused_by(cause)
    }

    /// A dependency that is not there right now, with the cause for the log.
    pub fn unavailable(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(ErrorCode::Unavailable)
            .detail("something that this request needs is down; it may still have been done, so repeat a POST with its Idempotency-Key")
            .retry_after(Duration::from_secs(1))
            .caused_by(cause)
    }

    /// The code of this problem.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.0.code
    }

    /// The body as it is sent.
    #[must_use]
    pub fn document(&self) -> Document {
        let code = self.0.code;
        Document {
            r#type: format!("/errors/{}", code.as_str()),
            title: code.title().to_owned(),
            status: code.status().as_u16(),
            code,
            detail: self.0.detail.as_deref().map(str::to_owned),
            request_id: crate::server::request_id().map(|id| id.to_string()),
            errors: self.0.errors.clone(),
            members: self.0.members.clone(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.0.code.status();
        // A line for each refused request would be more work than is refused; they are counted.
        if status.is_server_error() && self.0.code != ErrorCode::Overloaded {
            let cause = self.0.cause.as_deref().map(chain).unwrap_or_default();
            tracing::error!(code = self.0.code.as_str(), cause, "request failed");
        }
        let body = serde_json::to_vec(&self.document())
            .expect("a document of strings and numbers is JSON");
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.extend(self.0.headers);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == http::StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if status == http::StatusCode::PAYLOAD_TOO_LARGE {
            // The rest of the body is not read, so the connection ends. A client that is told so does
            // not send its next request on it.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// A cause and what lies beneath it, in one line.
fn chain(cause: &(dyn StdError + Send + Sync)) -> String {
    let mut text = cause.to_string();
    let mut source = cause.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.ends_with(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problem")
            .field("code", &self.0.code)
            .field("detail", &self.0.detail)
            .field("errors", &self.0.errors)
            .field("cause", &self.0.cause)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.detail {
            Some(detail) => write!(f, "{}: {detail}", self.0.code.as_str()),
            None => f.write_str(self.0.code.as_str()),
        }
    }
}

impl StdError for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_never_part_of_the_document() {
        let problem = Problem::internal("password authentication failed for role crm");
        let text = serde_json::to_string(&problem.document()).unwrap();
        assert!(!text.contains("role crm"), "{text}");
        assert!(text.contains("\"code\":\"internal\""), "{text}");
    }

    #[test]
    fn unauthorized_answers_name_the_scheme() {
        let response = Problem::new(ErrorCode::Unauthenticated).into_response();
        assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
        assert_eq!(response.headers()[header::CONTENT_TYPE], MEDIA_TYPE);
    }
}
