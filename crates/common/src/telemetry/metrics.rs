//! Prometheus metrics: the process's own, and RED (rate, errors, duration) for each route.

use std::{sync::LazyLock, time::Duration};

use prometheus::{
    Encoder, HistogramVec, IntCounterVec, TextEncoder, register_histogram_vec,
    register_int_counter_vec,
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
