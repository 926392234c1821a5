//! What a request must be. Everything else is a violation, and is answered 400.

use serde::Deserialize;

use crate::{Message, Role};

/// A request for an answer, with no field that this port never sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChatBody {
    pub(super) model: String,
    messages: Vec<WireMessage>,
    stream: bool,
    stream_options: StreamOptions,
    temperature: Option<f32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireMessage {
    role: String,
    content: String,
}

/// A request for embeddings.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EmbeddingBody {
    pub(super) model: String,
    pub(super) input: Vec<String>,
    encoding_format: String,
}

impl EmbeddingBody {
    pub(super) fn check(&self) -> Result<(), String> {
        // OpenAI takes 2048 inputs; services/inference takes 256.
        if self.input.is_empty() || self.input.len() > 256 {
            return Err(format!("{} inputs", self.input.len()));
        }
        if self.input.iter().any(|text| text.trim().is_empty()) {
            return Err("an empty input".to_owned());
        }
        if self.encoding_format != "float" {
            return Err("encoding_format".to_owned());
        }
        Ok(())
    }
}

impl ChatBody {
    pub(super) fn check(self) -> Result<Vec<Message>, String> {
        if !self.stream || !self.stream_options.include_usage {
            return Err("not a stream with usage".to_owned());
        }
        if self
            .temperature
            .is_some_and(|value| !(0.0..=2.0).contains(&value))
        {
            return Err("temperature".to_owned());
        }
        let mut messages = Vec::new();
        for message in self.messages {
            let role = match message.role.as_str() {
                "system" => Role::System,
                "user" => Role::User,
                "assistant" => Role::Assistant,
                other => return Err(format!("role {other}")),
            };
            if message.content.trim().is_empty() {
                return Err(format!("an empty message of {role:?}"));
            }
            messages.push(Message {
                role,
                content: message.content,
            });
        }
        let (first, rest) = messages.split_first().ok_or("no messages")?;
        if first.role != Role::System || rest.iter().any(|message| message.role == Role::System) {
            return Err("there must be one system message, and first".to_owned());
        }
        // Some model servers refuse two messages of one side in a row, and a first word of the model's.
        let alternate = rest
            .iter()
            .enumerate()
            .all(|(at, message)| (message.role == Role::User) == (at % 2 == 0));
        if rest.len() % 2 == 0 || !alternate {
            return Err("user and assistant must alternate, from user to user".to_owned());
        }
        sources(&first.content)?;
        Ok(messages)
    }
}

/// The documented form of sources: `<source id="1" title="…" url="…">…</source>`, escaped, numbered
/// from 1.
fn sources(system: &str) -> Result<(), String> {
    let mut rest = system;
    let mut expected = 1;
    while let Some(at) = rest.find("<source") {
        rest = &rest[at..];
        let open = format!("<source id=\"{expected}\" title=\"");
        if !rest.starts_with(&open) {
            return Err(format!("source {expected} does not begin as documented"));
        }
        let (head, tail) = rest.split_once('>').ok_or("a source that is not closed")?;
        if head.matches('"').count() % 2 != 0 {
            return Err(format!(
                "source {expected} has an attribute that is not closed"
            ));
        }
        let (text, after) = tail
            .split_once("</source>")
            .ok_or("a source that is not closed")?;
        if text.contains('<') || text.contains('>') || text.trim().is_empty() {
            return Err(format!("source {expected} is empty or not escaped"));
        }
        expected += 1;
        rest = after;
    }
    Ok(())
}
