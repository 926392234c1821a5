//! The contract of the auth service: accounts, tokens, keys, visitors, its events.

mod account;
pub mod events;
mod key;
mod key_set;
mod visitor;

pub use account::{Login, Logout, Me, Refresh, Register, TokenResponse, Workspace};
pub use key::{CreateKey, Key, KeyKind, NewKey};
pub use key_set::{PublicKey, PublicKeys};
pub use visitor::{VisitorSession, VisitorTokens};
