//! Embeddings: texts in, one vector for each out.

use async_trait::async_trait;

use crate::Error;

/// The vectors of some texts.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    /// One for each text, in their order, all of the same length, scaled to length 1.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens, as the server counted them.
    pub tokens: u32,
}

/// Something that turns texts into vectors.
#[async_trait]
pub trait Embedder: Send + Sync {
    /// The name of the model. Vectors of different models cannot be compared.
    fn name(&self) -> &str;

    /// The vectors of `texts`. Failures that may pass are tried again a few times, within the
    /// configured deadline.
    ///
    /// # Errors
    /// When the server cannot be reached, refuses, or answers something else.
    async fn embed(&self, texts: &[String]) -> Result<Embeddings, Error>;
}
