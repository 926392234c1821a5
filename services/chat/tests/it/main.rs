//! Chat over real sockets, against real stores.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod messages;
mod owners;
mod replies;
mod sockets;
mod support;
