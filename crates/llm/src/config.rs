//! Where the models are.

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

/// A server that speaks the OpenAI API, and what of it is used.
#[derive(Debug, Clone, clap::Args)]
pub struct LlmConfig {
    /// The base URL of a server that speaks the OpenAI API. The default is `services/inference` on this
    /// machine, which quotes the company's texts and does not converse.
    #[arg(
        long,
        env = "SYNTERA_LLM_BASE_URL",
        default_value = "http://127.0.0.1:4010/v1"
    )]
    pub llm_base_url: Url,
    /// The key, where the server wants one.
    #[arg(long, env = "SYNTERA_LLM_API_KEY", hide_env_values = true)]
    pub llm_api_key: Option<SecretString>,
    /// The model that answers customers.
    #[arg(
        long,
        env = "SYNTERA_LLM_CHAT_MODEL",
        default_value = "syntera-extractive"
    )]
    pub llm_chat_model: String,
    /// The model that embeds documents and questions. Changing it embeds all documents anew.
    #[arg(
        long,
        env = "SYNTERA_LLM_EMBEDDING_MODEL",
        default_value = "all-minilm-l6-v2"
    )]
    pub llm_embedding_model: String,
    /// Seconds that a chat model has until its first word.
    #[arg(long, env = "SYNTERA_LLM_FIRST_DELTA_SECONDS", default_value = "15", value_parser = seconds)]
    pub llm_first_delta: Duration,
    /// Seconds that a chat model has between two words.
    #[arg(long, env = "SYNTERA_LLM_BETWEEN_DELTAS_SECONDS", default_value = "10", value_parser = seconds)]
    pub llm_between_deltas: Duration,
    /// Seconds that a whole answer may take.
    #[arg(long, env = "SYNTERA_LLM_ANSWER_SECONDS", default_value = "120", value_parser = seconds)]
    pub llm_answer: Duration,
    /// Seconds that embedding one batch may take, attempts and pauses included.
    #[arg(long, env = "SYNTERA_LLM_EMBEDDING_SECONDS", default_value = "20", value_parser = seconds)]
    pub llm_embedding: Duration,
}

impl LlmConfig {
    /// The key, if it is one: Compose files hand an unset variable down as an empty one.
    pub(crate) fn key(&self) -> Option<&SecretString> {
        use secrecy::ExposeSecret;
        self.llm_api_key
            .as_ref()
            .filter(|key| !key.expose_secret().is_empty())
    }
}

/// A positive number of seconds, such as `15` or `0.5`.
fn seconds(text: &str) -> Result<Duration, String> {
    text.parse::<f64>()
        .ok()
        .filter(|seconds| *seconds > 0.0)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "a positive number of seconds, such as 15 or 0.5".to_owned())
}
