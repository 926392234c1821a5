//! The adapter for everything that speaks the OpenAI API.

use std::{
    pin::Pin,
    time::{Duration, Instant},
};

use async_openai::{
    error::OpenAIError,
    types::{
        chat::{
            ChatCompletionRequestAssistantMessage, ChatCompletionRequestMessage,
            ChatCompletionRequestSystemMessage, ChatCompletionRequestUserMessage,
            ChatCompletionStreamOptions, CreateChatCompletionRequest,
        },
        embeddings::{CreateEmbeddingRequest, EmbeddingInput, EncodingFormat},
    },
};
use async_trait::async_trait;
use futures::{Stream, StreamExt, stream};
use tracing::{Instrument, Span, field};

use crate::{
    ChatEvent, ChatModel, ChatRequest, ChatStream, Embedder, Embeddings, Error, Finish, Finished,
    LlmConfig, Message, Role, Stage, Usage, metrics,
    transport::{self, Endpoint},
    wire::{Chunk, Vectors},
};

/// The first pause before embedding is tried again; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const EMBEDDING_ATTEMPTS: u32 = 4;

/// A server that speaks the OpenAI API. Cheap to share behind an `Arc`.
pub struct OpenAi {
    client: async_openai::Client<Endpoint>,
    config: LlmConfig,
    server: String,
}

impl OpenAi {
    /// The server that `config` names; nothing is sent yet.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub fn new(config: &LlmConfig) -> anyhow::Result<Self> {
        let endpoint = Endpoint::new(&config.llm_base_url, config.key())?;
        Ok(Self {
            client: transport::client(endpoint)?,
            server: config
                .llm_base_url
                .host_str()
                .unwrap_or_default()
                .to_owned(),
            config: config.clone(),
        })
    }
}

impl std::fmt::Debug for OpenAi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenAi")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl ChatModel for OpenAi {
    fn name(&self) -> &str {
        &self.config.llm_chat_model
    }

    async fn chat(&self, request: ChatRequest) -> Result<ChatStream, Error> {
        // Names by OpenTelemetry's semantic conventions for generative AI; contents are left out.
        let span = tracing::info_span!(
            "llm.chat",
            otel.kind = "client",
            gen_ai.operation.name = "chat",
            gen_ai.request.model = self.config.llm_chat_model,
            gen_ai.response.model = field::Empty,
            gen_ai.usage.input_tokens = field::Empty,
            gen_ai.usage.output_tokens = field::Empty,
            gen_ai.response.finish_reasons = field::Empty,
            server.address = self.server,
            error.type = field::Empty,
        );
        let call = Call {
            model: self.config.llm_chat_model.clone(),
            span: span.clone(),
            started: Instant::now(),
        };
        let limit = self.config.llm_first_delta.min(self.config.llm_answer);
        let body = self.body(request);
        let chat = self.client.chat();
        let open = chat.create_stream_byot(body).instrument(span);
        let opened = match tokio::time::timeout(limit, open).await {
            Ok(Ok(chunks)) => Ok(chunks),
            Ok(Err(error)) => Err(transport::sort(error)),
            Err(_) => Err(Error::TimedOut {
                stage: Stage::FirstDelta,
                limit,
            }),
        };
        let chunks = opened.inspect_err(|error| call.failed(error))?;
        let reader = Reader {
            chunks,
            call,
            limits: Limits {
                first: self.config.llm_first_delta,
                between: self.config.llm_between_deltas,
                whole: self.config.llm_answer,
            },
            begun: false,
            finish: None,
            usage: Usage::default(),
            found_nothing: false,
            answered_by: None,
            ended: false,
        };
        Ok(Box::pin(stream::unfold(reader, |mut reader| async move {
            let item = reader.next().await?;
            Some((item, reader))
        })))
    }
}

impl OpenAi {
    fn body(&self, request: ChatRequest) -> CreateChatCompletionRequest {
        CreateChatCompletionRequest {
            model: self.config.llm_chat_model.clone(),
            messages: request.messages.into_iter().map(message).collect(),
            temperature: request.temperature,
            stream: Some(true),
            stream_options: Some(ChatCompletionStreamOptions {
                include_usage: Some(true),
                include_obfuscation: None,
            }),
            ..Default::default()
        }
    }

    /// One attempt to embed.
    async fn embed_once(&self, texts: &[String]) -> Result<Embeddings, Error> {
        let request = CreateEmbeddingRequest {
            model: self.config.llm_embedding_model.clone(),
            input: EmbeddingInput::StringArray(texts.to_vec()),
            encoding_format: Some(EncodingFormat::Float),
            user: None,
            dimensions: None,
        };
        let answer: Vectors = self
            .client
            .embeddings()
            .create_byot(request)
            .await
            .map_err(transport::sort)?;
        read_vectors(answer, texts.len())
    }
}

#[async_trait]
impl Embedder for OpenAi {
    fn name(&self) -> &str {
        &self.config.llm_embedding_model
    }

    async fn embed(&self, texts: &[String]) -> Result<Embeddings, Error> {
        if texts.is_empty() {
            return Ok(Embeddings {
                vectors: Vec::new(),
                tokens: 0,
            });
        }
        let model = self.config.llm_embedding_model.as_str();
        let span = tracing::info_span!(
            "llm.embed",
            otel.kind = "client",
            gen_ai.operation.name = "embeddings",
            gen_ai.request.model = model,
            gen_ai.usage.input_tokens = field::Empty,
            server.address = self.server,
            texts = texts.len(),
            error.type = field::Empty,
        );
        let call = Call {
            model: model.to_owned(),
            span: span.clone(),
            started: Instant::now(),
        };
        let limit = self.config.llm_embedding;
        let attempts = async {
            let mut pause = FIRST_PAUSE;
            for _ in 1..EMBEDDING_ATTEMPTS {
                match self.embed_once(texts).await {
                    Err(error) if error.may_pass() => {
                        tracing::debug!(%error, "embedding failed; trying again");
                        tokio::time::sleep(error.retry_after().unwrap_or(pause).min(LONGEST_PAUSE))
                            .await;
                        pause = (pause * 2).min(LONGEST_PAUSE);
                    }
                    result => return result,
                }
            }
            self.embed_once(texts).await
        };
        let result = match tokio::time::timeout(limit, attempts.instrument(span)).await {
            Ok(result) => result,
            Err(_) => Err(Error::TimedOut {
                stage: Stage::Whole,
                limit,
            }),
        };
        match &result {
            Ok(embeddings) => {
                call.span
                    .record("gen_ai.usage.input_tokens", embeddings.tokens);
                metrics::tokens("embedding", model, embeddings.tokens);
                metrics::call("embeddings", model, "ok", call.started.elapsed());
            }
            Err(error) => {
                call.span.record("error.type", error.kind());
                metrics::call("embeddings", model, error.kind(), call.started.elapsed());
            }
        }
        result
    }
}

/// A call under way, for its span and its metrics.
struct Call {
    model: String,
    span: Span,
    started: Instant,
}

impl Call {
    fn failed(&self, error: &Error) {
        self.span.record("error.type", error.kind());
        metrics::call("chat", &self.model, error.kind(), self.started.elapsed());
    }

    fn finished(&self, end: &Finished) {
        self.span
            .record("gen_ai.response.model", end.model.as_str());
        self.span
            .record("gen_ai.usage.input_tokens", end.usage.prompt_tokens);
        self.span
            .record("gen_ai.usage.output_tokens", end.usage.completion_tokens);
        self.span
            .record("gen_ai.response.finish_reasons", field::debug(end.finish));
        metrics::tokens("prompt", &self.model, end.usage.prompt_tokens);
        metrics::tokens("completion", &self.model, end.usage.completion_tokens);
        metrics::call("chat", &self.model, "ok", self.started.elapsed());
    }
}

struct Limits {
    first: Duration,
    between: Duration,
    whole: Duration,
}

/// Reads one answer. The span of the call lives as long as this.
struct Reader {
    chunks: Pin<Box<dyn Stream<Item = Result<Chunk, OpenAIError>> + Send>>,
    call: Call,
    limits: Limits,
    begun: bool,
    finish: Option<Finish>,
    usage: Usage,
    found_nothing: bool,
    answered_by: Option<String>,
    ended: bool,
}

impl Reader {
    async fn next(&mut self) -> Option<Result<ChatEvent, Error>> {
        if self.ended {
            return None;
        }
        let item = self.read().await;
        match &item {
            Ok(ChatEvent::Delta(_)) => self.begun = true,
            Ok(ChatEvent::Finished(end)) => {
                self.ended = true;
                self.call.finished(end);
            }
            Err(error) => {
                self.ended = true;
                self.call.failed(error);
            }
        }
        Some(item)
    }

    /// The next delta, or the end. Chunks that say nothing are passed over, but do not stop the clock.
    async fn read(&mut self) -> Result<ChatEvent, Error> {
        let (stage, step) = if self.begun {
            (Stage::BetweenDeltas, self.limits.between)
        } else {
            (
                Stage::FirstDelta,
                self.limits
                    .first
                    .saturating_sub(self.call.started.elapsed()),
            )
        };
        let rest = self
            .limits
            .whole
            .saturating_sub(self.call.started.elapsed());
        let (stage, limit, within) = match stage {
            _ if rest < step => (Stage::Whole, self.limits.whole, rest),
            Stage::FirstDelta => (stage, self.limits.first, step),
            _ => (stage, self.limits.between, step),
        };
        let read = async {
            loop {
                let Some(chunk) = self.chunks.next().await else {
                    return self.end();
                };
                if let Some(delta) = self.take(chunk.map_err(transport::sort)?)? {
                    return Ok(ChatEvent::Delta(delta));
                }
            }
        };
        match tokio::time::timeout(within, read).await {
            Ok(result) => result,
            Err(_) => Err(Error::TimedOut { stage, limit }),
        }
    }

    fn take(&mut self, chunk: Chunk) -> Result<Option<String>, Error> {
        if chunk.error.is_some() {
            return Err(Error::Cut("the server reported a failure".to_owned()));
        }
        if let Some(usage) = chunk.usage {
            self.usage = Usage {
                prompt_tokens: usage.prompt_tokens,
                completion_tokens: usage.completion_tokens,
            };
        }
        if let Some(about) = chunk.syntera {
            self.found_nothing = about.outcome == "not_found";
        }
        self.answered_by = chunk.model.or(self.answered_by.take());
        let Some(choice) = chunk.choices.into_iter().next() else {
            return Ok(None);
        };
        if let Some(reason) = choice.finish_reason {
            self.finish = Some(match reason.as_str() {
                "stop" | "eos" | "end_turn" => Finish::Stop,
                "length" => Finish::Length,
                "content_filter" => Finish::Filtered,
                _ => Finish::Other,
            });
        }
        Ok(choice.delta.content.filter(|text| !text.is_empty()))
    }

    /// The stream is over. A server that closes it without a reason has not finished.
    fn end(&mut self) -> Result<ChatEvent, Error> {
        let finish = self
            .finish
            .ok_or_else(|| Error::Cut("the server stopped sending".to_owned()))?;
        let model = self
            .answered_by
            .take()
            .unwrap_or_else(|| self.call.model.clone());
        Ok(ChatEvent::Finished(Finished {
            finish,
            usage: self.usage,
            model,
            found_nothing: self.found_nothing,
        }))
    }
}

fn message(message: Message) -> ChatCompletionRequestMessage {
    let content = message.content;
    match message.role {
        Role::System => ChatCompletionRequestSystemMessage {
            content: content.into(),
            name: None,
        }
        .into(),
        Role::User => ChatCompletionRequestUserMessage {
            content: content.into(),
            name: None,
        }
        .into(),
        Role::Assistant => ChatCompletionRequestAssistantMessage {
            content: Some(content.into()),
            ..Default::default()
        }
        .into(),
    }
}

/// Puts the vectors into the order of the texts and scales them to length 1.
fn read_vectors(answer: Vectors, texts: usize) -> Result<Embeddings, Error> {
    let mut slots: Vec<Option<Vec<f32>>> = vec![None; texts];
    for vector in answer.data {
        let slot = slots
            .get_mut(vector.index)
            .ok_or(Error::Garbage("a vector for a text that was not sent"))?;
        *slot = Some(unit(vector.embedding)?);
    }
    let vectors: Vec<_> = slots
        .into_iter()
        .collect::<Option<_>>()
        .ok_or(Error::Garbage("fewer vectors than texts"))?;
    let width = vectors.first().map_or(0, Vec::len);
    if vectors.iter().any(|vector| vector.len() != width) {
        return Err(Error::Garbage("vectors of different lengths"));
    }
    Ok(Embeddings {
        vectors,
        tokens: answer.usage.map_or(0, |usage| usage.prompt_tokens),
    })
}

fn unit(mut vector: Vec<f32>) -> Result<Vec<f32>, Error> {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if !length.is_finite() || length <= f32::MIN_POSITIVE {
        return Err(Error::Garbage("a vector without a direction"));
    }
    vector.iter_mut().for_each(|value| *value /= length);
    Ok(vector)
}
