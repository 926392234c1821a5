//! What chat counts, beside what every service does.

use std::sync::LazyLock;

use prometheus::{
    Histogram, IntCounter, IntCounterVec, IntGauge, register_histogram, register_int_counter,
    register_int_counter_vec, register_int_gauge,
};

macro_rules! metrics {
    ($($(#[$doc:meta])* $name:ident: $kind:ty = $make:expr;)+) => {
        $($(#[$doc])* pub static $name: LazyLock<$kind> =
            LazyLock::new(|| $make.expect("the name is used once"));)+

        /// Makes all of them show from the start, at zero.
        pub fn register() {
            $(LazyLock::force(&$name);)+
        }
    };
}

metrics! {
    /// Sockets that are open.
    SOCKETS: IntGauge = register_int_gauge!("chat_sockets", "sockets that are open");
    /// Sockets that ended, by why.
    SOCKETS_CLOSED: IntCounterVec =
        register_int_counter_vec!("chat_sockets_closed_total", "sockets that ended", &["reason"]);
    /// Frames from clients, by type; `malformed` for what is none.
    FRAMES: IntCounterVec =
        register_int_counter_vec!("chat_frames_total", "frames from clients", &["type"]);
    /// Frames that were queued for a socket.
    DELIVERIES: IntCounterVec =
        register_int_counter_vec!("chat_deliveries_total", "frames that were queued for a socket", &["kind"]);
    /// Entries that were appended.
    APPENDED: IntCounterVec =
        register_int_counter_vec!("chat_entries_total", "entries that were appended", &["kind", "sender"]);
    /// How long appending takes, from the request to the acknowledged write.
    APPEND_SECONDS: Histogram = register_histogram!(
        "chat_append_seconds", "time to append an entry",
        vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0]
    );
    /// Appends that lost their place to another one and tried again.
    APPEND_RETRIES: IntCounter = register_int_counter!(
        "chat_append_retries_total", "appends that lost their place to another one and tried again"
    );
    /// Entries that came before the one in front of them.
    GAPS: IntCounter = register_int_counter!("chat_gaps_total", "entries that came early, so that the log was read");
    /// Entries that no hint brought, but a reading of the log.
    CAUGHT_UP: IntCounter = register_int_counter!(
        "chat_caught_up_total", "entries that a reading of the log brought instead of a hint"
    );
    /// Hints to other instances, by what became of them.
    HINTS: IntCounterVec =
        register_int_counter_vec!("chat_hints_total", "hints to other instances", &["outcome"]);
    /// Replies, by how they ended.
    REPLIES: IntCounterVec =
        register_int_counter_vec!("chat_replies_total", "streamed replies", &["outcome"]);
}

/// Counts frames that were queued for sockets.
pub fn delivered(kind: &str, count: u64) {
    if count > 0 {
        DELIVERIES.with_label_values(&[kind]).inc_by(count);
    }
}
