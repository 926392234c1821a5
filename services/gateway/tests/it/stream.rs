//! What streams arrives piece by piece, in both directions.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    response::{IntoResponse, Response},
    routing::any,
};
use common::server::Lifecycle;
use futures::StreamExt;
use testkit::Server;
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;

use crate::Setup;

type Pieces = mpsc::Receiver<Result<Bytes, std::io::Error>>;

/// A service that answers with what it is handed, and hands on what it gets.
async fn service(answer: Pieces) -> (Server, mpsc::Receiver<Bytes>) {
    let answer = Arc::new(Mutex::new(Some(answer)));
    let (got, arrived) = mpsc::channel(16);
    let router = Router::new().route(
        "/{*path}",
        any(move |request: Request| {
            let (answer, got) = (answer.clone(), got.clone());
            async move {
                let mut body = request.into_body().into_data_stream();
                tokio::spawn(async move {
                    while let Some(Ok(piece)) = body.next().await {
                        let _ = got.send(piece).await;
                    }
                });
                let pieces = answer.lock().unwrap().take().unwrap();
                let body = Body::from_stream(ReceiverStream::new(pieces));
                let response: Response =
                    ([("content-type", "text/event-stream")], body).into_response();
                response
            }
        }),
    );
    let server = Server::start(router, Router::new(), Lifecycle::default()).await;
    (server, arrived)
}

/// So long may a piece take that nobody holds back.
const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn events_arrive_one_by_one() {
    let (events, pieces) = mpsc::channel(1);
    let (service, _arrived) = service(pieces).await;
    let gateway = Setup::default()
        .before(std::slice::from_ref(&service.public))
        .await;
    let asking = gateway.contacts().send();
    let answer = timeout(SOON, asking).await.expect("the head comes first");
    let mut stream = answer.unwrap().bytes_stream();
    for event in ["data: one\n\n", "data: two\n\n", "data: three\n\n"] {
        // The next one is made only when this one is here, so none can wait for another.
        events.send(Ok(Bytes::from(event))).await.unwrap();
        let piece = timeout(SOON, stream.next()).await.expect("it comes alone");
        assert_eq!(piece.unwrap().unwrap(), event);
    }
    drop(events);
    let end = timeout(SOON, stream.next()).await.expect("the end comes");
    assert!(end.is_none());
}

#[tokio::test]
async fn a_stream_that_breaks_is_not_taken_for_a_whole_one() {
    let (events, pieces) = mpsc::channel(1);
    let (service, _arrived) = service(pieces).await;
    let gateway = Setup::default()
        .before(std::slice::from_ref(&service.public))
        .await;
    let answer = gateway.contacts().send().await.unwrap();
    let mut stream = answer.bytes_stream();
    events.send(Ok(Bytes::from("half"))).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), "half");
    let broken = std::io::Error::other("the service fails");
    events.send(Err(broken)).await.unwrap();
    assert!(
        timeout(SOON, stream.next())
            .await
            .expect("it ends")
            .unwrap()
            .is_err()
    );
}

#[tokio::test]
async fn an_upload_arrives_piece_by_piece() {
    let (_events, pieces) = mpsc::channel(1);
    let (service, mut arrived) = service(pieces).await;
    let gateway = Setup::default()
        .before(std::slice::from_ref(&service.public))
        .await;
    let (upload, body) = mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let request = gateway.server.post("/api/v1/contacts");
    let request = request.bearer_auth(gateway.person());
    let request = request.body(reqwest::Body::wrap_stream(ReceiverStream::new(body)));
    let _asking = tokio::spawn(request.send());
    for piece in ["one", "two"] {
        upload.send(Ok(Bytes::from(piece))).await.unwrap();
        let got = timeout(SOON, arrived.recv())
            .await
            .expect("it is not held back");
        assert_eq!(got.unwrap(), piece);
    }
}
