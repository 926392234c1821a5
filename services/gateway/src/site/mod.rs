//! The built web files: start page, demo, widget, the pages of the error codes.

use axum::{
    Router,
    extract::{Path, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use common::Problem;
use http::{HeaderValue, StatusCode, header};
use tower::ServiceExt;
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
    let files = get(move |request: Request| {
        let files = files.clone();
        async move {
            let path = request.uri().path().to_owned();
            match files.oneshot(request).await {
                Ok(response) if response.status() != StatusCode::NOT_FOUND => {
                    response.into_response()
                }
                Ok(_) => nothing_at(&path).into_response(),
                Err(never) => match never {},
            }
        }
    });
    Router::new()
        .route("/demo/config.json", get(demo_config))
        .route("/errors/{code}", get(error_page))
        .route("/", files.clone())
        .route("/{*path}", files)
        .layer(middleware::from_fn(page_headers))
}

fn nothing_at(path: &str) -> Problem {
    Problem::not_found().detail(format!("nothing is served at {path}"))
}

/// What `gateway seed` wrote, for the demo page.
async fn demo_config(State(app): State<App>, request: Request) -> Response {
    let Some(file) = &app.0.demo_file else {
        return not_seeded();
    };
    match ServeFile::new(file).oneshot(request).await {
        Ok(response) if is_there(response.status()) => {
            let mut response = response.into_response();
            response.headers_mut().insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            );
            response
        }
        _ => not_seeded(),
    }
}

/// Whether a file was found. A browser that has it already is told just that.
fn is_there(status: StatusCode) -> bool {
    status.is_success() || status == StatusCode::NOT_MODIFIED
}

fn not_seeded() -> Response {
    Problem::not_found()
        .detail("there is no demo workspace yet; run `gateway seed`")
        .into_response()
}

/// The page that explains an error code: what a problem's `type` points at.
async fn error_page(
    State(app): State<App>,
    Path(code): Path<String>,
    request: Request,
) -> Response {
    let known = common::ErrorCode::ALL
        .iter()
        .any(|known| known.as_str() == code);
    if !known {
        return nothing_at(request.uri().path()).into_response();
    }
    let file = app.0.web_dir.join("errors").join(format!("{code}.html"));
    match ServeFile::new(file).oneshot(request).await {
        Ok(response) if is_there(response.status()) => response.into_response(),
        _ => nothing_at(&format!("/errors/{code}")).into_response(),
    }
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
