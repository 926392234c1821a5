//! One replica of a service.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Instant,
};

use anyhow::Context;
use http::HeaderValue;
use url::{Host, Position, Url};

use super::{
    breaker::{Breaker, Fault},
    link::Pool,
};

/// The internal listener of a service is this far above its public one.
const INTERNAL: u16 = 100;

pub(super) struct Replica {
    /// Host and port, as requests name it.
    pub(super) host: HeaderValue,
    pub(super) pool: Pool,
    pub(super) breaker: Breaker,
    /// Whether it says itself that it is ready; yes, as long as nobody knows.
    pub(super) ready: AtomicBool,
    /// Its `/readyz`, where it is reachable.
    pub(super) health: Option<Url>,
    under_way: AtomicUsize,
}

impl Replica {
    /// The replica at this URL.
    pub(super) fn new(url: &Url) -> anyhow::Result<Self> {
        anyhow::ensure!(
            url.scheme() == "http",
            "{url}: services are reached by http"
        );
        let name = &url[Position::BeforeHost..Position::AfterPort];
        let host = match url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            None => anyhow::bail!("{url}: no host"),
        };
        let port = url.port_or_known_default().context("no port")?;
        let health = port.checked_add(INTERNAL).and_then(|port| {
            let mut health = url.join("/readyz").ok()?;
            health.set_port(Some(port)).ok()?;
            Some(health)
        });
        Ok(Self {
            host: HeaderValue::from_str(name)?,
            pool: Pool::new(&host, port),
            breaker: Breaker::new(),
            ready: AtomicBool::new(true),
            health,
            under_way: AtomicUsize::new(0),
        })
    }

    /// How many requests it has to answer.
    pub(super) fn load(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    pub(super) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    pub(super) fn name(&self) -> &str {
        self.host.to_str().unwrap_or_default()
    }

    /// A call to it failed.
    pub(super) fn blame(&self, service: &'static str, fault: Fault) {
        if let Some(wait) = self.breaker.failed(fault, Instant::now()) {
            crate::metrics::SET_ASIDE
                .with_label_values(&[service])
                .inc();
            tracing::warn!(
                service,
                replica = self.name(),
                ?fault,
                millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                "a replica is left alone for a while"
            );
        }
    }
}

/// A request that a replica has to answer, until the last of its answer has come.
pub(super) struct UnderWay(Arc<Replica>);

impl UnderWay {
    pub(super) fn at(replica: &Arc<Replica>) -> Self {
        replica.under_way.fetch_add(1, Ordering::Relaxed);
        Self(replica.clone())
    }
}

impl AsRef<Pool> for UnderWay {
    fn as_ref(&self) -> &Pool {
        &self.0.pool
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}
