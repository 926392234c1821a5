//! What happens around every request: its id, its span, its metrics.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};
use http::{HeaderName, HeaderValue, Method};
use ids::RequestId;
use tracing::Instrument;

use crate::telemetry::{self, metrics};

/// Carries the request's id between services and back to the client.
pub const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static REQUEST_ID: RequestId;
}

/// The id of the request that this task works for.
#[must_use]
pub fn request_id() -> Option<RequestId> {
    REQUEST_ID.try_with(|id| *id).ok()
}

/// Does a piece of work for the request that has this id.
pub fn with_request_id<F: Future>(id: RequestId, work: F) -> impl Future<Output = F::Output> {
    REQUEST_ID.scope(id, work)
}

/// Names the route of an answer where the router's own pattern says too little, as in the gateway. Put
/// it into the response's extensions.
#[derive(Debug, Clone, Copy)]
pub struct RouteLabel(pub &'static str);

pub(super) async fn observe(listener: &'static str, mut request: Request, next: Next) -> Response {
    let id = request
        .headers()
        .get(&REQUEST_ID_HEADER)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .unwrap_or_else(RequestId::new);
    let id_value = HeaderValue::try_from(id.to_string()).expect("a UUID is a header value");
    request
        .headers_mut()
        .insert(REQUEST_ID_HEADER, id_value.clone());
    let method = method_label(request.method());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    let span = tracing::info_span!(
        "http.request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        http.request.method = method,
        http.route = route,
        http.response.status_code = tracing::field::Empty,
        request_id = %id,
    );
    telemetry::set_parent(&span, request.headers());
    let started = Instant::now();
    let mut response = with_request_id(id, next.run(request).instrument(span.clone())).await;
    let took = started.elapsed();
    let label = response
        .extensions()
        .get::<RouteLabel>()
        .map(|label| label.0);
    if let Some(label) = label {
        span.record("http.route", label);
        telemetry::rename(&span, format!("{method} {label}"));
    }
    let route = label.unwrap_or(&route);
    let status = response.status().as_u16();
    span.record("http.response.status_code", status);
    metrics::observe_request(listener, method, route, status, took);
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| tracing::debug!(method, route, status, millis, "answered"));
    response.headers_mut().insert(REQUEST_ID_HEADER, id_value);
    response
}

/// A method's name where metrics and spans keep it. The name comes from the client, and each new one
/// would be a series that is kept for ever.
#[must_use]
pub fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => "OTHER",
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body};
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn made_up_methods_make_no_series() {
        let app = crate::server::finish(Router::new(), "made-up");
        for method in ["SPAM1", "SPAM2", "get"] {
            let request = Request::builder().method(method).uri("/");
            let request = request.body(Body::empty()).unwrap();
            app.clone().oneshot(request).await.unwrap();
        }
        let text = String::from_utf8(metrics::render()).unwrap();
        let ours: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with("http_requests_total") && line.contains("made-up"))
            .collect();
        assert_eq!(ours.len(), 1, "{ours:?}");
        assert!(
            ours[0].contains("method=\"OTHER\"") && ours[0].ends_with(" 3"),
            "{ours:?}"
        );
    }
}
