//! A document: text that an agent answers from.

use chrono::{DateTime, Utc};
use ids::{AgentId, DocumentId};
use rest::{Check, Validate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The longest document, in characters.
const MAX_CONTENT: usize = 400_000;

/// How far a document has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DocumentStatus {
    /// Waits to be cut into chunks and embedded.
    Pending,
    /// Can be found.
    Ready,
    /// Could not be prepared; `error` says why.
    Failed,
}

/// A document as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Document {
    /// The document.
    pub id: DocumentId,
    /// Whose it is.
    pub agent_id: AgentId,
    /// What it is called.
    pub title: String,
    /// Where a person can read it.
    pub url: Option<String>,
    /// How far it has come.
    pub status: DocumentStatus,
    /// Why it failed, and what to do.
    pub error: Option<String>,
    /// Pieces that can be found.
    pub chunk_count: i32,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// When its state last changed.
    pub updated_at: DateTime<Utc>,
}

/// A document to be added.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateDocument {
    /// What it is called.
    #[schema(min_length = 1, max_length = 200)]
    pub title: String,
    /// Where a person can read it: an http(s) URL, or a path on the site of the widget.
    #[serde(default)]
    #[schema(max_length = 2000)]
    pub url: Option<String>,
    /// The text, as Markdown or plain.
    #[schema(min_length = 1, max_length = 400000)]
    pub content: String,
}

impl Validate for CreateDocument {
    fn validate(&self, check: &mut Check) {
        check.line("/title", &self.title, 1..=200);
        check.text("/content", &self.content, 1..=MAX_CONTENT);
        if let Some(url) = &self.url {
            check.link("/url", url);
        }
    }
}
