//! Forwarders that do nothing else: what a gateway costs before it does anything (ADR 13).

mod per_core;

use std::{convert::Infallible, net::SocketAddr};

use axum::{Router, body::Body, extract::State, response::IntoResponse};
use http::{Request, Response, StatusCode, Uri, uri};
use http_body::Body as HttpBody;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{Connect, HttpConnector},
    },
    rt::{TokioExecutor, TokioIo},
};
use tokio::net::TcpListener;

use crate::By;

type Pool<B> = Client<HttpConnector, B>;

/// Forwards what comes to `bind` to the same path of `upstream`.
///
/// # Errors
/// When the listener cannot be bound.
pub(crate) fn run(by: By, bind: SocketAddr, upstream: uri::Authority) -> anyhow::Result<()> {
    let bound = async || anyhow::Ok(TcpListener::bind(bind).await?);
    match by {
        By::Hyper => runtime()?.block_on(async { with_hyper(bound().await?, upstream).await }),
        By::Axum => runtime()?.block_on(async { with_axum(bound().await?, upstream).await }),
        By::PerCore => per_core::run(bind, &upstream),
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Runtime::new()
}

fn pool<B>() -> Pool<B>
where
    B: HttpBody + Send,
    B::Data: Send,
    HttpConnector: Connect,
{
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new()).build(connector)
}

/// The same request at the upstream.
fn aim<B>(request: &mut Request<B>, upstream: &uri::Authority) {
    let path = request.uri().path_and_query().cloned();
    let uri = Uri::builder()
        .scheme(uri::Scheme::HTTP)
        .authority(upstream.clone())
        .path_and_query(path.unwrap_or(uri::PathAndQuery::from_static("/")))
        .build()
        .expect("all parts are there");
    *request.uri_mut() = uri;
    request.headers_mut().remove(http::header::HOST);
}

async fn with_hyper(listener: TcpListener, upstream: uri::Authority) -> anyhow::Result<()> {
    let pool: Pool<Incoming> = pool();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (pool, upstream) = (pool.clone(), upstream.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            aim(&mut request, &upstream);
            let answer = pool.request(request);
            async move {
                Ok::<_, Infallible>(match answer.await {
                    Ok(response) => response.map(Body::new),
                    Err(_) => bad_gateway(),
                })
            }
        });
        // A client that goes away is no fault of the forwarder.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn with_axum(listener: TcpListener, upstream: uri::Authority) -> anyhow::Result<()> {
    let app = Router::new()
        .fallback(handle)
        .with_state((pool::<Body>(), upstream));
    Ok(axum::serve(listener, app).await?)
}

async fn handle(
    State((pool, upstream)): State<(Pool<Body>, uri::Authority)>,
    mut request: Request<Body>,
) -> Response<Body> {
    aim(&mut request, &upstream);
    match pool.request(request).await {
        Ok(response) => response.map(Body::new),
        Err(_) => bad_gateway(),
    }
}

fn bad_gateway() -> Response<Body> {
    StatusCode::BAD_GATEWAY.into_response()
}
