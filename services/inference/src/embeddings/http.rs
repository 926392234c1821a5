//! The handler of embeddings.

use axum::Json;
use axum::extract::State;

use super::model::{Fault, Request, Response};
use crate::app::App;
use crate::body::Body;
use crate::deadline::within;
use crate::error::{self, Error, Result};
use crate::manifest::MINILM;

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::invalid(fault.message).param(fault.param)
    }
}

/// Embeds texts.
///
/// The vectors have 384 dimensions and length 1, so a dot product is a cosine similarity.
#[utoipa::path(
    post,
    path = "/v1/embeddings",
    operation_id = "create_embeddings",
    tag = "models",
    request_body = Request,
    responses(
        (status = 200, description = "one vector for each text", body = Response),
        (status = 400, description = "the request is not valid", body = error::Body),
        (status = 401, description = "no valid api key", body = error::Body),
        (status = 404, description = "no such model", body = error::Body),
        (status = 413, description = "the body is too large", body = error::Body),
        (status = 415, description = "the body is not JSON", body = error::Body),
        (status = 429, description = "the queue is full; `Retry-After` says when", body = error::Body),
        (status = 500, description = "the model failed", body = error::Body),
        (status = 503, description = "too busy to answer in time", body = error::Body),
    )
)]
pub async fn create_embeddings(
    State(app): State<App>,
    Body(request): Body<Request>,
) -> Result<Json<Response>> {
    if request.model != MINILM {
        return Err(Error::no_model(&request.model));
    }
    let (texts, encoding) = request.into_texts()?;
    let place = app.work.enter()?;
    let embedded = within(app.until(), place.embed(texts)).await?;
    Ok(Json(Response::new(&embedded, encoding)))
}
