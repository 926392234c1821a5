//! Accepting connections: as `axum::serve` does, with an end for clients that say nothing, with TLS
//! where there is a certificate, and with a stop that costs nobody a request.

use std::{
    convert::Infallible,
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    task::Poll,
    time::Duration,
};

use axum::body::Body;
use http::{HeaderValue, Request, Response, StatusCode, Version, header};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    time::{Instant, Sleep, sleep, sleep_until, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    body::RequestBody,
    front::{Front, Peer},
    tls::Tls,
    workers::Workers,
};

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
/// At the stop, an idle connection of HTTP/1 is kept this long: its client may have sent a request
/// already, and cannot know whether it was taken. What comes is answered, and the answer says that the
/// connection ends. HTTP/2 says so by itself (RFC 9113 §6.8).
const LINGER: Duration = Duration::from_millis(300);

/// Serves until `stop`, and then until the running requests are answered. What was upgraded by then is
/// not waited for.
pub(super) async fn listen<F: Front>(
    listener: TcpListener,
    front: F,
    (tls, workers): (Option<Tls>, Option<Workers>),
    stop: CancellationToken,
    head_within: Duration,
) {
    let connections = TaskTracker::new();
    let closing = Arc::new(Closing::default());
    let begin = |stream, address| {
        let connection = Connection {
            front: front.clone(),
            peer: Peer {
                address,
                tls: tls.is_some(),
            },
            closing: closing.clone(),
            head_until: Instant::now() + head_within,
            shown: AtomicU8::new(SILENT),
        };
        let tls = tls.clone();
        match &workers {
            Some(workers) => {
                let serve = |stream| connection.accept(stream, tls);
                workers.spawn(&connections, stream, serve);
            }
            None => drop(connections.spawn(connection.accept(stream, tls))),
        }
    };
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, address)) => begin(stream, address),
            Err(error) if is_the_peers(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted");
                stop.run_until_cancelled(sleep(AFTER_FAILURE)).await;
            }
        }
    }
    // Whoever was connected by the kernel already would be reset.
    for (stream, address) in waiting(listener) {
        begin(stream, address);
    }
    closing.begin();
    connections.close();
    connections.wait().await;
}

/// The connections that wait to be accepted; the listener is closed after the last.
fn waiting(listener: TcpListener) -> impl Iterator<Item = (TcpStream, SocketAddr)> {
    let listener = listener.into_std().ok();
    std::iter::from_fn(move || {
        let (stream, address) = listener.as_ref()?.accept().ok()?;
        stream.set_nonblocking(true).ok()?;
        Some((TcpStream::from_std(stream).ok()?, address))
    })
}

/// That the listener's connections are to end.
#[derive(Default)]
struct Closing {
    /// Set before the token wakes anybody, so that looking at it is enough from then on: the token
    /// costs a lock each time.
    begun: AtomicBool,
    wake: CancellationToken,
}

impl Closing {
    fn begin(&self) {
        self.begun.store(true, Ordering::SeqCst);
        self.wake.cancel();
    }

    fn has_begun(&self) -> bool {
        self.begun.load(Ordering::SeqCst)
    }
}

/// One connection.
struct Connection<F> {
    front: F,
    peer: Peer,
    closing: Arc<Closing>,
    head_until: Instant,
    /// What its requests have shown of it.
    shown: AtomicU8,
}

/// Nothing has come.
const SILENT: u8 = 0;
const HTTP1: u8 = 1;
const HTTP2: u8 = 2;

impl<F: Front> Connection<F> {
    async fn accept(self, stream: TcpStream, tls: Option<Tls>) {
        // By default the kernel holds a second small packet back until the first is acknowledged, which
        // a client may put off for 40 ms (RFC 1122 §4.2.3.2 and §4.2.3.4): each frame of a socket and
        // each piece of a stream is such a packet. It fails only on a connection that is gone already.
        let _ = stream.set_nodelay(true);
        let Some(tls) = tls else {
            return self.serve(stream).await;
        };
        match timeout_at(self.head_until, tls.acceptor().accept(stream)).await {
            Ok(Ok(stream)) => self.serve(stream).await,
            // Scanners, clients of old versions, and those who do not know the certificate.
            Ok(Err(error)) => tracing::debug!(%error, "no TLS was agreed on"),
            Err(_) => {}
        }
    }

    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
        let this = Arc::new(self);
        let service = service_fn(|request| {
            let this = this.clone();
            async move { Ok::<_, Infallible>(this.answer(request).await) }
        });
        let builder = builder();
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        // hyper's own timer starts only when it knows which version is spoken, so this one is ours.
        let mut first_head = pin!(sleep_until(this.head_until));
        let mut woken = pin!(this.closing.wake.cancelled());
        let mut linger: Option<Pin<Box<Sleep>>> = None;
        let (mut watched, mut told) = (false, false);
        poll_fn(|context| {
            // An error is a client that went away or that does not speak HTTP.
            if connection.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            let shown = this.shown.load(Ordering::Relaxed);
            if shown == SILENT && first_head.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            if !watched {
                watched = true;
                // Only for the waker that it keeps.
                let _ = woken.as_mut().poll(context);
            }
            if this.closing.has_begun() && !told {
                let wait = if shown == HTTP2 {
                    Duration::ZERO
                } else {
                    LINGER
                };
                let linger = linger.get_or_insert_with(|| Box::pin(sleep(wait)));
                if linger.as_mut().poll(context).is_ready() {
                    told = true;
                    connection.as_mut().graceful_shutdown();
                    return connection.as_mut().poll(context).map(drop);
                }
            }
            Poll::Pending
        })
        .await;
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let http2 = request.version() == Version::HTTP_2;
        let version = if http2 { HTTP2 } else { HTTP1 };
        self.shown.store(version, Ordering::Relaxed);
        let (head, incoming) = request.into_parts();
        if http2 {
            let request = Request::from_parts(head, RequestBody::unwatched(incoming));
            return self.front.answer(request, self.peer).await;
        }
        let (body, rest) = RequestBody::watched(incoming, &head.headers);
        let request = Request::from_parts(head, body);
        let mut response = self.front.answer(request, self.peer).await;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return response;
        }
        let whole = rest.read().await;
        if !whole || self.closing.has_begun() {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        response
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
    use axum::{
        Router,
        routing::{get, post},
    };
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        time::timeout,
    };

    use super::*;
    use crate::server::front::Routed;

    const HEAD: Duration = Duration::from_millis(300);

    async fn serving(app: Router) -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let task = tokio::spawn(listen(
            listener,
            Routed::new(app),
            (None, None),
            stop.clone(),
            HEAD,
        ));
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

    /// Reads until what came ends so.
    async fn until(stream: &mut TcpStream, end: &str) -> String {
        let mut text = String::new();
        let mut piece = [0; 1024];
        while !text.ends_with(end) {
            let read = timeout(Duration::from_secs(10), stream.read(&mut piece));
            let read = read.await.expect("it answers").unwrap();
            assert_ne!(read, 0, "closed after {text:?}");
            text.push_str(std::str::from_utf8(&piece[..read]).unwrap());
        }
        text
    }

    #[tokio::test]
    async fn a_request_that_meets_the_stop_is_answered_and_told_that_the_connection_ends() {
        const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
        let (address, stop, task) =
            serving(Router::new().route("/", get(|| async { "here" }))).await;
        let mut kept = TcpStream::connect(address).await.unwrap();
        kept.write_all(REQUEST).await.unwrap();
        let first = until(&mut kept, "here").await;
        assert!(!first.contains("connection: close"), "{first}");
        // Connected by the kernel, but perhaps not accepted yet.
        let mut queued = TcpStream::connect(address).await.unwrap();
        stop.cancel();
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        for stream in [&mut kept, &mut queued] {
            stream.write_all(REQUEST).await.unwrap();
            let last = to_the_end(stream).await;
            assert!(
                last.contains("connection: close") && last.ends_with("here"),
                "{last}"
            );
        }
        task.await.unwrap();
    }

    #[tokio::test]
    async fn a_refusal_that_did_not_look_at_the_body_leaves_the_connection_for_the_next_request() {
        let refusal = || async { StatusCode::FORBIDDEN };
        let (address, _stop, _task) =
            serving(Router::new().route("/", post(refusal).get(|| async { "here" }))).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n";
        stream.write_all(head).await.unwrap();
        // So that the head is answered before there is a body, if anything is.
        tokio::time::sleep(Duration::from_millis(100)).await;
        stream.write_all(b"words").await.unwrap();
        let refused = until(&mut stream, "\r\n\r\n").await;
        assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
        assert!(!refused.contains("connection: close"), "{refused}");
        let next = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
        stream.write_all(next).await.unwrap();
        until(&mut stream, "here").await;
    }

    #[tokio::test]
    async fn who_is_refused_and_need_not_send_the_body_is_told_that_the_connection_ends() {
        let refusal = || async { StatusCode::FORBIDDEN };
        let (address, _stop, _task) = serving(Router::new().route("/", post(refusal))).await;
        for body in [
            // Too much to be thrown away, and asking first, in which case nothing may invite it.
            "content-length: 10000000\r\n",
            "content-length: 5\r\nexpect: 100-continue\r\n",
        ] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let head = format!("POST / HTTP/1.1\r\nhost: x\r\n{body}\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            let answer = to_the_end(&mut stream).await;
            assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
            assert!(answer.contains("connection: close"), "{answer}");
        }
    }

    #[tokio::test]
    async fn an_idle_connection_does_not_hold_the_stop_up() {
        let (address, stop, task) =
            serving(Router::new().route("/", get(|| async { "here" }))).await;
        let mut idle = TcpStream::connect(address).await.unwrap();
        idle.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        until(&mut idle, "here").await;
        stop.cancel();
        let ended = timeout(LINGER * 10, task).await;
        ended.expect("it ends").unwrap();
        assert_eq!(to_the_end(&mut idle).await, "");
    }
}
