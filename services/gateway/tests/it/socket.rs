//! WebSockets through the gateway.

use axum::{
    extract::{
        State,
        ws::{Message, WebSocketUpgrade},
    },
    response::Response,
};
use futures::{SinkExt, StreamExt};
use http::HeaderMap;
use tokio_tungstenite::{
    connect_async,
    tungstenite::{self, client::IntoClientRequest},
};

use crate::{Gateway, Log, Seen, Setup, nobody, problem};

/// Sends back what comes.
pub(crate) async fn echo(
    State(seen): State<Log>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    seen.lock().unwrap().push(Seen {
        uri: "/ws/chat".to_owned(),
        headers,
        body: axum::body::Bytes::new(),
    });
    upgrade
        .protocols(["syntera.v1"])
        .on_upgrade(|mut socket| async move {
            while let Some(Ok(message)) = socket.recv().await {
                if matches!(message, Message::Text(_)) && socket.send(message).await.is_err() {
                    return;
                }
            }
        })
}

fn request(gateway: &Gateway) -> http::Request<()> {
    let url = gateway.server.public.join("/api/v1/ws/chat").unwrap();
    url.as_str()
        .replacen("http", "ws", 1)
        .into_client_request()
        .unwrap()
}

#[tokio::test]
async fn a_browsers_token_travels_as_a_subprotocol_and_arrives_as_a_header() {
    let gateway = Gateway::start().await;
    let mut request = request(&gateway);
    let offered = format!("syntera.v1, bearer.{}", gateway.visitor());
    request
        .headers_mut()
        .insert("sec-websocket-protocol", offered.parse().unwrap());
    let (mut socket, answer) = connect_async(request).await.unwrap();
    assert_eq!(answer.headers()["sec-websocket-protocol"], "syntera.v1");
    for text in ["one", "two"] {
        socket.send(tungstenite::Message::text(text)).await.unwrap();
        assert_eq!(
            socket.next().await.unwrap().unwrap().into_text().unwrap(),
            text
        );
    }
    let seen = gateway.last();
    assert!(
        seen.headers["authorization"]
            .to_str()
            .unwrap()
            .starts_with("Bearer ey")
    );
    assert_eq!(seen.headers["sec-websocket-protocol"], "syntera.v1");
}

#[tokio::test]
async fn a_socket_by_cookie_must_come_from_our_own_pages() {
    let gateway = Gateway::start().await;
    let dial = |origin: Option<&str>| {
        let mut request = request(&gateway);
        let cookie = format!("syntera_access={}", gateway.person());
        request
            .headers_mut()
            .insert("cookie", cookie.parse().unwrap());
        if let Some(origin) = origin {
            request
                .headers_mut()
                .insert("origin", origin.parse().unwrap());
        }
        connect_async(request)
    };
    for refused in [None, Some("https://evil.example")] {
        let Err(tungstenite::Error::Http(answer)) = dial(refused).await else {
            panic!("refused")
        };
        assert_eq!(answer.status(), 403);
    }
    assert!(dial(Some(crate::PUBLIC)).await.is_ok());
}

#[tokio::test]
async fn without_an_upgrade_or_a_token_there_is_no_socket() {
    let gateway = Gateway::start().await;
    let plain = gateway
        .server
        .get("/api/v1/ws/chat")
        .bearer_auth(gateway.person())
        .send()
        .await
        .unwrap();
    problem(plain, 426, "upgrade_required").await;
    let Err(tungstenite::Error::Http(answer)) = connect_async(request(&gateway)).await else {
        panic!("refused")
    };
    assert_eq!(answer.status(), 401);
}

#[tokio::test]
async fn a_replica_that_is_gone_costs_nobody_a_socket() {
    let gateway = Setup::default().beside(&[nobody().await]).await;
    for _ in 0..4 {
        let mut request = request(&gateway);
        let token = format!("Bearer {}", gateway.visitor());
        request
            .headers_mut()
            .insert("authorization", token.parse().unwrap());
        connect_async(request).await.unwrap();
    }
}
