//! Tests of the CRM over real sockets, against real stores.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod consumer;
mod contacts;
mod idempotency;
mod interactions;
mod internal;
mod introductions;
mod lists;
mod outages;
mod patches;
mod refusals;
mod support;
