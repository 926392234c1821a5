//! The service over HTTP, with the real model.
//!
//! The modules say `cfg(test)` so that clippy knows their helpers for tests too.

#[cfg(test)]
mod chat;
#[cfg(test)]
mod embeddings;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod evaluation;
#[cfg(test)]
mod installing;
#[cfg(test)]
mod process;
#[cfg(test)]
mod support;
