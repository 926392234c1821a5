//! What calls to models cost and how they end.

use std::{sync::LazyLock, time::Duration};

use prometheus::{HistogramVec, IntCounterVec, register_histogram_vec, register_int_counter_vec};

static TOKENS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "llm_tokens_total",
        "tokens, as the servers counted them",
        &["kind", "model"]
    )
    .expect("the name is used once")
});
static REQUESTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "llm_requests_total",
        "calls to models",
        &["operation", "model", "outcome"]
    )
    .expect("the name is used once")
});
static SECONDS: LazyLock<HistogramVec> = LazyLock::new(|| {
    register_histogram_vec!(
        "llm_request_seconds",
        "time of a call to a model, to its end",
        &["operation", "model"],
        vec![
            0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0
        ]
    )
    .expect("the name is used once")
});

/// Counts tokens; `kind` is `prompt`, `completion` or `embedding`.
pub(crate) fn tokens(kind: &str, model: &str, count: u32) {
    TOKENS
        .with_label_values(&[kind, model])
        .inc_by(count.into());
}

/// Counts a call that has ended.
pub(crate) fn call(operation: &str, model: &str, outcome: &str, took: Duration) {
    REQUESTS
        .with_label_values(&[operation, model, outcome])
        .inc();
    SECONDS
        .with_label_values(&[operation, model])
        .observe(took.as_secs_f64());
}
