//! Chat models: a list of messages in, a stream of text out.

use std::pin::Pin;

use async_trait::async_trait;
use futures::Stream;

use crate::Error;

/// Who says a message to the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Instructions and sources.
    System,
    /// The customer.
    User,
    /// An earlier answer.
    Assistant,
}

/// One message to the model.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub content: String,
}

impl Message {
    /// Instructions and sources.
    pub fn system(content: impl Into<String>) -> Self {
        Self {
            role: Role::System,
            content: content.into(),
        }
    }

    /// What the customer said.
    pub fn user(content: impl Into<String>) -> Self {
        Self {
            role: Role::User,
            content: content.into(),
        }
    }

    /// What was answered before.
    pub fn assistant(content: impl Into<String>) -> Self {
        Self {
            role: Role::Assistant,
            content: content.into(),
        }
    }
}

// What people say does not belong into a log line that prints a request.
impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message")
            .field("role", &self.role)
            .field("bytes", &self.content.len())
            .finish()
    }
}

/// What the model is asked.
#[derive(Debug, Clone, Default)]
pub struct ChatRequest {
    /// The conversation, oldest first; the last message is the customer's.
    pub messages: Vec<Message>,
    /// How freely the model chooses its words, 0 to 2; the server's default when absent.
    pub temperature: Option<f32>,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// It is complete.
    Stop,
    /// A limit cut it.
    Length,
    /// The provider's filter cut it.
    Filtered,
    /// Something that this port does not ask for, such as a tool call.
    Other,
}

/// What a call cost, as the server counted; zeros where it does not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the request.
    pub prompt_tokens: u32,
    /// Tokens of the answer.
    pub completion_tokens: u32,
}

/// The end of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Why it ended.
    pub finish: Finish,
    /// What it cost.
    pub usage: Usage,
    /// The model that answered, as the server names it.
    pub model: String,
    /// The server says that the sources do not answer the question. Only `services/inference` tells.
    pub found_nothing: bool,
}

/// What a stream tells.
#[derive(Clone, PartialEq, Eq)]
pub enum ChatEvent {
    /// A piece of the answer, never empty.
    Delta(String),
    /// The end; nothing follows.
    Finished(Finished),
}

impl std::fmt::Debug for ChatEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Delta(text) => f.debug_struct("Delta").field("bytes", &text.len()).finish(),
            Self::Finished(end) => f.debug_tuple("Finished").field(end).finish(),
        }
    }
}

/// An answer as it is written: deltas, then [`ChatEvent::Finished`], or an error, which ends it too.
/// Dropping it ends the call.
pub type ChatStream = Pin<Box<dyn Stream<Item = Result<ChatEvent, Error>> + Send>>;

/// Something that answers.
#[async_trait]
pub trait ChatModel: Send + Sync {
    /// The name of the model that is asked.
    fn name(&self) -> &str;

    /// Asks the model. Nothing is tried again here: whoever asks knows whether the customer still
    /// waits.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses. Errors after that come in the stream.
    async fn chat(&self, request: ChatRequest) -> Result<ChatStream, Error>;
}
