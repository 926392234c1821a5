//! Accepting connections: as `axum::serve` does, with an end for clients that say nothing.

use std::{convert::Infallible, io, net::SocketAddr, pin::pin, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo};
use http::{Request, Response};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

/// A new connection has this long to send the head of its first request.
pub(super) const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// A connection may be idle this long between two requests. hyper counts the head of the next one in.
/// Longer than load balancers and the gateway keep theirs (60 s), because whoever closes first loses a
/// request that is on its way.
const IDLE_WITHIN: Duration = Duration::from_secs(75);
/// How often a connection of HTTP/2 is asked whether somebody is still there.
const PING_EVERY: Duration = Duration::from_secs(20);
/// A process without free file descriptors waits for some.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Serves until `stop`, and then until the running requests are answered. What was upgraded by then is
/// not waited for.
pub(super) async fn listen(
    listener: TcpListener,
    app: Router,
    stop: CancellationToken,
    head_within: Duration,
) {
    // Once, instead of for every request.
    let app = app.with_state(());
    let connections = TaskTracker::new();
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, peer)) => {
                connections.spawn(serve(stream, peer, app.clone(), stop.clone(), head_within));
            }
            Err(error) if is_the_peers(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted");
                stop.run_until_cancelled(tokio::time::sleep(AFTER_FAILURE))
                    .await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// Serves one connection.
async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    app: Router,
    stop: CancellationToken,
    head_within: Duration,
) {
    // By default the kernel holds a second small packet back until the first is acknowledged, which a
    // client may put off for 40 ms (RFC 1122 §4.2.3.2 and §4.2.3.4): each frame of a socket and each
    // piece of a stream is such a packet. It fails only on a connection that is gone already.
    let _ = stream.set_nodelay(true);
    let asked = CancellationToken::new();
    let service = service_fn(|request: Request<Incoming>| {
        asked.cancel();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        let app = app.clone();
        async move { Ok::<Response<Body>, Infallible>(answer(app, request).await) }
    });
    let builder = builder();
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    // hyper's own timer starts only when it knows which version is spoken, so this one is ours.
    let mut first_head = pin!(tokio::time::timeout(head_within, asked.cancelled()));
    let (mut silent, mut serving) = (true, true);
    loop {
        tokio::select! {
            // An error is a client that went away or that does not speak HTTP.
            _ = connection.as_mut() => return,
            asked = &mut first_head, if silent => match asked {
                Ok(()) => silent = false,
                Err(_) => return,
            },
            () = stop.cancelled(), if serving => {
                serving = false;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

async fn answer(app: Router, request: Request<Body>) -> Response<Body> {
    match app.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_WITHIN);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY);
    builder
}

/// Whether a connection ended before it was accepted, which says nothing about the listener.
fn is_the_peers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        time::{Instant, timeout},
    };

    use super::*;

    const HEAD: Duration = Duration::from_millis(300);

    async fn serving(app: Router) -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let task = tokio::spawn(listen(listener, app, stop.clone(), HEAD));
        (address, stop, task)
    }

    /// What the server says until it closes.
    async fn to_the_end(stream: &mut TcpStream) -> String {
        let mut text = String::new();
        let read = stream.read_to_string(&mut text);
        let read = timeout(Duration::from_secs(10), read).await;
        read.expect("it is closed").unwrap();
        text
    }

    #[tokio::test]
    async fn who_sends_no_head_is_cut_and_who_has_sent_one_is_not() {
        let slow = get(|| async {
            tokio::time::sleep(HEAD * 2).await;
            "late"
        });
        let (address, _stop, _task) = serving(Router::new().route("/", slow)).await;
        // The second one could still become HTTP/2.
        for beginning in ["", "P", "GET / HTT", "GET / HTTP/1.1\r\nhost: x\r\n"] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(beginning.as_bytes()).await.unwrap();
            let begun = Instant::now();
            assert_eq!(to_the_end(&mut stream).await, "", "{beginning:?}");
            assert!(begun.elapsed() < HEAD * 10, "{beginning:?}");
        }
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        assert!(to_the_end(&mut stream).await.ends_with("late"));
    }

    #[tokio::test]
    async fn running_requests_are_answered_and_nobody_else_comes_in() {
        let (begun, go) = (CancellationToken::new(), CancellationToken::new());
        let handler = {
            let (begun, go) = (begun.clone(), go.clone());
            get(move || {
                let (begun, go) = (begun.clone(), go.clone());
                async move {
                    begun.cancel();
                    go.cancelled().await;
                    "done"
                }
            })
        };
        let (address, stop, task) = serving(Router::new().route("/", handler)).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        begun.cancelled().await;
        stop.cancel();
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        assert!(!task.is_finished());
        go.cancel();
        // Closed after the answer, though the client would have kept it.
        assert!(to_the_end(&mut stream).await.ends_with("done"));
        task.await.unwrap();
    }
}
