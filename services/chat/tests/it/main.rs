//! Chat over real sockets, against real stores.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod attachments;
mod canned;
mod changes;
mod consents;
mod contract;
mod drafts;
mod edits;
mod events;
mod inbox;
mod inbox_live;
mod inbox_reads;
mod introductions;
mod merges;
mod messages;
mod notes;
mod outages;
mod owners;
mod private;
mod process;
mod replies;
mod reseal;
mod resume;
mod routing;
mod scheduled;
mod sealed;
mod settings;
mod sockets;
mod support;
mod takeovers;
mod teams;
mod views;
