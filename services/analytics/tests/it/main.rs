//! Tests of analytics over real sockets, against real stores.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod cache;
mod consumer;
mod events_page;
mod metrics;
mod outages;
mod refusals;
mod reports;
mod support;
