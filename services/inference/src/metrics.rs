//! What this service counts beyond its requests, which `common` counts for every service.

use std::sync::LazyLock;
use std::time::Duration;

use prometheus::{
    Histogram, IntCounter, IntCounterVec, register_histogram, register_int_counter,
    register_int_counter_vec,
};

use crate::extract::answer::Outcome;

static EMBEDDED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!("inference_embeddings_total", "texts embedded", &["from"])
        .expect("the name is used once")
});

static SECONDS: LazyLock<Histogram> = LazyLock::new(|| {
    register_histogram!(
        "inference_embedding_seconds",
        "time that the model took for one text",
        vec![
            0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512
        ]
    )
    .expect("the name is used once")
});

static REFUSED: LazyLock<IntCounter> = LazyLock::new(|| {
    register_int_counter!(
        "inference_refused_total",
        "requests that found the queue full"
    )
    .expect("the name is used once")
});

static ANSWERS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "inference_answers_total",
        "chat answers by kind",
        &["outcome"]
    )
    .expect("the name is used once")
});

/// Counts a text that the model ran on.
pub fn embedded_by_model(took: Duration) {
    EMBEDDED.with_label_values(&["model"]).inc();
    SECONDS.observe(took.as_secs_f64());
}

/// Counts a text whose vector was there already.
pub fn embedded_from_cache() {
    EMBEDDED.with_label_values(&["cache"]).inc();
}

/// Counts a request that was told to come back.
pub fn refused() {
    REFUSED.inc();
}

/// Counts a chat answer.
pub fn answered(outcome: Outcome) {
    let outcome = match outcome {
        Outcome::Quoted => "quoted",
        Outcome::NotFound => "not_found",
        Outcome::SmallTalk => "small_talk",
    };
    ANSWERS.with_label_values(&[outcome]).inc();
}
