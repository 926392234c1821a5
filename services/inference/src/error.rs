//! Errors under `/v1`, in the shape of the OpenAI API.
//!
//! The house answers RFC 9457 problems everywhere else. Here the protocol is OpenAI's, and its
//! clients read `{"error": {"message", "type", "code", "param"}}`, so that is the contract
//! (<https://platform.openai.com/docs/guides/error-codes>).

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::work;

/// The body of an error.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ErrorResponse)]
pub struct Body {
    error: Detail,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Error)]
struct Detail {
    /// For people.
    message: String,
    /// The family of the error.
    #[schema(example = "invalid_request_error")]
    r#type: &'static str,
    /// What programs switch on, where there is more to tell than the type.
    #[schema(example = "model_not_found")]
    code: Option<&'static str>,
    /// Which field of the request is meant.
    #[schema(example = "model")]
    param: Option<String>,
}

/// An error answer in the making.
#[derive(Debug)]
pub struct Error {
    status: StatusCode,
    family: &'static str,
    code: Option<&'static str>,
    param: Option<String>,
    message: String,
    /// Logged when the answer leaves, never sent.
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The answer of a handler that can fail.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    fn new(status: StatusCode, family: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            status,
            family,
            code: None,
            param: None,
            message,
            cause: None,
        }
    }

    /// The request is not one that this server understands: 400.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
    }

    /// The request is larger than a limit: 400 with the code that OpenAI's clients know.
    pub fn too_long(message: impl Into<String>) -> Self {
        Self::invalid(message).code("context_length_exceeded")
    }

    /// The media type, the method, the path or the size is wrong.
    pub fn refused(status: StatusCode, message: impl Into<String>) -> Self {
        Self::new(status, "invalid_request_error", message)
    }

    /// No model of that name does this: 404.
    pub fn no_model(name: &str) -> Self {
        // The name comes from the caller: quoted, and cut so that an error stays short.
        let name: String = name.chars().take(64).collect();
        Self::refused(
            StatusCode::NOT_FOUND,
            format!("the model {name:?} does not exist here, or does not do this"),
        )
        .code("model_not_found")
        .param("model")
    }

    /// The key is missing or wrong: 401.
    pub fn no_key() -> Self {
        Self::refused(
            StatusCode::UNAUTHORIZED,
            "a valid api key is needed: Authorization: Bearer …",
        )
        .code("invalid_api_key")
    }

    /// The work took too long: 503.
    pub fn too_slow() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "server_error",
            "the model is too busy to answer in time",
        )
        .code("deadline_exceeded")
    }

    /// A fault of this server: 500. The cause is logged, not sent.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let mut error = Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
            "the model failed",
        );
        error.cause = Some(cause.into());
        error
    }

    /// Says what programs switch on.
    pub fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// Says which field is meant.
    pub fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }
}

impl From<work::Error> for Error {
    fn from(error: work::Error) -> Self {
        match error {
            work::Error::Full => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "requests",
                "too many requests are waiting for the model",
            )
            .code("rate_limit_exceeded"),
            work::Error::Model(_) | work::Error::Died(_) => Self::internal(error),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if let Some(cause) = self.cause {
            tracing::error!(error = %cause, "a request failed");
        }
        let body = Body {
            error: Detail {
                message: self.message,
                r#type: self.family,
                code: self.code,
                param: self.param,
            },
        };
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            let seconds = HeaderValue::from(work::RETRY_AFTER_SECONDS);
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}
