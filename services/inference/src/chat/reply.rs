//! The answer in OpenAI's words: a whole completion, or the chunks of a stream.

use serde::Serialize;
use utoipa::ToSchema;

use super::model::EXTRACTIVE;
use crate::extract::answer::{Outcome, pieces};

/// An answer with everything that both forms tell.
#[derive(Debug)]
pub struct Reply {
    /// Names the answer; carries the request's id, so that it can be found in the logs.
    pub id: String,
    /// Seconds since 1970.
    pub created: i64,
    /// The text.
    pub text: String,
    /// Why it ends.
    pub finish: Finish,
    /// What it cost.
    pub usage: Usage,
    /// What it is.
    pub syntera: About,
}

/// Why an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ChatFinishReason)]
pub enum Finish {
    /// It is complete.
    Stop,
    /// The caller's limit cut it.
    Length,
}

/// What an answer cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ChatUsage)]
pub struct Usage {
    /// Tokens of the request.
    pub prompt_tokens: usize,
    /// Tokens of the answer.
    pub completion_tokens: usize,
    /// Both.
    pub total_tokens: usize,
}

/// What an answer is: an addition to OpenAI's form, which its clients pass over.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
#[schema(as = ChatAbout)]
pub struct About {
    /// Whether it quotes, found nothing, or is small talk.
    pub outcome: Outcome,
    /// The similarity of the best sentence to the question, up to 1.
    pub support: f32,
}

/// A whole answer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChatCompletion)]
pub struct Completion<'a> {
    id: &'a str,
    /// Always `chat.completion`.
    object: &'static str,
    created: i64,
    model: &'static str,
    choices: [Choice<'a>; 1],
    usage: Usage,
    syntera: About,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChatChoice)]
struct Choice<'a> {
    index: u32,
    message: Said<'a>,
    #[schema(value_type = Option<Object>)]
    logprobs: Option<()>,
    finish_reason: Finish,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChatAnswer)]
struct Said<'a> {
    /// Always `assistant`.
    role: &'static str,
    content: &'a str,
    refusal: Option<&'a str>,
}

/// One chunk of a stream.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChatCompletionChunk)]
pub struct Chunk<'a> {
    id: &'a str,
    /// Always `chat.completion.chunk`.
    object: &'static str,
    created: i64,
    model: &'static str,
    choices: Vec<ChunkChoice<'a>>,
    /// Null but in the last chunk; absent unless `include_usage` was set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Usage>)]
    usage: Option<Option<Usage>>,
    /// In the chunk that ends the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    syntera: Option<About>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChatChunkChoice)]
struct ChunkChoice<'a> {
    index: u32,
    delta: Delta<'a>,
    #[schema(value_type = Option<Object>)]
    logprobs: Option<()>,
    finish_reason: Option<Finish>,
}

#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = ChatDelta)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
}

impl Reply {
    /// The whole answer.
    pub fn completion(&self) -> Completion<'_> {
        Completion {
            id: &self.id,
            object: "chat.completion",
            created: self.created,
            model: EXTRACTIVE,
            choices: [Choice {
                index: 0,
                message: Said {
                    role: "assistant",
                    content: &self.text,
                    refusal: None,
                },
                logprobs: None,
                finish_reason: self.finish,
            }],
            usage: self.usage,
            syntera: self.syntera,
        }
    }

    /// The answer as chunks: the role, the words, the reason of the end, and the usage if wanted.
    pub fn chunks(&self, include_usage: bool) -> Vec<Chunk<'_>> {
        let usage = include_usage.then_some(None);
        let chunk = |delta, finish_reason, syntera| Chunk {
            id: &self.id,
            object: "chat.completion.chunk",
            created: self.created,
            model: EXTRACTIVE,
            choices: vec![ChunkChoice {
                index: 0,
                delta,
                logprobs: None,
                finish_reason,
            }],
            usage,
            syntera,
        };
        let role = Delta {
            role: Some("assistant"),
            content: Some(""),
        };
        let mut chunks = vec![chunk(role, None, None)];
        chunks.extend(pieces(&self.text).into_iter().map(|piece| {
            chunk(
                Delta {
                    role: None,
                    content: Some(piece),
                },
                None,
                None,
            )
        }));
        chunks.push(chunk(
            Delta::default(),
            Some(self.finish),
            Some(self.syntera),
        ));
        if include_usage {
            let mut last = chunk(Delta::default(), None, None);
            last.choices.clear();
            last.usage = Some(Some(self.usage));
            chunks.push(last);
        }
        chunks
    }
}

/// Cuts a text to so many tokens at the end of a word; `count` tells the tokens of a piece.
///
/// # Errors
/// When counting fails.
pub fn cut<E>(
    text: &str,
    limit: usize,
    count: impl Fn(&str) -> Result<usize, E>,
) -> Result<String, E> {
    let mut kept = String::new();
    let mut tokens = 0;
    for piece in pieces(text) {
        tokens += count(piece)?;
        if tokens > limit {
            break;
        }
        kept.push_str(piece);
    }
    kept.truncate(kept.trim_end().len());
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn reply() -> Reply {
        Reply {
            id: "chatcmpl-1".into(),
            created: 7,
            text: "Two words".into(),
            finish: Finish::Stop,
            usage: Usage {
                prompt_tokens: 3,
                completion_tokens: 2,
                total_tokens: 5,
            },
            syntera: About {
                outcome: Outcome::Quoted,
                support: 0.5,
            },
        }
    }

    fn values(include_usage: bool) -> Vec<Value> {
        let reply = reply();
        reply
            .chunks(include_usage)
            .iter()
            .map(|chunk| serde_json::to_value(chunk).unwrap())
            .collect()
    }

    #[test]
    fn a_stream_has_the_role_first_then_the_words_then_the_reason() {
        let chunks = values(false);
        let deltas: Vec<_> = chunks
            .iter()
            .map(|chunk| chunk["choices"][0]["delta"].clone())
            .collect();
        assert_eq!(
            deltas,
            [
                json!({"role": "assistant", "content": ""}),
                json!({"content": "Two "}),
                json!({"content": "words"}),
                json!({}),
            ]
        );
        assert_eq!(chunks[3]["choices"][0]["finish_reason"], "stop");
        assert_eq!(chunks[3]["syntera"]["outcome"], "quoted");
        assert!(
            chunks
                .iter()
                .all(|chunk| chunk.get("usage").is_none() && chunk["id"] == "chatcmpl-1")
        );
    }

    #[test]
    fn the_usage_is_null_until_a_last_chunk_without_choices() {
        let chunks = values(true);
        let (last, others) = chunks.split_last().unwrap();
        assert!(
            others
                .iter()
                .all(|chunk| chunk["usage"].is_null() && chunk.get("usage").is_some())
        );
        assert_eq!(last["choices"], json!([]));
        assert_eq!(last["usage"]["total_tokens"], 5);
    }

    #[test]
    fn a_whole_answer_has_openais_fields() {
        let value = serde_json::to_value(reply().completion()).unwrap();
        assert_eq!(
            value["choices"][0]["message"],
            json!({"role": "assistant", "content": "Two words", "refusal": null})
        );
        assert_eq!(value["object"], "chat.completion");
        assert_eq!(value["usage"]["total_tokens"], 5);
    }

    #[test]
    fn a_cut_falls_between_words() {
        let one_each = |_: &str| Ok::<_, std::convert::Infallible>(1);
        assert_eq!(cut("One two\nthree", 2, one_each).unwrap(), "One two");
        assert_eq!(cut("One two", 9, one_each).unwrap(), "One two");
        let two_each = |_: &str| Ok::<_, std::convert::Infallible>(2);
        assert_eq!(cut("One two", 1, two_each).unwrap(), "");
    }
}
