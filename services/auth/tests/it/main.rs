//! Tests of the service over HTTP, on real PostgreSQL and RabbitMQ.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod accounts;
mod fixture;
mod internal;
mod keys;
mod outage;
mod permissions;
mod refresh;
mod sessions;
mod stored;
mod visitors;
