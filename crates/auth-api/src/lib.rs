//! The contract of the auth service: accounts, tokens, keys, visitors, its events.

mod account;
pub mod events;
mod key;
mod visitor;

pub use account::{Login, Me, Refresh, Register, TokenResponse, Workspace};
pub use key::{CreateKey, Key, NewKey};
pub use visitor::{VisitorSession, VisitorTokens};
