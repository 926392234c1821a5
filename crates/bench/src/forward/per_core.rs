//! A runtime for each core: a request stays on the thread that accepted its connection, and so do the
//! connections to the upstream. Nothing is shared, and nobody is woken on another core.

use std::{cell::RefCell, convert::Infallible, net::SocketAddr, rc::Rc, thread};

use anyhow::Context;
use axum::body::Body;
use http::{HeaderValue, Request, Response, Version, header, uri};
use hyper::{
    body::Incoming,
    client::conn::http1::{SendRequest, handshake},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{LocalSet, spawn_local},
};

use super::bad_gateway;

/// Forwards on as many threads as there are cores.
///
/// # Errors
/// When the listener cannot be bound.
pub(super) fn run(bind: SocketAddr, upstream: &uri::Authority) -> anyhow::Result<()> {
    let listener = std::net::TcpListener::bind(bind)?;
    listener.set_nonblocking(true)?;
    let cores = thread::available_parallelism()?.get();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..cores)
            .map(|_| scope.spawn(|| one_core(listener.try_clone()?, upstream)))
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().ok().context("a thread panicked")?)
    })
}

fn one_core(listener: std::net::TcpListener, upstream: &uri::Authority) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::from_std(listener)?;
        let lines = Rc::new(Lines::to(upstream)?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let lines = lines.clone();
            let service = service_fn(move |request| {
                let lines = lines.clone();
                async move {
                    let answer = lines.forward(request).await;
                    Ok::<_, Infallible>(answer.unwrap_or_else(|_| bad_gateway()))
                }
            });
            // A client that goes away is no fault of the forwarder.
            spawn_local(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    })
}

/// The connections of one core to the upstream.
struct Lines {
    upstream: uri::Authority,
    host: HeaderValue,
    /// Those whose answer has begun; its body may still be on the way.
    idle: RefCell<Vec<SendRequest<Incoming>>>,
}

impl Lines {
    fn to(upstream: &uri::Authority) -> anyhow::Result<Self> {
        Ok(Self {
            upstream: upstream.clone(),
            host: HeaderValue::from_str(upstream.as_str())?,
            idle: RefCell::default(),
        })
    }

    async fn forward(&self, mut request: Request<Incoming>) -> anyhow::Result<Response<Body>> {
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.unwrap_or(uri::PathAndQuery::from_static("/")).into();
        *request.version_mut() = Version::HTTP_11;
        request
            .headers_mut()
            .insert(header::HOST, self.host.clone());
        let mut line = self.take().await?;
        let response = line.send_request(request).await?;
        self.idle.borrow_mut().push(line);
        Ok(response.map(Body::new))
    }

    /// A line that is free, or a new one.
    async fn take(&self) -> anyhow::Result<SendRequest<Incoming>> {
        let free = {
            let mut idle = self.idle.borrow_mut();
            idle.retain(|line| !line.is_closed());
            let free = idle.iter().rposition(SendRequest::is_ready);
            free.map(|place| idle.swap_remove(place))
        };
        if let Some(line) = free {
            return Ok(line);
        }
        let stream = TcpStream::connect(self.upstream.as_str()).await?;
        stream.set_nodelay(true)?;
        let (line, connection) = handshake(TokioIo::new(stream)).await?;
        spawn_local(connection);
        Ok(line)
    }
}
