//! What turns take and how they end.

use std::{sync::LazyLock, time::Duration};

use prometheus::{
    Histogram, IntCounter, IntCounterVec, IntGauge, register_histogram, register_int_counter,
    register_int_counter_vec, register_int_gauge,
};

const SECONDS: &[f64] = &[
    0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0,
];

static TURNS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!("agent_turns_total", "turns that ended", &["outcome"])
        .expect("the name is used once")
});
static FIRST_DELTA: LazyLock<Histogram> = LazyLock::new(|| {
    register_histogram!(
        "agent_turn_first_delta_seconds",
        "time from the customer's message to the first streamed word",
        SECONDS.to_vec()
    )
    .expect("the name is used once")
});
static WHOLE: LazyLock<Histogram> = LazyLock::new(|| {
    register_histogram!(
        "agent_turn_seconds",
        "time from the customer's message to the finished answer",
        SECONDS.to_vec()
    )
    .expect("the name is used once")
});
/// Turns that began anew, because another message came before their first word.
pub(super) static RESTARTS: LazyLock<IntCounter> = LazyLock::new(|| {
    register_int_counter!(
        "agent_turn_restarts_total",
        "turns that began anew for a further message"
    )
    .expect("the name is used once")
});
/// Turns that run in this process.
pub(super) static RUNNING: LazyLock<IntGauge> = LazyLock::new(|| {
    register_int_gauge!("agent_turns_running", "turns that run in this process")
        .expect("the name is used once")
});

/// Counts a turn that ended.
pub(super) fn ended(outcome: &str, first_delta_ms: Option<i64>, total_ms: i64) {
    TURNS.with_label_values(&[outcome]).inc();
    WHOLE.observe(seconds(total_ms));
    if let Some(first) = first_delta_ms {
        FIRST_DELTA.observe(seconds(first));
    }
}

fn seconds(milliseconds: i64) -> f64 {
    Duration::from_millis(milliseconds.max(0).unsigned_abs()).as_secs_f64()
}
