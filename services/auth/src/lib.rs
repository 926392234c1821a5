//! Users, workspaces, sessions, permissions and keys; the only signer of people's and visitors' tokens.

pub mod config;
pub mod generate;
mod signing;
