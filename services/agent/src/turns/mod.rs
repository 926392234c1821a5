//! Turns: answering customers.
//!
//! A message only raises what is wanted in a conversation's row. Whoever sees it takes the conversation's
//! lease and runs a turn: gather what is known ([`context`]), decide and write ([`write`]: gate, search,
//! model), tell chat as it is written ([`deliver`]), record. The lease keeps two processes from working on
//! one conversation; that never two answers stand is chat's doing, by epochs and by what a reply answers.

mod citations;
mod context;
mod deliver;
mod dispatch;
mod draft;
mod gate;
mod lease;
mod metrics;
mod prompt;
mod run;
mod sources;
mod store;
mod write;

pub use dispatch::dispatch;
pub use lease::Running;
pub(crate) use store::records;
