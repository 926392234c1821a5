//! The contract of the chat service: channels, their log, the socket's frames, its events, and the
//! client of its internal listener.

mod channel;
mod client;
pub mod events;
mod log;
mod reply;
pub mod socket;

pub use channel::{Channel, OpenChannel, Opened, OwnerState, SetOwner, SetOwnerInternal};
pub use client::{ChatClient, Reply, ReplyError};
pub use log::{Body, Entry, EntryKind, MAX_TEXT, NewMessage, Sender, SenderKind, Source};
pub use reply::{ReplyCommit, ReplyHeader, ReplyLine};
