//! The upgrade: who calls is known before there is a socket.

use axum::{
    extract::{
        State,
        ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use chat_api::socket::{BEARER_PREFIX, SUBPROTOCOL};
use common::{
    ErrorCode, Problem,
    tokens::{self, Participant},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::session;
use crate::app::App;

/// tungstenite's own default keeps 128 KiB for each socket; frames here are small.
const READ_BUFFER: usize = 4096;
const WRITE_BUFFER: usize = 4096;
/// The largest frame of a client: a long message, escaped.
/// A text of 10,000 characters, each of which JSON may spell as two escapes of six bytes.
const MAX_FRAME: usize = 128 * 1024;

/// The route of the socket.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(connect))
}

/// Opens the socket. Its frames are described in `chat.asyncapi.json`.
///
/// Browsers offer the subprotocols `syntera.v1` and `bearer.<token>`; programs may send the token as
/// `Authorization: Bearer` instead.
#[utoipa::path(
    get, path = "/ws/chat", operation_id = "connect_socket", tag = "socket",
    params(
        ("Sec-WebSocket-Protocol" = Option<String>, Header,
            description = "`syntera.v1`, and the token as `bearer.<token>`"),
    ),
    responses(
        (status = 101, description = "the socket is open"),
        (status = 426, description = "the request is no WebSocket upgrade", body = common::problem::Document,
            content_type = "application/problem+json"),
    )
)]
async fn connect(
    State(app): State<App>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let token = token(&headers).ok_or_else(|| {
        Problem::new(ErrorCode::Unauthenticated).detail(
            "offer the subprotocols syntera.v1 and bearer.<token>, or send Authorization: Bearer",
        )
    })?;
    let who: Participant = app.tokens.verify(token).await?.into();
    app.revocations.check(who.session_id())?;
    if app.lifecycle.cut_token().is_cancelled() {
        // By a connection that was kept: the sockets were just cut, and nobody would cut this one.
        return Err(Problem::unavailable("this instance is going away"));
    }
    let upgrade = upgrade.map_err(|_| {
        Problem::new(ErrorCode::UpgradeRequired)
            .detail("connect with a WebSocket client (RFC 6455, version 13)")
            .header(header::UPGRADE, HeaderValue::from_static("websocket"))
    })?;
    let traceparent = headers
        .get("traceparent")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let lifecycle = app.lifecycle.clone();
    let upgrade = upgrade
        .protocols([SUBPROTOCOL])
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_frame_size(MAX_FRAME)
        .max_message_size(MAX_FRAME);
    Ok(upgrade.on_upgrade(move |socket| async move {
        // Tracked, so that the end of the service waits for the goodbye.
        let _ = lifecycle
            .spawn(session::run(app, socket, who, traceparent))
            .await;
    }))
}

/// The token, from the header or from the offered subprotocols.
fn token(headers: &HeaderMap) -> Option<&str> {
    if let Some(token) = tokens::bearer(headers) {
        return Some(token);
    }
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let mut offered = offered
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    offered.find_map(|protocol| protocol.trim().strip_prefix(BEARER_PREFIX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_comes_by_header_or_subprotocol() {
        let mut headers = HeaderMap::new();
        assert_eq!(token(&headers), None);
        headers.append(
            header::SEC_WEBSOCKET_PROTOCOL,
            HeaderValue::from_static("syntera.v1"),
        );
        assert_eq!(token(&headers), None);
        headers.append(
            header::SEC_WEBSOCKET_PROTOCOL,
            HeaderValue::from_static("other, bearer.a.b.c"),
        );
        assert_eq!(token(&headers), Some("a.b.c"));
        headers.insert(
            header::AUTHORIZATION,
            HeaderValue::from_static("Bearer x.y.z"),
        );
        assert_eq!(token(&headers), Some("x.y.z"));
    }
}
