//! `GET /v1/models`: what there is, and what it honestly is.

use axum::Json;
use axum::extract::Path;
use serde::Serialize;
use utoipa::ToSchema;

use crate::chat::model::EXTRACTIVE;
use crate::embedder::{DIMENSIONS, MAX_TOKENS};
use crate::error::{self, Error, Result};
use crate::manifest::MINILM;

/// When this list last changed, 2026-11-23: OpenAI's form wants a time for each model.
const CREATED: i64 = 1_795_392_000;

/// The models of this server.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ModelList)]
pub struct List {
    /// Always `list`.
    object: &'static str,
    data: [Model; 2],
}

/// One model. All fields after `owned_by` are additions to OpenAI's form.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Model {
    /// What to put into `model`.
    #[schema(example = "syntera-extractive")]
    id: &'static str,
    /// Always `model`.
    object: &'static str,
    /// Seconds since 1970.
    created: i64,
    owned_by: &'static str,
    /// What it is, in a sentence for people.
    description: &'static str,
    capabilities: Capabilities,
}

/// What a model can do.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ModelCapabilities)]
struct Capabilities {
    /// Answers `/v1/embeddings`.
    embeddings: bool,
    /// Answers `/v1/chat/completions`.
    chat: bool,
    /// Writes sentences of its own. If not, it only quotes what it is given.
    generates: bool,
    /// Calls tools.
    tools: bool,
    /// The languages that it was made for.
    languages: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_input_tokens: Option<usize>,
}

fn all() -> [Model; 2] {
    let model = |id, description, capabilities| Model {
        id,
        object: "model",
        created: CREATED,
        owned_by: "syntera",
        description,
        capabilities,
    };
    [
        model(
            MINILM,
            "Sentence embeddings: all-MiniLM-L6-v2 with 8-bit weights, for English.",
            Capabilities {
                embeddings: true,
                chat: false,
                generates: false,
                tools: false,
                languages: &["en"],
                dimensions: Some(DIMENSIONS),
                max_input_tokens: Some(MAX_TOKENS),
            },
        ),
        model(
            EXTRACTIVE,
            "Quotes the best supported sentences of the sources it is given, with their marks. It \
             does not converse, does not reason and cannot call tools; when the sources do not \
             answer, it says so.",
            Capabilities {
                embeddings: false,
                chat: true,
                generates: false,
                tools: false,
                languages: &["en"],
                dimensions: None,
                max_input_tokens: None,
            },
        ),
    ]
}

/// Lists the models.
#[utoipa::path(
    get,
    path = "/v1/models",
    operation_id = "list_models",
    tag = "models",
    responses(
        (status = 200, description = "the models", body = List),
        (status = 401, description = "no valid api key", body = error::Body),
    )
)]
pub async fn list_models() -> Json<List> {
    Json(List {
        object: "list",
        data: all(),
    })
}

/// Tells about one model.
#[utoipa::path(
    get,
    path = "/v1/models/{id}",
    operation_id = "get_model",
    tag = "models",
    params(("id" = String, Path, description = "the name of the model")),
    responses(
        (status = 200, description = "the model", body = Model),
        (status = 401, description = "no valid api key", body = error::Body),
        (status = 404, description = "no such model", body = error::Body),
    )
)]
pub async fn get_model(Path(id): Path<String>) -> Result<Json<Model>> {
    all()
        .into_iter()
        .find(|model| model.id == id)
        .map(Json)
        .ok_or_else(|| Error::no_model(&id))
}
