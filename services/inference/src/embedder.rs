//! all-MiniLM-L6-v2: text in, a unit vector of 384 numbers out.
//!
//! Tokens are cut at 256, token vectors are averaged over the attention mask and scaled to
//! length 1, as the model's authors do it (`sentence_bert_config.json`, `1_Pooling/config.json`
//! and `modules.json` of the model at its home). So a dot product is a cosine similarity.
//!
//! Every text runs by itself and on one thread: nothing is padded, texts of different callers
//! need not wait for each other, and on a shared machine threads that wait for one another cost
//! a third more processor time than they save.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool};
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;
use tokenizers::{Tokenizer, TruncationParams};

use crate::manifest::MINILM;

/// How many numbers a vector has.
pub const DIMENSIONS: usize = 384;

/// How many tokens of a text the model reads, the two special ones included.
pub const MAX_TOKENS: usize = 256;

/// Why the model could not be loaded or run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The tokenizer's file is unusable.
    #[error("cannot use the tokenizer: {0}")]
    Tokenizer(#[source] tokenizers::Error),
    /// The model's file is unusable.
    #[error("cannot load the model: {0}")]
    Load(#[source] rten::LoadError),
    /// The model lacks an input or an output that it should have.
    #[error("the model has no node {0}")]
    Node(&'static str),
    /// The model failed on an input.
    #[error("the model failed: {0}")]
    Run(#[source] rten::RunError),
    /// The model's output has another shape than the model's description says.
    #[error("the model answered in an unexpected shape")]
    Shape,
}

/// What the model makes of a text. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Embedded {
    /// The vector, of length 1.
    pub vector: Arc<[f32]>,
    /// How many tokens the model read, the two special ones included: at most [`MAX_TOKENS`].
    pub tokens: usize,
}

impl AsRef<[f32]> for Embedded {
    fn as_ref(&self) -> &[f32] {
        &self.vector
    }
}

/// The loaded model; `&self` methods may run on many threads at once.
pub struct Embedder {
    model: Model,
    tokenizer: Tokenizer,
    /// The same without a limit, to count what a request brought.
    counter: Tokenizer,
    input_ids: NodeId,
    attention_mask: NodeId,
    token_type_ids: NodeId,
    output: NodeId,
    /// Pools of one thread that no run uses at the moment.
    idle: Mutex<Vec<Arc<ThreadPool>>>,
}

impl Embedder {
    /// Loads the model from the models folder; the files must have passed `install::verify`.
    pub fn load(dir: &Path) -> Result<Self, Error> {
        let folder = dir.join(MINILM);
        let mut counter =
            Tokenizer::from_file(folder.join("tokenizer.json")).map_err(Error::Tokenizer)?;
        // The file asks for 128 tokens, padded to 128; the model was published for 256, and
        // padding would only cost time.
        counter
            .with_padding(None)
            .with_truncation(None)
            .map_err(Error::Tokenizer)?;
        let mut tokenizer = counter.clone();
        tokenizer
            .with_truncation(Some(TruncationParams {
                max_length: MAX_TOKENS,
                ..Default::default()
            }))
            .map_err(Error::Tokenizer)?;
        // The file's 8-bit weights become 32-bit ones here. Without packing them once, every run
        // would lay them out anew: 27 ms for a sentence instead of 6.
        let model = ModelOptions::with_all_ops()
            .prepack_weights(true)
            .load_file(folder.join("model.onnx"))
            .map_err(Error::Load)?;
        let node = |name| model.find_node(name).ok_or(Error::Node(name));
        Ok(Self {
            input_ids: node("input_ids")?,
            attention_mask: node("attention_mask")?,
            token_type_ids: node("token_type_ids")?,
            output: *model.output_ids().first().ok_or(Error::Node("output 0"))?,
            tokenizer,
            counter,
            model,
            idle: Mutex::default(),
        })
    }

    /// How many tokens the text has, the two special ones included, without the limit.
    pub fn count_tokens(&self, text: &str) -> Result<usize, Error> {
        Ok(self
            .counter
            .encode_fast(text, true)
            .map_err(Error::Tokenizer)?
            .len())
    }

    /// The vector of one text. Takes some milliseconds of a core: call it off the reactor.
    pub fn embed(&self, text: &str) -> Result<Embedded, Error> {
        let encoding = self
            .tokenizer
            .encode_fast(text, true)
            .map_err(Error::Tokenizer)?;
        let row = |numbers: &[u32]| {
            let numbers = numbers.iter().map(|&n| n.cast_signed()).collect::<Vec<_>>();
            NdTensor::from_data([1, numbers.len()], numbers)
        };
        let ids = row(encoding.get_ids());
        let mask = row(encoding.get_attention_mask());
        let types = row(encoding.get_type_ids());
        let pool = self.idle_pools().pop();
        let pool = pool.unwrap_or_else(|| Arc::new(ThreadPool::with_num_threads(1)));
        let result = self.model.run_n(
            vec![
                (self.input_ids, ids.view().into()),
                (self.attention_mask, mask.view().into()),
                (self.token_type_ids, types.view().into()),
            ],
            [self.output],
            Some(RunOptions::default().with_thread_pool(Some(pool.clone()))),
        );
        self.idle_pools().push(pool);
        let [hidden] = result.map_err(Error::Run)?;
        let hidden: NdTensor<f32, 3> = hidden.try_into().map_err(|_| Error::Shape)?;
        let [batch, tokens, width] = hidden.shape();
        if batch != 1 || tokens != encoding.len() || width != DIMENSIONS {
            return Err(Error::Shape);
        }
        let hidden = hidden.data().ok_or(Error::Shape)?;
        let vector = mean(
            hidden.chunks_exact(DIMENSIONS),
            encoding.get_attention_mask(),
        );
        Ok(Embedded {
            vector: vector.into(),
            tokens,
        })
    }

    fn idle_pools(&self) -> MutexGuard<'_, Vec<Arc<ThreadPool>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The mean of the token vectors where the mask is 1, scaled to length 1.
fn mean<'a>(tokens: impl Iterator<Item = &'a [f32]>, mask: &[u32]) -> Vec<f32> {
    let mut sum = vec![0_f32; DIMENSIONS];
    for (token, _) in tokens.zip(mask).filter(|(_, m)| **m == 1) {
        for (total, value) in sum.iter_mut().zip(token) {
            *total += value;
        }
    }
    // The division by the number of tokens falls away with the scaling.
    let length = dot(&sum, &sum).sqrt().max(f32::MIN_POSITIVE);
    sum.iter_mut().for_each(|value| *value /= length);
    sum
}

/// The dot product; of two unit vectors, the cosine of their angle.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pooling_ignores_masked_tokens_and_scales_to_one() {
        let mut first = vec![0.0; DIMENSIONS];
        first[0] = 3.0;
        let mut second = vec![0.0; DIMENSIONS];
        second[1] = 4.0;
        let masked = vec![100.0; DIMENSIONS];
        let tokens = [first, second, masked];
        let pooled = mean(tokens.iter().map(Vec::as_slice), &[1, 1, 0]);
        assert!((pooled[0] - 0.6).abs() < 1e-6 && (pooled[1] - 0.8).abs() < 1e-6);
        assert!((dot(&pooled, &pooled) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn pooling_nothing_gives_zeros_rather_than_nan() {
        let token = vec![1.0; DIMENSIONS];
        assert!(
            mean([token.as_slice()].into_iter(), &[0])
                .iter()
                .all(|v| *v == 0.0)
        );
    }
}
