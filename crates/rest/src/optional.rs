//! A JSON body that may be left out.

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
};
use common::Problem;
use serde::{Deserialize, de::DeserializeOwned};

use crate::{Check, Json, Validate, extract};

/// A JSON body, or the default when nothing or `null` was sent: browsers renew and sign out by cookie
/// alone, and then have no media type to name either.
#[derive(Debug, Clone, Copy)]
pub struct OptionalJson<T>(pub T);

impl<T, S> FromRequest<S> for OptionalJson<T>
where
    T: DeserializeOwned + Default + Validate,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let whole = Request::from_parts(parts.clone(), body);
        let bytes = Bytes::from_request(whole, state)
            .await
            .map_err(extract::body_problem)?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        let request = Request::from_parts(parts, Body::from(bytes));
        let Json(Nullable(value)) = Json::from_request(request, state).await?;
        Ok(Self(value.unwrap_or_default()))
    }
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Nullable<T>(Option<T>);

impl<T: Validate> Validate for Nullable<T> {
    fn validate(&self, check: &mut Check) {
        if let Self(Some(value)) = self {
            value.validate(check);
        }
    }
}
