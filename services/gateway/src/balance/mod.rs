//! The services behind the gateway, and sending them a request.
//!
//! A request goes to the replica that has less to do, of two that are well. A replica that fails is left
//! alone for a while, and one that says that it is not ready is spared. What cannot have been done is
//! sent again, and what may be done twice is so within a budget. A service that has too much to do gets
//! nothing more.

mod breaker;
mod budget;
mod error;
mod gate;
mod health;
mod link;
mod pick;
mod replica;

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::body::{Body, Bytes};
use common::server::{Arrival, Lifecycle};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, header};
use hyper::body::Incoming;
use url::Url;

pub(crate) use error::Unserved;

use self::{
    breaker::Fault,
    budget::Budget,
    gate::Gate,
    link::Failure,
    pick::Tried,
    replica::{Replica, UnderWay},
};
use crate::{
    forward::Watched,
    metrics,
    routes::{ROUTES, Upstream},
};

/// How often a request is sent again because of a failure that may have changed something.
const RETRIES: u32 = 2;

/// All services.
pub struct Upstreams([Service; Upstream::ALL.len()]);

/// The replicas of one service.
pub(crate) struct Service {
    name: &'static str,
    replicas: Vec<Arc<Replica>>,
    gate: Gate,
    budget: Budget,
    pub(crate) lifecycle: Lifecycle,
}

/// A request on its way to a service.
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Payload,
    /// Whether doing it twice is as good as doing it once (RFC 9110 §9.2.2).
    pub(crate) idempotent: bool,
}

/// A request's body.
pub(crate) enum Payload {
    /// All of it is here.
    Whole(Bytes),
    /// It comes as it comes.
    Stream(Watched),
}

impl Payload {
    /// Whether all of it is still there to be sent.
    fn is_whole(&self) -> bool {
        match self {
            Self::Whole(_) => true,
            Self::Stream(body) => body.is_whole(),
        }
    }

    /// Whether the client broke it off, or sent too much.
    fn failed(&self) -> bool {
        match self {
            Self::Whole(_) => false,
            Self::Stream(body) => body.failed(),
        }
    }
}

impl Upstreams {
    /// The services at these URLs; each needs one replica at least.
    ///
    /// # Errors
    /// When a URL has no host, or a service no URL.
    pub fn new(
        urls: impl IntoIterator<Item = (Upstream, Vec<Url>)>,
        lifecycle: &Lifecycle,
    ) -> anyhow::Result<Self> {
        let mut services: Vec<_> = urls.into_iter().collect();
        services.sort_by_key(|(service, _)| *service as usize);
        let services = services
            .into_iter()
            .map(|(service, urls)| Service::new(service.name(), &urls, lifecycle))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let services = services.try_into();
        let services = services.map_err(|_| anyhow::anyhow!("each service has its URLs once"))?;
        Ok(Self(services))
    }

    /// Asks all replicas how they are, in the background, until the service stops.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn watch(&self, lifecycle: &Lifecycle) -> anyhow::Result<()> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        for replica in self.0.iter().flat_map(|service| &service.replicas) {
            let (watch, cut) = (
                health::watch(replica.clone(), http.clone()),
                lifecycle.cut_token(),
            );
            lifecycle.spawn_background(async move {
                cut.run_until_cancelled(watch).await;
            });
        }
        Ok(())
    }

    pub(crate) fn of(&self, service: Upstream) -> &Service {
        &self.0[service as usize]
    }
}

impl Service {
    fn new(name: &'static str, urls: &[Url], lifecycle: &Lifecycle) -> anyhow::Result<Self> {
        let replica = |url| anyhow::Ok(Arc::new(Replica::new(url)?));
        let replicas: Vec<_> = urls.iter().map(replica).collect::<Result<_, _>>()?;
        anyhow::ensure!(
            (1..=pick::MOST).contains(&replicas.len()),
            "{name} needs from 1 to {} URLs",
            pick::MOST
        );
        let now = Instant::now();
        Ok(Self {
            name,
            replicas,
            gate: Gate::new(ROUTES.len(), now, metrics::LIMIT.with_label_values(&[name])),
            budget: Budget::new(now),
            lifecycle: lifecycle.clone(),
        })
    }

    /// Forwards a request for the route at `place` of the table. `deadline` counts from the last piece
    /// of the request.
    pub(crate) async fn forward(
        &self,
        place: usize,
        outgoing: &Outgoing,
        (arrival, deadline): (&Arrival, Duration),
    ) -> Result<Response<Body>, Unserved> {
        let entered = Instant::now();
        let Some(_inside) = Inside::enter(self, entered) else {
            metrics::SHED.with_label_values(&[self.name]).inc();
            return Err(Unserved::Overloaded);
        };
        let answer = self.send(outgoing, entered, (arrival, deadline)).await;
        // A fault is no measure of how fast the service is; having waited for nothing is.
        let telling = match &answer {
            Ok(response) => !response.status().is_server_error(),
            Err(failure) => matches!(failure, Unserved::TooSlow { .. }),
        };
        if telling {
            self.gate.answered(place, entered, Instant::now());
        }
        answer
    }

    /// Sends a request to a replica, and to the next one as long as it fails and may be sent again.
    async fn send(
        &self,
        outgoing: &Outgoing,
        mut now: Instant,
        (arrival, deadline): (&Arrival, Duration),
    ) -> Result<Response<Body>, Unserved> {
        self.budget.pay();
        let (mut tried, mut retries) = (Tried::default(), RETRIES);
        // Whose connection ended under the request, and who may be well all the same.
        let mut doubtful = Tried::default();
        let mut last = None;
        loop {
            let picked = pick::pick(&self.replicas, tried.and(doubtful), now)
                .or_else(|| pick::pick(&self.replicas, tried, now));
            let Some(place) = picked else {
                return Err(last.unwrap_or_else(|| self.all_open(now)));
            };
            let replica = &self.replicas[place];
            let request = outgoing.request(replica);
            let sending = pin!(replica.pool.exchange(request, UnderWay::at(replica), now));
            let mut may_repeat = || {
                let may = retries > 0 && outgoing.may_repeat() && self.budget.take(now);
                retries -= u32::from(may);
                may
            };
            let others = || pick::others(&self.replicas, tried, place, now);
            match arrival.within(deadline, sending).await {
                Some(Ok(response)) if refuses(response.status()) && others() => {
                    replica.blame(self.name, Fault::Answer);
                    if !may_repeat() {
                        return Ok(response);
                    }
                }
                Some(Ok(response)) => {
                    replica.breaker.succeeded();
                    return Ok(response);
                }
                Some(Err(Failure::Connect(error))) => {
                    replica.blame(self.name, Fault::Connect);
                    let service = self.name;
                    last = Some(Unserved::Away { service, error });
                }
                Some(Err(Failure::Broken {
                    error,
                    reused,
                    unsent,
                })) => {
                    let service = self.name;
                    let failure = Unserved::Broken { service, error };
                    if outgoing.payload.failed() {
                        return Err(failure);
                    }
                    let others = others();
                    if !reused && others {
                        replica.blame(self.name, Fault::Answer);
                    }
                    if !unsent && !may_repeat() {
                        return Err(failure);
                    }
                    last = Some(failure);
                    if reused {
                        // It had ended while it was idle, or just now. There are only so many that
                        // were used before, so this comes to an end. If the replica died, all of them
                        // end, and the retries would be used up by them: the others come first.
                        if others {
                            doubtful.add(place);
                        }
                        metrics::RETRIES.with_label_values(&[self.name]).inc();
                        now = Instant::now();
                        continue;
                    }
                }
                None => {
                    if others() {
                        replica.blame(self.name, Fault::Answer);
                    }
                    let service = self.name;
                    return Err(Unserved::TooSlow { service, deadline });
                }
            }
            metrics::RETRIES.with_label_values(&[self.name]).inc();
            tried.add(place);
            now = Instant::now();
        }
    }

    /// Asks a replica for an upgrade, and the next one as long as none was agreed on. A handshake
    /// changes nothing, so it may be repeated whatever happened to it.
    pub(crate) async fn upgrade(
        &self,
        outgoing: &Outgoing,
        deadline: Duration,
    ) -> Result<Response<Incoming>, Unserved> {
        let mut tried = Tried::default();
        let mut last = None;
        let until = tokio::time::Instant::now() + deadline;
        loop {
            let now = Instant::now();
            let Some(place) = pick::pick(&self.replicas, tried, now) else {
                return Err(last.unwrap_or_else(|| self.all_open(now)));
            };
            let (replica, service) = (&self.replicas[place], self.name);
            let asking = replica.pool.upgrade(outgoing.request(replica));
            last = match tokio::time::timeout_at(until, asking).await {
                Ok(Ok(response)) => {
                    replica.breaker.succeeded();
                    return Ok(response);
                }
                Ok(Err(Failure::Connect(error))) => {
                    replica.blame(self.name, Fault::Connect);
                    Some(Unserved::Away { service, error })
                }
                Ok(Err(Failure::Broken { error, .. })) => Some(Unserved::Broken { service, error }),
                Err(_) => return Err(Unserved::TooSlow { service, deadline }),
            };
            tried.add(place);
        }
    }

    fn all_open(&self, now: Instant) -> Unserved {
        Unserved::Open {
            service: self.name,
            wait: pick::wait(&self.replicas, now),
        }
    }
}

/// Whether a replica says that it cannot serve, for now.
fn refuses(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE
    )
}

impl Outgoing {
    fn request(&self, replica: &Replica) -> Request<Body> {
        let body = match &self.payload {
            Payload::Whole(bytes) if bytes.is_empty() => Body::empty(),
            Payload::Whole(bytes) => Body::from(bytes.clone()),
            Payload::Stream(body) => Body::new(body.clone()),
        };
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        request.headers_mut().clone_from(&self.headers);
        let host = replica.host.clone();
        request.headers_mut().insert(header::HOST, host);
        request
    }

    fn may_repeat(&self) -> bool {
        self.idempotent && self.payload.is_whole()
    }
}

/// A request inside the gate, until its answer begins.
struct Inside<'a>(&'a Service);

impl<'a> Inside<'a> {
    fn enter(service: &'a Service, now: Instant) -> Option<Self> {
        service.gate.enter(now).then_some(Self(service))
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.gate.leave();
    }
}
