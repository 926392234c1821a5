//! Prometheus metrics: the process's own, and RED (rate, errors, duration) for each route.

use std::{
    sync::{LazyLock, OnceLock},
    time::Duration,
};

use prometheus::{
    Encoder, Histogram, HistogramVec, IntCounter, IntCounterVec, TextEncoder,
    register_histogram_vec, register_int_counter_vec,
};

static REQUESTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "http_requests_total",
        "requests answered",
        &["listener", "method", "route", "status"]
    )
    .expect("the name is used once")
});

static DURATION: LazyLock<HistogramVec> = LazyLock::new(|| {
    register_histogram_vec!(
        "http_request_duration_seconds",
        "time from the request's head to the answer's head",
        &["listener", "method", "route"],
        vec![
            0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0
        ]
    )
    .expect("the name is used once")
});

/// Counts one answered request. `route` is the pattern, never the path, so that ids make no series.
pub fn observe_request(listener: &str, method: &str, route: &str, status: u16, took: Duration) {
    REQUESTS
        .with_label_values(&[listener, method, route, &status.to_string()])
        .inc();
    DURATION
        .with_label_values(&[listener, method, route])
        .observe(took.as_secs_f64());
}

/// The metrics of one route, found once: a lookup by name would cost more than the counting.
#[derive(Debug)]
pub struct RouteMetrics {
    listener: &'static str,
    method: &'static str,
    route: &'static str,
    duration: Histogram,
    /// Counters of statuses 100 to 599, each made when it is first answered: an unused one would be a
    /// series for nothing.
    statuses: Box<[OnceLock<IntCounter>]>,
}

/// The statuses of HTTP (RFC 9110 §15).
const STATUSES: std::ops::Range<u16> = 100..600;

impl RouteMetrics {
    /// The metrics of a route of a listener, for one method.
    #[must_use]
    pub fn new(listener: &'static str, method: &'static str, route: &'static str) -> Self {
        Self {
            listener,
            method,
            route,
            duration: DURATION.with_label_values(&[listener, method, route]),
            statuses: STATUSES.map(|_| OnceLock::new()).collect(),
        }
    }

    /// Counts one answered request, as [`observe_request`] does.
    pub fn observe(&self, status: u16, took: Duration) {
        self.duration.observe(took.as_secs_f64());
        let counter = |status: u16| {
            let status = status.to_string();
            REQUESTS.with_label_values(&[self.listener, self.method, self.route, &status])
        };
        let place = usize::from(status.wrapping_sub(STATUSES.start));
        match self.statuses.get(place) {
            Some(kept) => kept.get_or_init(|| counter(status)).inc(),
            None => counter(status).inc(),
        }
    }
}

/// Memory, file descriptors and CPU of this process.
pub(super) fn register_process() {
    // Registered by a second start in the same process, as tests do: then it is there already.
    let _ = prometheus::register(Box::new(
        prometheus::process_collector::ProcessCollector::for_self(),
    ));
}

/// Everything registered, in Prometheus' text format.
#[must_use]
pub fn render() -> Vec<u8> {
    let mut text = Vec::new();
    if let Err(error) = TextEncoder::new().encode(&prometheus::gather(), &mut text) {
        tracing::error!(%error, "metrics could not be rendered");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_counts_as_requests_do() {
        let metrics = RouteMetrics::new("light", "GET", "/contacts");
        for status in [200, 200, 404, 999] {
            metrics.observe(status, Duration::from_millis(3));
        }
        observe_request("light", "GET", "/contacts", 404, Duration::from_millis(3));
        let text = String::from_utf8(render()).unwrap();
        let count = |status: &str| {
            let mut lines = text.lines().filter(|line| {
                line.starts_with("http_requests_total")
                    && line.contains("\"light\"")
                    && line.contains(&format!("status=\"{status}\""))
            });
            let line = lines
                .next()
                .unwrap_or_else(|| panic!("no {status}: {text}"));
            line.rsplit_once(' ').unwrap().1.to_owned()
        };
        assert_eq!([count("200"), count("404"), count("999")], ["2", "2", "1"]);
        assert!(!text.contains("status=\"500\""), "nothing failed");
    }
}
