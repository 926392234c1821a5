//! WebSockets: the handshake is forwarded like a request, then both sides are joined byte by byte.

use std::time::Duration;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use common::{ErrorCode, Problem};
use http::{HeaderValue, StatusCode, header, request::Parts};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;

use crate::balance::{Outgoing, Service};

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
    service: &Service,
    deadline: Duration,
    mut outgoing: Outgoing,
    client_side: OnUpgrade,
) -> Result<Response, Problem> {
    let headers = &mut outgoing.headers;
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    let mut response = service.upgrade(&outgoing, deadline).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(response.map(Body::new));
    }
    let service_side = hyper::upgrade::on(&mut response);
    let cut = service.lifecycle.cut_token();
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
