//! The gateway on real sockets, in front of services that tell what reached them.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod access;
mod balance;
mod drain;
mod forward;
mod keys;
mod limits;
mod log;
mod mail;
mod origins;
mod site;
mod socket;
mod stream;
mod support;
mod tls;

pub(crate) use support::{
    Gateway, Log, PUBLIC, Seen, Setup, epoch, nobody, problem, server_config,
};
