//! The adapter against the strict fake: answers, and everything that goes wrong with them.

mod chat;
mod embed;
