//! Connections to a replica, and one exchange on them.
//!
//! hyper's connections are futures of their own, usually spawned. Here whoever uses one polls it: a
//! request and its answer then stay in one task, and nothing is handed from thread to thread. That is
//! what the gateway's cost goes into, because there is nothing else to do for most requests.

use std::{
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
    time::{Duration, Instant},
};

use axum::{
    BoxError,
    body::{Body, Bytes},
};
use common::server::worker;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::{
    body::Incoming,
    client::conn::http1::{self, Connection, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

/// A replica that does not answer within this time is not there.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// A connection that nobody uses is closed after this time; services close theirs later.
const IDLE_WITHIN: Duration = Duration::from_secs(60);

/// A connection, and the way to send requests on it.
struct Link {
    sender: SendRequest<Body>,
    connection: Connection<TokioIo<TcpStream>, Body>,
    /// Whether it has served a request before: then its end may be nobody's fault.
    reused: bool,
    ended: bool,
}

/// How an exchange failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// No connection was made.
    Connect(io::Error),
    /// The connection ended before an answer came.
    Broken {
        error: BoxError,
        /// Whether the connection had been idle, and may have ended at its own time.
        reused: bool,
        /// Whether nothing of the request was written: whatever it was, it can be sent again.
        unsent: bool,
    },
}

/// The idle connections to one address, by the thread that uses them: a connection is watched by the
/// runtime that made it.
#[derive(Debug)]
pub(super) struct Pool {
    host: Box<str>,
    port: u16,
    idle: [Mutex<Vec<Idle>>; THREADS],
}

/// More threads than this share their connections.
const THREADS: usize = 32;

struct Idle {
    link: Box<Link>,
    since: Instant,
}

impl std::fmt::Debug for Idle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "idle for {:?}", self.since.elapsed())
    }
}

impl Pool {
    pub(super) fn new(host: &str, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
            idle: Default::default(),
        }
    }

    /// Sends a request on an idle connection or on a new one, at `now`. `guard`, which knows this pool,
    /// lives as long as the answer's body.
    pub(super) async fn exchange<G: AsRef<Self> + Send + Unpin + 'static>(
        &self,
        request: Request<Body>,
        guard: G,
        now: Instant,
    ) -> Result<Response<Body>, Failure> {
        let mut link = match self.take(now) {
            Some(link) => link,
            None => Box::new(Box::pin(self.connect()).await?),
        };
        let response = link.exchange(request).await?;
        let mut body = Linked {
            incoming: None,
            link: Some(link),
            used_at: now,
            guard: Some(guard),
        };
        let (parts, incoming) = response.into_parts();
        if incoming.is_end_stream() {
            body.finish();
            return Ok(Response::from_parts(parts, Body::empty()));
        }
        body.incoming = Some(incoming);
        Ok(Response::from_parts(parts, Body::new(body)))
    }

    /// Asks for an upgrade on a connection of its own, which runs by itself from then on.
    pub(super) async fn upgrade(
        &self,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, Failure> {
        let Link {
            mut sender,
            connection,
            ..
        } = self.connect().await?;
        tokio::spawn(connection.with_upgrades());
        let answer = sender.send_request(request).await;
        answer.map_err(|error| Failure::Broken {
            error: error.into(),
            reused: false,
            unsent: false,
        })
    }

    /// Closes what has been idle for too long.
    pub(super) fn prune(&self) {
        let now = Instant::now();
        for idle in &self.idle {
            let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.retain(|idle| now.saturating_duration_since(idle.since) < IDLE_WITHIN);
        }
    }

    /// The connection that was used last, if it still stands.
    fn take(&self, now: Instant) -> Option<Box<Link>> {
        loop {
            let Idle { mut link, since } = self.idle().pop()?;
            if now.saturating_duration_since(since) < IDLE_WITHIN && link.stands() {
                link.reused = true;
                return Some(link);
            }
        }
    }

    /// Keeps a connection that carried a request at `since`. Its answer may have come long after, so it
    /// is kept for a little less than it could be.
    fn keep(&self, link: Box<Link>, since: Instant) {
        self.idle().push(Idle { link, since });
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle[worker() % THREADS]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self) -> Result<Link, Failure> {
        let stream = TcpStream::connect((&*self.host, self.port));
        let stream = match timeout(CONNECT_WITHIN, stream).await {
            Ok(stream) => stream.map_err(Failure::Connect)?,
            Err(_) => return Err(Failure::Connect(io::ErrorKind::TimedOut.into())),
        };
        // Without it a second small piece waits for the first to be acknowledged. It fails only on a
        // connection that is gone already.
        let _ = stream.set_nodelay(true);
        match http1::handshake(TokioIo::new(stream)).await {
            Ok((sender, connection)) => Ok(Link {
                sender,
                connection,
                reused: false,
                ended: false,
            }),
            Err(error) => Err(Failure::Broken {
                error: error.into(),
                reused: false,
                unsent: true,
            }),
        }
    }
}

impl Link {
    /// Whether it was not closed while nobody looked, and is ready for a request.
    fn stands(&mut self) -> bool {
        // What may come now wakes nobody: the one to come is polled again with what it sends.
        let mut nobody = Context::from_waker(Waker::noop());
        self.drive(&mut nobody).is_pending() && self.sender.is_ready()
    }

    /// Lets the connection read and write what it can.
    fn drive(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // An error of the connection is the answer's or its body's as well.
        self.ended = self.ended || Pin::new(&mut self.connection).poll(context).is_ready();
        if self.ended {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    async fn exchange(&mut self, request: Request<Body>) -> Result<Response<Incoming>, Failure> {
        let mut answer = pin!(self.sender.try_send_request(request));
        let answer = poll_fn(|context| {
            let ended = self.drive(context).is_ready();
            // Only the connection, which was just polled, brings an answer: it need not wake us.
            let mut nobody = Context::from_waker(Waker::noop());
            match answer.as_mut().poll(&mut nobody) {
                Poll::Ready(answer) => Poll::Ready(Some(answer)),
                Poll::Pending if ended => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        })
        .await;
        let broken = |error: BoxError, unsent| Failure::Broken {
            error,
            reused: self.reused,
            unsent,
        };
        match answer {
            Some(Ok(response)) => Ok(response),
            Some(Err(mut failure)) => {
                let unsent = failure.take_message().is_some();
                Err(broken(failure.into_error().into(), unsent))
            }
            None => {
                let error = io::Error::from(io::ErrorKind::UnexpectedEof);
                Err(broken(error.into(), false))
            }
        }
    }
}

/// An answer's body, with the connection that it comes on.
struct Linked<G> {
    incoming: Option<Incoming>,
    link: Option<Box<Link>>,
    /// When the request was sent.
    used_at: Instant,
    guard: Option<G>,
}

impl<G: AsRef<Pool>> Linked<G> {
    /// All has come: the connection may serve somebody else. One that does not go on, because it is
    /// told to end or has a request left to send, is closed.
    fn finish(&mut self) {
        self.incoming = None;
        if let (Some(mut link), Some(guard)) = (self.link.take(), self.guard.take())
            && link.stands()
        {
            guard.as_ref().keep(link, self.used_at);
        }
    }
}

impl<G: AsRef<Pool> + Unpin> HttpBody for Linked<G> {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = &mut *self;
        let (Some(incoming), Some(link)) = (&mut this.incoming, &mut this.link) else {
            return Poll::Ready(None);
        };
        let mut nobody = Context::from_waker(Waker::noop());
        let mut frame = Pin::new(&mut *incoming).poll_frame(&mut nobody);
        if frame.is_pending() {
            let _ = link.drive(context);
            frame = Pin::new(&mut *incoming).poll_frame(&mut nobody);
        }
        let frame = ready!(frame);
        if frame.is_none() || incoming.is_end_stream() {
            this.finish();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.incoming {
            Some(incoming) => incoming.size_hint(),
            None => SizeHint::with_exact(0),
        }
    }
}
