//! What every service shares: tokens, problems, telemetry and the server's lifecycle.
//!
//! Nothing else moves in. A helper that two services want belongs in `rest`, in a contract crate, or
//! in a crate of its own.

pub mod problem;
pub mod server;
pub mod telemetry;
pub mod tokens;

pub use problem::{ErrorCode, Problem};
