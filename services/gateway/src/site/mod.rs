//! The built web files: start page, demo, widget, the pages of the error codes.

use std::convert::Infallible;

use axum::{
    Router,
    extract::{Path, Request, State, rejection::PathRejection},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use common::{ErrorCode, Problem};
use http::{HeaderValue, StatusCode, header};
use tower::{Service, ServiceExt};
use tower_http::services::{ServeDir, ServeFile};

use crate::app::App;

/// What a page of ours may do: load and call nothing but us.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'",
);
/// Files whose names hold a hash of their content never change.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// The loader keeps its name, so pages get a new one soon.
const SOON: HeaderValue = HeaderValue::from_static("public, max-age=300");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

pub(crate) fn router(app: &App) -> Router<App> {
    let files = ServeDir::new(&app.0.web_dir)
        .precompressed_gzip()
        .call_fallback_on_method_not_allowed(false);
    let files = get(move |request: Request| serve(files.clone(), request));
    Router::new()
        .route("/demo/config.json", get(demo_config))
        .route("/errors/{code}", get(error_page))
        .route("/", files.clone())
        .route("/{*path}", files)
        .layer(middleware::from_fn(page_headers))
}

/// The file that `files` has for the request, or a problem: theirs would be an empty answer.
async fn serve<S>(files: S, mut request: Request) -> Response
where
    S: Service<Request, Error = Infallible>,
    S::Response: IntoResponse,
{
    let path = request.uri().path().to_owned();
    // A server may ignore it (RFC 9110 §14.2), and none of our pages asks for a part of a file. So
    // there is no range that does not fit.
    request.headers_mut().remove(header::RANGE);
    let response = match files.oneshot(request).await {
        Ok(response) => response.into_response(),
        Err(never) => match never {},
    };
    match response.status() {
        StatusCode::PRECONDITION_FAILED => {
            Problem::new(ErrorCode::PreconditionFailed).into_response()
        }
        status if status.is_server_error() => {
            Problem::internal(format!("the file at {path} cannot be read: {status}"))
                .into_response()
        }
        status if status.is_client_error() => nothing_at(&path).into_response(),
        _ => response,
    }
}

fn nothing_at(path: &str) -> Problem {
    Problem::not_found().detail(format!("nothing is served at {path}"))
}

/// What `gateway seed` wrote, for the demo page.
async fn demo_config(State(app): State<App>, request: Request) -> Response {
    let response = match &app.0.demo_file {
        Some(file) => serve(ServeFile::new(file), request).await,
        None => return not_seeded(),
    };
    match response.status() {
        StatusCode::NOT_FOUND => not_seeded(),
        status if status.is_success() => {
            ([(header::CONTENT_TYPE, "application/json")], response).into_response()
        }
        _ => response,
    }
}

fn not_seeded() -> Response {
    Problem::not_found()
        .detail("there is no demo workspace yet; run `gateway seed`")
        .into_response()
}

/// The page that explains an error code: what a problem's `type` points at.
async fn error_page(
    State(app): State<App>,
    code: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    // A rejection is a path that is no text, and no code either.
    let known = code.ok().filter(|Path(code)| {
        let mut codes = ErrorCode::ALL.iter();
        codes.any(|known| known.as_str() == code)
    });
    let Some(Path(code)) = known else {
        return nothing_at(request.uri().path()).into_response();
    };
    let file = app.0.web_dir.join("errors").join(format!("{code}.html"));
    serve(ServeFile::new(file), request).await
}

async fn page_headers(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    let widget = path == "/widget.js" || path.starts_with("/widget/");
    let good = response.status().is_success();
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("strict-origin-when-cross-origin"),
    );
    headers.insert(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    // The files are UTF-8; without a word about it a browser may guess.
    if headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind == "text/html")
    {
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        );
    }
    if good {
        let hashed = path.starts_with("/widget/") || path.starts_with("/assets/");
        let keep = match () {
            () if hashed => FOREVER,
            () if path == "/widget.js" => SOON,
            () => ASK_AGAIN,
        };
        headers.insert(header::CACHE_CONTROL, keep);
    }
    if widget {
        // The widget is made to be loaded by other sites.
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_ORIGIN,
            HeaderValue::from_static("*"),
        );
        headers.insert(
            "cross-origin-resource-policy",
            HeaderValue::from_static("cross-origin"),
        );
    }
    response
}
