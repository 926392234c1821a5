//! What the gateway counts beyond the requests of each route.

use std::sync::LazyLock;

use prometheus::{
    IntCounter, IntCounterVec, IntGaugeVec, register_int_counter, register_int_counter_vec,
    register_int_gauge_vec,
};

/// Replicas that were set aside because they failed.
pub(crate) static SET_ASIDE: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "gateway_replicas_set_aside_total",
        "times that a replica was left alone because it failed",
        &["service"]
    )
    .expect("the name is used once")
});

/// Requests that were sent again.
pub(crate) static RETRIES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "gateway_retries_total",
        "requests that were sent to a service again",
        &["service"]
    )
    .expect("the name is used once")
});

/// Requests that were refused because too many were under way.
pub(crate) static SHED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "gateway_shed_total",
        "requests refused because the service has too much to do",
        &["service"]
    )
    .expect("the name is used once")
});

/// How many requests a service may have under way.
pub(crate) static LIMIT: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    register_int_gauge_vec!(
        "gateway_limit",
        "requests that a service may have under way",
        &["service"]
    )
    .expect("the name is used once")
});

/// Lines of the access log that were lost because nobody read them.
pub(crate) static LINES_LOST: LazyLock<IntCounter> = LazyLock::new(|| {
    register_int_counter!(
        "gateway_access_log_lost_total",
        "lines of the access log that nobody took in time"
    )
    .expect("the name is used once")
});
