//! WebSockets: the handshake is forwarded like a request, then both sides are joined byte by byte.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use common::{ErrorCode, Problem};
use http::{HeaderValue, StatusCode, header, request::Parts};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;

use super::upstreams::{self, Replicas};
use crate::routes::Route;

/// Takes the upgrade out of a request.
pub(super) fn wanted(parts: &mut Parts) -> Result<OnUpgrade, Problem> {
    let websocket = parts
        .headers
        .get(header::UPGRADE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    parts
        .extensions
        .remove::<OnUpgrade>()
        .filter(|_| websocket)
        .ok_or_else(|| {
            Problem::new(ErrorCode::UpgradeRequired)
                .detail("connect with a WebSocket client")
                .header(header::UPGRADE, HeaderValue::from_static("websocket"))
        })
}

/// Forwards the handshake; when the service agrees, joins the two connections until one ends or the
/// gateway stops.
pub(super) async fn forward(
    upstream: &Replicas,
    route: &Route,
    path_and_query: &str,
    (parts, client_side): (&mut Parts, OnUpgrade),
) -> Result<Response, Problem> {
    let make = |authority: &_| {
        let mut request = upstreams::request(parts, authority, path_and_query, Body::empty());
        let headers = request.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        request
    };
    // A handshake changes nothing, so it may be repeated whatever happened to it.
    let sending = upstream.send(make, |_| true);
    let mut response = match tokio::time::timeout(route.deadline, sending).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => return Err(upstream.failed(&error)),
        Err(_) => return Err(upstream.too_slow(route)),
    };
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(response.map(Body::new));
    }
    let service_side = hyper::upgrade::on(&mut response);
    let cut = upstream.lifecycle.cut_token();
    // Not tracked by the lifecycle: a socket has no end of its own, and its client resumes elsewhere.
    tokio::spawn(async move {
        let (Ok(client), Ok(service)) = tokio::join!(client_side, service_side) else {
            return;
        };
        let (mut client, mut service) = (TokioIo::new(client), TokioIo::new(service));
        cut.run_until_cancelled(copy_bidirectional(&mut client, &mut service))
            .await;
    });
    let mut accepted = StatusCode::SWITCHING_PROTOCOLS.into_response();
    *accepted.headers_mut() = response.headers().clone();
    Ok(accepted)
}
