//! Extractors whose every rejection is a problem that names the field.

use axum::{
    RequestExt,
    body::{Bytes, HttpBody},
    extract::{FromRequest, FromRequestParts, Request, rejection::BytesRejection},
    response::{IntoResponse, Response},
};
use common::{ErrorCode, Problem, problem::FieldError};
use http::{StatusCode, header, request::Parts};
use serde::{
    Serialize,
    de::{DeserializeOwned, IgnoredAny},
};

use crate::{Check, Validate};

/// A JSON body that passed its checks; as a response, a JSON body.
///
/// Answers 415 for another media type, 413 for a body over the route's limit, 400 for what is not
/// JSON, and 422 with JSON pointers for fields that are missing, unknown, or not valid.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

impl<T, S> FromRequest<S> for Json<T>
where
    T: DeserializeOwned + Validate,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(ErrorCode::UnsupportedMediaType)
                .detail("send Content-Type: application/json"));
        }
        let announced = request.body().size_hint().lower();
        let request = request.with_limited_body();
        let most = request.body().size_hint().upper();
        if most.is_some_and(|most| most < announced) {
            // Known by its Content-Length: who waits with the body until it is wanted need not send it.
            return Err(too_large());
        }
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(body_problem)?;
        let value: T = parse(&bytes)?;
        Check::run(&value)?;
        Ok(Self(value))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

fn is_json(headers: &http::HeaderMap) -> bool {
    let Some(value) = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    let essence = value
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    essence == "application/json" || essence == "application/merge-patch+json"
}

pub(crate) fn body_problem(rejection: BytesRejection) -> Problem {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        too_large()
    } else {
        // The client stopped sending, or what it sent is not HTTP.
        Problem::new(ErrorCode::InvalidJson).detail("the body ended before it was complete")
    }
}

fn too_large() -> Problem {
    Problem::new(ErrorCode::PayloadTooLarge).detail("send a smaller body")
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // serde takes an array for a struct, its members in order. No request of ours is an array.
    if bytes.trim_ascii_start().starts_with(b"[") {
        let _: IgnoredAny = serde_json::from_slice(bytes).map_err(|error| not_json(&error))?;
        return Err(Problem::new(ErrorCode::ValidationFailed)
            .detail("correct the fields under `errors`; nothing was saved")
            .field(FieldError::at("", "must be an object")));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let pointer = pointer(error.path());
        let cause = error.into_inner();
        if cause.is_data() {
            let (pointer, detail) = name_the_member(pointer, &cause.to_string());
            Problem::new(ErrorCode::ValidationFailed)
                .detail("correct the fields under `errors`; nothing was saved")
                .field(FieldError::at(pointer, detail))
        } else {
            not_json(&cause)
        }
    })?;
    deserializer.end().map_err(|error| not_json(&error))?;
    Ok(value)
}

fn not_json(error: &serde_json::Error) -> Problem {
    Problem::new(ErrorCode::InvalidJson).detail(format!(
        "line {}, column {}: not JSON",
        error.line(),
        error.column()
    ))
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            // RFC 6901 §3: `~` and `/` are escaped.
            Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { variant } => format!("/{variant}"),
            Segment::Unknown => String::new(),
        })
        .collect()
}

/// serde reports a missing or repeated member at its parent; the pointer of an unknown one is there
/// already or not, depending on the format. Each is named by its own pointer here.
fn name_the_member(pointer: String, cause: &str) -> (String, String) {
    // serde_json appends " at line L column C", which says nothing to somebody with a pointer.
    let message = cause.rfind(" at line ").map_or(cause, |end| &cause[..end]);
    let quoted = || message.split('`').nth(1).unwrap_or_default().to_owned();
    if message.starts_with("missing field `") {
        (format!("{pointer}/{}", quoted()), "is required".to_owned())
    } else if message.starts_with("duplicate field `") {
        (
            format!("{pointer}/{}", quoted()),
            "is there more than once".to_owned(),
        )
    } else if message.starts_with("unknown field `") {
        let name = quoted();
        let own = format!("/{name}");
        let pointer = if pointer.ends_with(&own) {
            pointer
        } else {
            format!("{pointer}{own}")
        };
        (pointer, "is not a field of this request".to_owned())
    } else {
        (pointer, message.to_owned())
    }
}

/// Query parameters; what does not fit answers 400 with the parameter's name.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

impl<T, S> FromRequestParts<S> for Query<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parameters(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

/// Reads the text of a query.
pub(crate) fn parameters<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    let deserializer =
        serde_urlencoded::Deserializer::new(url::form_urlencoded::parse(text.as_bytes()));
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let name = error.path().to_string();
        let (pointer, detail) = name_the_member(String::new(), &error.into_inner().to_string());
        let name = if name == "." {
            pointer.trim_start_matches('/').to_owned()
        } else {
            name
        };
        Problem::new(ErrorCode::InvalidQuery)
            .detail(format!("{name}: {detail}"))
            .field(FieldError::parameter(name, detail))
    })
}

/// Path parameters. One that does not parse names nothing that could exist: 404.
#[derive(Debug, Clone, Copy)]
pub struct Path<T>(pub T);

impl<T, S> FromRequestParts<S> for Path<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        axum::extract::Path::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path(value)| Self(value))
            .map_err(|_| Problem::not_found().detail("the path names no id that could exist"))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only the parsing is looked at")]
    struct Body {
        name: String,
        tags: Vec<u8>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Empty {}

    fn pointers(text: &str) -> Vec<String> {
        pointers_of::<Body>(text)
    }

    fn pointers_of<T: DeserializeOwned + std::fmt::Debug>(text: &str) -> Vec<String> {
        let problem = parse::<T>(text.as_bytes()).unwrap_err();
        problem
            .document()
            .errors
            .into_iter()
            .filter_map(|error| error.pointer)
            .collect()
    }

    #[test]
    fn each_fault_is_named_by_its_own_pointer() {
        assert_eq!(pointers(r#"{"tags":[]}"#), ["/name"]);
        assert_eq!(pointers(r#"{"name":"x","tags":[1,"y"]}"#), ["/tags/1"]);
        assert_eq!(pointers(r#"{"name":5,"tags":[]}"#), ["/name"]);
        assert_eq!(
            pointers(r#"{"name":"x","tags":[],"admin":true}"#),
            ["/admin"]
        );
        assert_eq!(pointers(r#"{"name":"x","tags":[],"name":"y"}"#), ["/name"]);
        assert_eq!(pointers("[]"), [""]);
        assert_eq!(pointers(r#" ["x",[1]]"#), [""]);
        assert_eq!(pointers_of::<Empty>(r#"["x"]"#), [""]);
    }

    #[test]
    fn what_is_not_json_is_400_and_says_where() {
        for text in ["", "{", "[", "{\"name\":\"x\",\"tags\":[]} trailing", "nul"] {
            assert_eq!(
                parse::<Body>(text.as_bytes()).unwrap_err().code(),
                ErrorCode::InvalidJson,
                "{text}"
            );
        }
    }
}
