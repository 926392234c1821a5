//! The contract of the agent service: agents, their documents, starting conversations, its events.

mod agent;
mod conversation;
mod document;
pub mod events;

pub use agent::{Agent, CreateAgent, PatchAgent};
pub use conversation::{Conversation, StartConversation};
pub use document::{CreateDocument, Document, DocumentStatus};
