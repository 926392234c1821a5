//! Requests of other sites' pages (Fetch standard, "CORS protocol"). Only the widget's routes take
//! them; they use no cookies, so any origin may try, and auth checks it against the key.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode, header, request::Parts};

use crate::routes;

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, idempotency-key, if-match, x-request-id, traceparent",
);
const EXPOSED: HeaderValue =
    HeaderValue::from_static("etag, ratelimit, ratelimit-policy, retry-after, x-request-id");
/// Browsers ask again after this many seconds; two hours is the most that any of them keeps.
const KEEP: HeaderValue = HeaderValue::from_static("7200");

/// The answer to a preflight, when the request is one for a path of the widget.
pub(super) fn preflight(parts: &Parts, path: &str) -> Option<Response> {
    let asks = parts.method == Method::OPTIONS
        && parts
            .headers
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if !asks || !routes::allows_any_origin(path) {
        return None;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    allow(&mut response, parts.headers.get(header::ORIGIN).cloned());
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, KEEP);
    Some(response)
}

/// Lets the page that asked read the answer; never with its cookies.
pub(super) fn allow(response: &mut Response, origin: Option<HeaderValue>) {
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}
