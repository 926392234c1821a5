//! Entity tags: a resource carries its version, and a change may say which version it changes
//! (RFC 9110 §8.8.3 and §13.1.1).

use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use common::{ErrorCode, Problem, problem::FieldError};
use http::{HeaderValue, header, request::Parts};
use serde::Serialize;

/// The tag of a version: `"7"`.
#[must_use]
pub fn etag(version: i64) -> HeaderValue {
    HeaderValue::try_from(format!("\"{version}\"")).expect("digits in quotes are a header value")
}

/// A JSON body whose `ETag` is its version.
#[derive(Debug, Clone, Copy)]
pub struct Tagged<T> {
    body: T,
    version: i64,
}

impl<T> Tagged<T> {
    /// `body` as it is at `version`.
    pub const fn new(body: T, version: i64) -> Self {
        Self { body, version }
    }
}

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let tag = [(header::ETAG, etag(self.version))];
        (tag, axum::Json(self.body)).into_response()
    }
}

/// The versions that an `If-Match` header accepts; every version without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfMatch(Option<Vec<String>>);

impl IfMatch {
    /// Whether the client names the versions that it has seen; without them, and with `*`, any will do.
    #[must_use]
    pub fn names_versions(&self) -> bool {
        let tags = self.0.as_deref().unwrap_or_default();
        !tags.is_empty() && tags.iter().all(|tag| tag != "*")
    }

    /// Lets a change pass when `version` is one that the client has seen.
    ///
    /// # Errors
    /// 412 when it is not.
    pub fn check(&self, version: i64) -> Result<(), Problem> {
        let current = format!("\"{version}\"");
        match &self.0 {
            Some(tags) if !tags.iter().any(|tag| *tag == current || tag == "*") => {
                Err(Problem::new(ErrorCode::PreconditionFailed)
                    .detail(
                        "read it again, apply your change to what you find, and send the new ETag",
                    )
                    .header(header::ETAG, etag(version)))
            }
            _ => Ok(()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else {
            return Ok(Self(None));
        };
        let text = value.to_str().map_err(|_| invalid())?;
        let tags: Vec<String> = text.split(',').map(|tag| tag.trim().to_owned()).collect();
        let well_formed = |tag: &String| {
            tag == "*" || (tag.len() >= 2 && tag.starts_with('"') && tag.ends_with('"'))
        };
        if tags.iter().all(well_formed) {
            Ok(Self(Some(tags)))
        } else {
            Err(invalid())
        }
    }
}

fn invalid() -> Problem {
    Problem::new(ErrorCode::InvalidHeader).field(FieldError::parameter(
        "If-Match",
        "the ETag that you read, quotes included, or *",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_version_that_the_client_saw_passes() {
        let seen = IfMatch(Some(vec!["\"3\"".to_owned()]));
        assert!(seen.check(3).is_ok());
        assert_eq!(
            seen.check(4).unwrap_err().code(),
            ErrorCode::PreconditionFailed
        );
        assert!(IfMatch(None).check(4).is_ok());
        assert!(IfMatch(Some(vec!["*".to_owned()])).check(4).is_ok());
    }
}
