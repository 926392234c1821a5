//! What tests stand on: fresh stores, a broker of their own, tokens, servers on real sockets, and
//! waiting for a condition. Nothing that ships depends on it; `bench` takes its tokens.
//!
//! The infrastructure is named by `SYNTERA_TEST_DATABASE_URL` (a superuser), `SYNTERA_TEST_MONGODB_URL`,
//! `SYNTERA_TEST_REDIS_URL`, `SYNTERA_TEST_AMQP_URL` and `SYNTERA_TEST_AMQP_API_URL` (RabbitMQ's management
//! API). `cargo xtask test` sets them. `SYNTERA_TEST_SCALE=1` makes tests that repeat things at random
//! moments do so as often as in a full run.
//!
//! Its functions panic where a test cannot go on: that is their way to fail it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by a panic"
)]
#![expect(
    clippy::missing_panics_doc,
    reason = "all of them panic when the infrastructure is not there"
)]

mod answers;
mod broker;
mod keys;
mod mongo;
mod postgres;
mod proxy;
mod server;
mod wait;

pub use answers::{json, places, problem};
pub use broker::{Broker, no_bus};
pub use keys::Keys;
pub use mongo::{mongo, mongo_at, mongo_url};
pub use postgres::Postgres;
pub use proxy::Proxy;
pub use server::{Server, redis, redis_at, redis_url};
pub use wait::{eventually, eventually_within};

/// A setting of the test run.
#[expect(
    clippy::disallowed_methods,
    reason = "the test run's own settings, set by xtask"
)]
fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!(
            "{name} is not set; run the tests by `cargo xtask test`, or set it by `cargo xtask env`"
        )
    })
}

/// How often a test repeats what it does `full` times in a full run: `SYNTERA_TEST_SCALE` says which part
/// of that, a twentieth when it is not set.
#[expect(
    clippy::disallowed_methods,
    reason = "the test run's own settings, set by whoever runs it"
)]
#[must_use]
pub fn scaled(full: u64) -> u64 {
    let scale = std::env::var("SYNTERA_TEST_SCALE").map_or(Ok(0.05), |scale| scale.parse());
    let scale: f64 = scale.expect("SYNTERA_TEST_SCALE is a number");
    let times = (full as f64 * scale).ceil() as u64;
    times.max(1)
}

/// Runs `cleanup` to its end on a thread of its own: `Drop` cannot wait for a future.
fn clean_up(cleanup: impl Future<Output = ()> + Send + 'static) {
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(cleanup);
    });
    // A test that failed already must not abort by a second panic.
    let _ = thread.join();
}
