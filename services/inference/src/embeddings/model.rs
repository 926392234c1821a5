//! The request and response of embeddings, and their limits.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::embedder::{DIMENSIONS, Embedded};
use crate::manifest::MINILM;

/// How many texts one request may bring.
pub const MAX_INPUTS: usize = 256;

/// How long one text may be. The model reads 256 tokens, about a thousand characters; a caller
/// that sends much more has not split its text.
pub const MAX_BYTES: usize = 32 * 1024;

/// What to embed.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = EmbeddingRequest)]
pub struct Request {
    /// `all-minilm-l6-v2`.
    #[schema(example = "all-minilm-l6-v2")]
    pub model: String,
    /// One text, or up to 256 of them. Only the first 256 tokens of a text count.
    pub input: Input,
    /// How vectors are written: `float` by default.
    #[serde(default)]
    pub encoding_format: Encoding,
    /// The model has 384 dimensions, and no other number is accepted.
    #[schema(example = 384)]
    pub dimensions: Option<usize>,
}

/// One text or several.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged, expecting = "input must be a string or an array of strings")]
#[schema(as = EmbeddingInput)]
pub enum Input {
    /// One text.
    One(String),
    /// Several texts.
    Many(Vec<String>),
}

/// How a vector is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = EmbeddingEncoding)]
pub enum Encoding {
    /// An array of numbers.
    #[default]
    Float,
    /// Base64 of little-endian 32-bit floats, which OpenAI's own clients ask for.
    Base64,
}

/// A request that cannot be served: which field, and why.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// The field.
    pub param: String,
    /// Why.
    pub message: String,
}

impl Request {
    /// The texts to embed, within the limits.
    ///
    /// # Errors
    /// When there are none, too many, or one is empty or too long.
    pub fn into_texts(self) -> Result<(Vec<String>, Encoding), Fault> {
        let fault = |param: &str, message: String| Fault {
            param: param.to_owned(),
            message,
        };
        if let Some(wanted) = self.dimensions.filter(|wanted| *wanted != DIMENSIONS) {
            let message = format!("{MINILM} has {DIMENSIONS} dimensions, not {wanted}");
            return Err(fault("dimensions", message));
        }
        let texts = match self.input {
            Input::One(text) => vec![text],
            Input::Many(texts) => texts,
        };
        if texts.is_empty() || texts.len() > MAX_INPUTS {
            let message = format!(
                "input must have 1 to {MAX_INPUTS} texts, not {}",
                texts.len()
            );
            return Err(fault("input", message));
        }
        for (index, text) in texts.iter().enumerate() {
            if text.is_empty() || text.len() > MAX_BYTES {
                let message = format!("a text must have 1 to {MAX_BYTES} bytes");
                return Err(fault(&format!("input[{index}]"), message));
            }
        }
        Ok((texts, self.encoding_format))
    }
}

/// The vectors.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EmbeddingResponse)]
pub struct Response {
    /// Always `list`.
    pub object: &'static str,
    /// One entry for each text, in their order.
    pub data: Vec<Entry>,
    /// The model that answered.
    pub model: &'static str,
    /// What was read.
    pub usage: Usage,
}

/// The vector of one text.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Embedding)]
pub struct Entry {
    /// Always `embedding`.
    pub object: &'static str,
    /// Which text of the request.
    pub index: usize,
    /// The vector, of length 1.
    pub embedding: Vector,
}

/// A vector in either form.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = EmbeddingVector)]
pub enum Vector {
    /// 384 numbers.
    Float(Vec<f32>),
    /// The same as base64.
    Base64(String),
}

/// How many tokens the model read.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EmbeddingUsage)]
pub struct Usage {
    /// Tokens of all texts, as far as they were read.
    pub prompt_tokens: usize,
    /// The same: embeddings produce no tokens.
    pub total_tokens: usize,
}

impl Response {
    /// Writes the vectors in the form that was asked for.
    pub fn new(embedded: &[Embedded], encoding: Encoding) -> Self {
        let tokens = embedded.iter().map(|e| e.tokens).sum();
        let entry = |(index, e): (usize, &Embedded)| Entry {
            object: "embedding",
            index,
            embedding: match encoding {
                Encoding::Float => Vector::Float(e.vector.to_vec()),
                Encoding::Base64 => Vector::Base64(to_base64(&e.vector)),
            },
        };
        Self {
            object: "list",
            data: embedded.iter().enumerate().map(entry).collect(),
            model: MINILM,
            usage: Usage {
                prompt_tokens: tokens,
                total_tokens: tokens,
            },
        }
    }
}

fn to_base64(vector: &[f32]) -> String {
    let bytes: Vec<u8> = vector
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect();
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(json: serde_json::Value) -> Result<(Vec<String>, Encoding), Fault> {
        serde_json::from_value::<Request>(json)
            .unwrap()
            .into_texts()
    }

    #[test]
    fn takes_one_text_or_several() {
        let one = request(serde_json::json!({"model": "m", "input": "a"})).unwrap();
        assert_eq!(one, (vec!["a".to_owned()], Encoding::Float));
        let many = request(serde_json::json!(
            {"model": "m", "input": ["a", "b"], "encoding_format": "base64", "dimensions": 384}
        ));
        assert_eq!(
            many.unwrap(),
            (vec!["a".to_owned(), "b".to_owned()], Encoding::Base64)
        );
    }

    #[test]
    fn refuses_what_it_cannot_do_and_names_the_field() {
        let too_many = vec!["a"; MAX_INPUTS + 1];
        let too_long = "a".repeat(MAX_BYTES + 1);
        for (body, param) in [
            (serde_json::json!({"model": "m", "input": []}), "input"),
            (
                serde_json::json!({"model": "m", "input": too_many}),
                "input",
            ),
            (serde_json::json!({"model": "m", "input": ""}), "input[0]"),
            (
                serde_json::json!({"model": "m", "input": ["a", too_long]}),
                "input[1]",
            ),
            (
                serde_json::json!({"model": "m", "input": "a", "dimensions": 256}),
                "dimensions",
            ),
        ] {
            assert_eq!(request(body).unwrap_err().param, param);
        }
    }

    #[test]
    fn base64_is_little_endian_floats() {
        assert_eq!(to_base64(&[1.0, -2.0]), "AACAPwAAAMA=");
    }
}
