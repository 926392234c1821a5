//! A JSON body whose every fault is answered in OpenAI's shape, naming the field.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use http::{StatusCode, header};
use serde::de::DeserializeOwned;

use crate::error::Error;

/// The largest body: 256 inputs of the largest size would not fit, 200 long ones do.
pub const LIMIT: usize = 4 << 20;

/// The parsed body.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let media_type = request.headers().get(header::CONTENT_TYPE);
        let media_type = media_type
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(Error::refused(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the body must be application/json",
            ));
        }
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(unreadable)?;
        let mut json = serde_json::Deserializer::from_slice(&bytes);
        let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let path = error.path().to_string();
            let cause = error.into_inner();
            let fault = Error::invalid(cause.to_string());
            // Where the JSON itself is broken, the path says how far the parser came.
            if cause.is_data() && path != "." {
                fault.param(path)
            } else {
                fault
            }
        })?;
        json.end()
            .map_err(|error| Error::invalid(error.to_string()))?;
        Ok(Self(value))
    }
}

fn unreadable(rejection: BytesRejection) -> Error {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let message = format!("the body is larger than {LIMIT} bytes");
        return Error::refused(StatusCode::PAYLOAD_TOO_LARGE, message);
    }
    Error::invalid("the body could not be read")
}
