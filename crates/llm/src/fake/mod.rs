//! A strict fake of a model server, for tests: a real HTTP server that refuses what the OpenAI API
//! forbids and what our own form of a prompt rules out, answers by script, and can be slow, cut an
//! answer, send garbage or be down.
//!
//! Its embeddings are real in one respect: texts that share words lie close to each other.

mod rules;
mod serve;
mod words;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use secrecy::SecretString;
use tokio::sync::Notify;
use url::Url;

pub use words::embed;

use crate::{LlmConfig, Message};

/// The chat model that the fake serves.
pub const CHAT_MODEL: &str = "fake-chat";
/// The embedding model that the fake serves.
pub const EMBEDDING_MODEL: &str = "fake-words";
/// The key that it wants.
pub const KEY: &str = "sk-fake-key";

/// One thing that a scripted answer does.
#[derive(Debug, Clone)]
pub enum Step {
    /// Sends a piece.
    Delta(String),
    /// Lets time pass.
    Wait(Duration),
    /// Waits until the test lets go.
    Hold(Arc<Notify>),
    /// Breaks the connection.
    Cut,
    /// Ends the body properly, but without a reason and without `[DONE]`.
    End,
    /// Sends an event that is not JSON.
    Garbage,
    /// Never sends anything again.
    Stall,
    /// Ends the answer for a reason, with the usage.
    Finish(&'static str),
}

/// One scripted answer.
#[derive(Debug, Clone)]
pub enum Script {
    /// A stream.
    Stream(Vec<Step>),
    /// An error status, with a code and seconds to wait.
    Status(u16, &'static str, Option<u64>),
    /// A page of HTML under status 200, as a captive proxy answers.
    Html,
}

impl Script {
    /// A whole answer, word by word.
    #[must_use]
    pub fn text(text: &str) -> Self {
        let mut steps: Vec<_> = text
            .split_inclusive(' ')
            .map(|word| Step::Delta(word.to_owned()))
            .collect();
        steps.push(Step::Finish("stop"));
        Self::Stream(steps)
    }

    /// The same, but the first word waits until the test lets go.
    #[must_use]
    pub fn held(hold: &Arc<Notify>, text: &str) -> Self {
        Self::text(text).after(Step::Hold(hold.clone()))
    }

    /// The same after another step.
    #[must_use]
    pub fn after(self, step: Step) -> Self {
        match self {
            Self::Stream(mut steps) => {
                steps.insert(0, step);
                Self::Stream(steps)
            }
            other => other,
        }
    }
}

/// One request for an answer, as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The messages.
    pub messages: Vec<Message>,
    /// The caller's span.
    pub traceparent: Option<String>,
}

impl Seen {
    /// The customer's last message.
    #[must_use]
    pub fn question(&self) -> &str {
        self.messages
            .last()
            .map_or("", |message| message.content.as_str())
    }

    /// The system message.
    #[must_use]
    pub fn system(&self) -> &str {
        self.messages
            .first()
            .map_or("", |message| message.content.as_str())
    }
}

type Otherwise = Arc<dyn Fn(&Seen) -> Script + Send + Sync>;

#[derive(Default)]
struct State {
    scripts: VecDeque<Script>,
    otherwise: Option<Otherwise>,
    embeddings: Option<Script>,
    seen: Vec<Seen>,
    embedded: usize,
    embedding_requests: usize,
    violations: Vec<String>,
}

/// A running fake; it stops with this value.
pub struct Fake {
    url: Url,
    state: Arc<Mutex<State>>,
    server: tokio::task::JoinHandle<()>,
}

impl Fake {
    /// Starts on a port of its own.
    ///
    /// # Panics
    /// When it cannot listen.
    pub async fn start() -> Self {
        let state = Arc::<Mutex<State>>::default();
        let (url, server) = serve::start(state.clone()).await;
        Self { url, state, server }
    }

    /// Settings that lead to this server, with limits that a loaded machine keeps.
    #[must_use]
    pub fn config(&self) -> LlmConfig {
        let seconds = Duration::from_secs;
        LlmConfig {
            llm_base_url: self.url.clone(),
            llm_api_key: Some(SecretString::from(KEY)),
            llm_chat_model: CHAT_MODEL.to_owned(),
            llm_embedding_model: EMBEDDING_MODEL.to_owned(),
            llm_first_delta: seconds(20),
            llm_between_deltas: seconds(20),
            llm_answer: seconds(60),
            llm_embedding: seconds(10),
        }
    }

    /// The next answer that is not scripted yet.
    pub fn script(&self, script: Script) -> &Self {
        self.state().scripts.push_back(script);
        self
    }

    /// How requests without a script are answered; without this they are a fault of the test.
    pub fn otherwise(&self, answer: impl Fn(&Seen) -> Script + Send + Sync + 'static) -> &Self {
        self.state().otherwise = Some(Arc::new(answer));
        self
    }

    /// Answers every request for embeddings so, until [`Fake::embeddings_up`].
    pub fn embeddings_down(&self, script: Script) {
        self.state().embeddings = Some(script);
    }

    /// Embeds again.
    pub fn embeddings_up(&self) {
        self.state().embeddings = None;
    }

    /// The requests for an answer so far.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.state().seen.clone()
    }

    /// How many texts were embedded.
    #[must_use]
    pub fn embedded(&self) -> usize {
        self.state().embedded
    }

    /// How many requests for embeddings came, answered or not.
    #[must_use]
    pub fn embedding_requests(&self) -> usize {
        self.state().embedding_requests
    }

    /// What callers did that the API forbids.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fake")
            .field("url", &self.url.as_str())
            .finish_non_exhaustive()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.server.abort();
        let violations = self.violations();
        // A test that asked for a violation has taken it; a second panic would abort the test run.
        assert!(
            violations.is_empty() || std::thread::panicking(),
            "the caller broke the rules: {violations:#?}"
        );
    }
}

impl Fake {
    /// Takes the violations out, for tests that provoke them.
    #[must_use]
    pub fn take_violations(&self) -> Vec<String> {
        std::mem::take(&mut self.state().violations)
    }
}
