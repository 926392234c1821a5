//! The port to chat models and embeddings.
//!
//! Services know [`ChatModel`] and [`Embedder`]. The one adapter, [`OpenAi`], speaks to anything that
//! speaks the OpenAI API, by base URL and key: a provider, a model server of the company's own, or
//! `services/inference` on this machine. Tests use the strict fake (feature `fake`), which is a server
//! too, so that the adapter is always part of what is tested.
//!
//! What customers and models say is never logged here, and never part of an error.

mod chat;
mod config;
mod embed;
mod error;
#[cfg(feature = "fake")]
pub mod fake;
mod metrics;
mod openai;
mod transport;
mod wire;

pub use chat::{
    ChatEvent, ChatModel, ChatRequest, ChatStream, Finish, Finished, Message, Role, Usage,
};
pub use config::LlmConfig;
pub use embed::{Embedder, Embeddings};
pub use error::{Error, Stage};
pub use openai::OpenAi;
