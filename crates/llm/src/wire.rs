//! The answers of the OpenAI API as far as this port reads them.
//!
//! async-openai's own types are strict: a server that leaves out `created`, or ends an answer for a
//! reason of its own, would fail. Servers that "speak OpenAI" differ in just that, so answers are read
//! into these lenient types (the crate's "bring your own type" calls).

use serde::Deserialize;

/// One chunk of a streamed answer.
#[derive(Deserialize)]
pub(crate) struct Chunk {
    #[serde(default)]
    pub(crate) choices: Vec<Choice>,
    #[serde(default)]
    pub(crate) model: Option<String>,
    #[serde(default)]
    pub(crate) usage: Option<Usage>,
    /// What `services/inference` adds.
    #[serde(default)]
    pub(crate) syntera: Option<About>,
    /// Some servers report a failure in mid-stream as an object of their own.
    #[serde(default)]
    pub(crate) error: Option<serde_json::Value>,
}

#[derive(Deserialize)]
pub(crate) struct Choice {
    #[serde(default)]
    pub(crate) delta: Delta,
    #[serde(default)]
    pub(crate) finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
pub(crate) struct Delta {
    #[serde(default)]
    pub(crate) content: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
pub(crate) struct Usage {
    #[serde(default)]
    pub(crate) prompt_tokens: u32,
    #[serde(default)]
    pub(crate) completion_tokens: u32,
}

#[derive(Deserialize)]
pub(crate) struct About {
    #[serde(default)]
    pub(crate) outcome: String,
}

/// The answer to a request for embeddings.
#[derive(Deserialize)]
pub(crate) struct Vectors {
    pub(crate) data: Vec<Vector>,
    #[serde(default)]
    pub(crate) usage: Option<Usage>,
}

#[derive(Deserialize)]
pub(crate) struct Vector {
    pub(crate) index: usize,
    pub(crate) embedding: Vec<f32>,
}

/// The body of an error.
#[derive(Deserialize)]
pub(crate) struct Failure {
    pub(crate) error: FailureDetail,
}

#[derive(Deserialize)]
pub(crate) struct FailureDetail {
    #[serde(default)]
    pub(crate) code: Option<serde_json::Value>,
    #[serde(default)]
    pub(crate) r#type: Option<String>,
}

impl FailureDetail {
    /// The most specific word that the server has for it, as far as it is a word: a message could quote
    /// what a customer said.
    pub(crate) fn word(self) -> Option<String> {
        let code = match self.code {
            Some(serde_json::Value::String(code)) => Some(code),
            Some(serde_json::Value::Number(code)) => Some(code.to_string()),
            _ => None,
        };
        let is_word = |word: &String| {
            (1..=64).contains(&word.len())
                && word
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
        };
        [code, self.r#type].into_iter().flatten().find(is_word)
    }
}
