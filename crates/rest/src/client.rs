//! Calling another service's internal listener: base URL, service token, trace context, problems.

use std::time::Duration;

use common::{
    Problem,
    problem::Document,
    server::{REQUEST_ID_HEADER, request_id},
    telemetry,
    tokens::{ServiceSigner, ServiceTokenError},
};
use http::{HeaderMap, HeaderValue, StatusCode};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde::de::DeserializeOwned;
use url::Url;

const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// The time a call has, unless the caller gives it another.
const DEADLINE: Duration = Duration::from_secs(5);

/// A call to another service failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The service said why.
    #[error("{} answered {}: {}", .0, .1.status, .1.code.as_str())]
    Problem(&'static str, Box<Document>),
    /// The service answered something that is no answer of its contract.
    #[error("{0} answered {1} without a problem document")]
    Unexpected(&'static str, StatusCode),
    /// No answer came.
    #[error("{0} cannot be reached")]
    Transport(&'static str, #[source] reqwest::Error),
    /// Our own key cannot sign.
    #[error(transparent)]
    Token(#[from] ServiceTokenError),
}

impl ClientError {
    /// The status of the answer, when one came.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Problem(_, document) => StatusCode::from_u16(document.status).ok(),
            Self::Unexpected(_, status) => Some(*status),
            Self::Transport(..) | Self::Token(_) => None,
        }
    }

    /// The code of the problem, when one came.
    #[must_use]
    pub fn code(&self) -> Option<common::ErrorCode> {
        match self {
            Self::Problem(_, document) => Some(document.code),
            _ => None,
        }
    }
}

impl From<ClientError> for Problem {
    /// What a caller of ours is told when a service behind us fails: that we cannot answer now.
    fn from(error: ClientError) -> Self {
        Self::unavailable(error)
    }
}

/// A client of one service's internal listener. Cheap to clone.
#[derive(Clone)]
pub struct ServiceClient {
    callee: &'static str,
    base: Url,
    http: Client,
    signer: ServiceSigner,
}

impl std::fmt::Debug for ServiceClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServiceClient")
            .field("callee", &self.callee)
            .field("base", &self.base.as_str())
            .finish()
    }
}

impl ServiceClient {
    /// A client of `callee` at `base`.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn new(
        callee: &'static str,
        base: Url,
        signer: ServiceSigner,
    ) -> Result<Self, reqwest::Error> {
        let http = Client::builder().connect_timeout(CONNECT_WITHIN).build()?;
        Ok(Self {
            callee,
            base,
            http,
            signer,
        })
    }

    /// A request with the service token, the trace context, the request id and the usual deadline.
    ///
    /// # Errors
    /// When the token cannot be signed.
    pub fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, ClientError> {
        let mut url = self.base.clone();
        url.set_path(path);
        let mut headers = HeaderMap::new();
        telemetry::inject(&mut headers);
        if let Some(id) = request_id() {
            let value = HeaderValue::try_from(id.to_string()).expect("a UUID is a header value");
            headers.insert(REQUEST_ID_HEADER, value);
        }
        let token = self.signer.token_for(self.callee)?;
        Ok(self
            .http
            .request(method, url)
            .headers(headers)
            .bearer_auth(token)
            .timeout(DEADLINE))
    }

    /// Sends a request and reads the JSON of a successful answer.
    ///
    /// # Errors
    /// When no answer comes, or one that is not successful.
    pub async fn json<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<T, ClientError> {
        let response = self.send(request).await?;
        response
            .json()
            .await
            .map_err(|error| ClientError::Transport(self.callee, error))
    }

    /// Sends a request; anything but success is an error.
    ///
    /// # Errors
    /// When no answer comes, or one that is not successful.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let response = request
            .send()
            .await
            .map_err(|error| ClientError::Transport(self.callee, error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        match response.json::<Document>().await {
            Ok(document) => Err(ClientError::Problem(self.callee, Box::new(document))),
            Err(_) => Err(ClientError::Unexpected(self.callee, status)),
        }
    }
}
