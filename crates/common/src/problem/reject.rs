//! What the router itself answers: unknown paths, wrong methods, panics.

use std::any::Any;

use axum::response::{IntoResponse, Response};
use http::{Method, Uri};
use tower_http::catch_panic::ResponseForPanic;

use super::{ErrorCode, Problem};

/// The answer to a path that nothing serves.
pub async fn unknown_route(uri: Uri) -> Problem {
    Problem::not_found().detail(format!("nothing is served at {}", uri.path()))
}

/// The answer to a method that a known path does not take; axum adds `Allow`.
pub async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    Problem::new(ErrorCode::MethodNotAllowed)
        .detail(format!("{method} is not allowed at {}", uri.path()))
}

/// Turns a panic in a handler into a problem, so that the client gets an answer.
#[derive(Debug, Clone, Copy)]
pub struct Panicked;

impl ResponseForPanic for Panicked {
    type ResponseBody = axum::body::Body;

    fn response_for_panic(&mut self, panic: Box<dyn Any + Send + 'static>) -> Response {
        let message = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("panic without a message");
        Problem::internal(format!("panic: {message}")).into_response()
    }
}
