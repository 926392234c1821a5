//! Tests of the agent service over real sockets, against real stores, a strict chat and a strict model.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod agents;
mod answers;
mod conversations;
mod documents;
mod faults;
mod openapi;
mod outages;
mod refusals;
mod reopening;
mod search;
mod support;
mod timing;
