//! The services behind the gateway, and sending them a request.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use axum::{body::Body, response::Response};
use common::{
    ErrorCode, Problem,
    server::{Arrival, Lifecycle},
};
use http::{Method, Request, Uri, request::Parts, uri};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, Error, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use url::Url;

use super::body::{self, Watched};
use crate::{
    IDLE_CONNECTIONS,
    routes::{self, Route},
};

const CONNECT_WITHIN: Duration = Duration::from_secs(1);

pub(super) type HttpClient = Client<HttpConnector, Body>;

/// All services.
pub struct Upstreams(HashMap<routes::Upstream, Replicas>);

/// The replicas of one service.
pub(super) struct Replicas {
    name: &'static str,
    authorities: Vec<uri::Authority>,
    next: AtomicUsize,
    client: HttpClient,
    pub(super) lifecycle: Lifecycle,
}

impl Upstreams {
    /// The services at these URLs; each needs one replica at least.
    ///
    /// # Errors
    /// When a URL has no host, or a service no URL.
    pub fn new(
        urls: impl IntoIterator<Item = (routes::Upstream, Vec<Url>)>,
        lifecycle: Lifecycle,
    ) -> anyhow::Result<Self> {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_WITHIN));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_CONNECTIONS)
            .pool_timer(TokioTimer::new())
            .build(connector);
        let mut services = HashMap::new();
        for (service, urls) in urls {
            let authorities = urls
                .iter()
                .map(authority)
                .collect::<anyhow::Result<Vec<_>>>()?;
            anyhow::ensure!(!authorities.is_empty(), "no URL for {}", service.name());
            let replicas = Replicas {
                name: service.name(),
                authorities,
                next: AtomicUsize::new(0),
                client: client.clone(),
                lifecycle: lifecycle.clone(),
            };
            services.insert(service, replicas);
        }
        Ok(Self(services))
    }

    pub(super) fn of(&self, service: routes::Upstream) -> &Replicas {
        self.0
            .get(&service)
            .expect("every service of the table has its URLs")
    }
}

fn authority(url: &Url) -> anyhow::Result<uri::Authority> {
    anyhow::ensure!(
        url.scheme() == "http",
        "{url}: services are reached by http"
    );
    Ok(url[url::Position::BeforeHost..url::Position::AfterPort].parse()?)
}

impl Replicas {
    /// Forwards a request and its body. The deadline begins when the client has sent all of it.
    pub(super) async fn forward(
        &self,
        route: &Route,
        path_and_query: &str,
        (parts, body): (&Parts, Body),
    ) -> Result<Response, Problem> {
        let (body, arrival) = Arrival::watch(body);
        let body = Watched::new(body, route.body_limit);
        let make =
            |authority: &_| request(parts, authority, path_and_query, Body::new(body.clone()));
        let sending = self.send(make, |error| {
            body.is_whole() && (error.is_connect() || is_safe(&parts.method))
        });
        match arrival.within(route.deadline, sending).await {
            Some(Ok(response)) => Ok(response.map(Body::new)),
            Some(Err(_)) if body.exceeded() => Err(body::too_large(route.body_limit)),
            Some(Err(error)) => Err(self.failed(&error)),
            None => Err(self.too_slow(route)),
        }
    }

    /// Sends a request to a replica, and to the next one as long as it fails and may be sent again.
    pub(super) async fn send(
        &self,
        make: impl Fn(&uri::Authority) -> Request<Body>,
        again: impl Fn(&Error) -> bool,
    ) -> Result<http::Response<Incoming>, Error> {
        let replicas = self.authorities.len();
        let mut turn = self.next.fetch_add(1, Ordering::Relaxed) % replicas;
        let mut left = replicas;
        loop {
            let answer = self.client.request(make(&self.authorities[turn])).await;
            left -= 1;
            match answer {
                Err(error) if left > 0 && again(&error) => turn = (turn + 1) % replicas,
                answer => return answer,
            }
        }
    }

    /// What a client is told when the service takes too long.
    pub(super) fn too_slow(&self, route: &Route) -> Problem {
        Problem::new(ErrorCode::GatewayTimeout)
            .detail("the service did not answer in time; it may still have done what you asked")
            .caused_by(format!(
                "{} did not answer within {:?}",
                self.name, route.deadline
            ))
    }

    /// What a client is told when no replica answered.
    pub(super) fn failed(&self, error: &Error) -> Problem {
        if error.is_connect() {
            return Problem::unavailable(std::io::Error::other(format!(
                "{} cannot be reached: {error}",
                self.name
            )));
        }
        Problem::new(ErrorCode::BadGateway)
            .detail("the service broke off; repeat a POST only with an Idempotency-Key")
            .retry_after(Duration::from_secs(1))
            .caused_by(std::io::Error::other(format!(
                "{} broke off: {error}",
                self.name
            )))
    }
}

/// Whether repeating the request changes nothing (RFC 9110 §9.2.1).
fn is_safe(method: &Method) -> bool {
    *method == Method::GET || *method == Method::HEAD
}

/// A request with these parts for one replica.
pub(super) fn request(
    parts: &Parts,
    authority: &uri::Authority,
    path: &str,
    body: Body,
) -> Request<Body> {
    let uri = Uri::builder()
        .scheme(uri::Scheme::HTTP)
        .authority(authority.clone())
        .path_and_query(path)
        .build()
        .expect("the path came in a request");
    let mut request = Request::new(body);
    *request.method_mut() = parts.method.clone();
    *request.uri_mut() = uri;
    request.headers_mut().clone_from(&parts.headers);
    request
}
