//! Chat over real sockets, against real stores.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod contract;
mod events;
mod messages;
mod outages;
mod owners;
mod process;
mod replies;
mod resume;
mod sockets;
mod support;
mod takeovers;
