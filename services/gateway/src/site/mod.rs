//! What the gateway answers itself: the built web files (start page, account pages, demo, widget, the
//! pages of the error codes), the API's document and reference, and letters on a machine of one's own.

mod headers;
mod mail;

use std::convert::Infallible;

use axum::{
    Router,
    extract::{Path, Request, State, rejection::PathRejection},
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use common::{ErrorCode, Problem};
use http::{StatusCode, header};
use tower::{Service, ServiceExt};
use tower_http::services::{ServeDir, ServeFile};

use crate::{app::App, openapi};

const DOCUMENT: &str = "/api/v1/openapi.json";
const REFERENCE: &str = "/api/v1/docs";
const INBOX: &str = "/inbox";

pub(crate) fn router(app: &App) -> Router<App> {
    let files = ServeDir::new(&app.0.web_dir)
        .precompressed_gzip()
        .call_fallback_on_method_not_allowed(false);
    let files = get(move |request: Request| serve(files.clone(), request));
    let mut router = Router::new()
        .route("/", get(start_page))
        .route("/account/{page}", get(account_page))
        .route("/demo/config.json", get(demo_config))
        .route("/errors/{code}", get(error_page))
        .route(DOCUMENT, get(openapi::serve))
        .route(REFERENCE, get(reference))
        .route(INBOX, get(inbox))
        .route("/{*path}", files);
    if app.0.mail_dir.is_some() {
        router = router.merge(mail::router());
    }
    router.layer(middleware::from_fn(headers::add))
}

/// Whether a path below `/api/v1` is answered here.
pub(crate) fn is_ours(path: &str) -> bool {
    path == DOCUMENT || path == REFERENCE
}

/// What the requests for a path are called in metrics and the log.
pub(crate) fn label(path: &str) -> &'static str {
    let first = path.split('/').nth(1).unwrap_or_default();
    match (path, first) {
        ("/", _) => "/",
        (DOCUMENT, _) => DOCUMENT,
        (REFERENCE, _) => REFERENCE,
        (INBOX, _) => INBOX,
        ("/widget.js", _) => "/widget.js",
        (_, "widget") => "/widget/{*path}",
        (_, "assets") => "/assets/{*path}",
        (_, "account") => "/account/{page}",
        (_, "demo") => "/demo/{*path}",
        (_, "errors") => "/errors/{code}",
        (_, "mail") => "/mail/{*path}",
        _ => "/{*path}",
    }
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

/// Where the start page names letters, if there are any to read.
const MAIL_SLOT: &str = "<!-- mail -->";
const MAIL_CARD: &str = "<li><a href=\"/mail\"><h2>Mail</h2><p>What the fleet would have sent: \
                         links to verify an address, invitations.</p></a></li>";

async fn start_page(State(app): State<App>, request: Request) -> Response {
    let file = app.0.web_dir.join("index.html");
    let response = serve(ServeFile::new(file), request).await;
    if app.0.mail_dir.is_none() || !response.status().is_success() {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    match axum::body::to_bytes(body, headers::LARGEST_PAGE).await {
        Ok(page) => {
            let page = String::from_utf8_lossy(&page).replace(MAIL_SLOT, MAIL_CARD);
            parts.headers.remove(header::CONTENT_LENGTH);
            Response::from_parts(parts, page.into())
        }
        Err(error) => Problem::internal(error).into_response(),
    }
}

/// A page on which people register, sign in, or look after their account and their team. Links in
/// letters lead here.
async fn account_page(
    State(app): State<App>,
    page: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    // Names are plain, so nothing outside of the folder can be had.
    let plain = |name: &str| {
        name.bytes()
            .all(|byte| byte == b'-' || byte.is_ascii_lowercase())
    };
    let Some(Path(page)) = page.ok().filter(|Path(page)| plain(page)) else {
        return nothing_at(request.uri().path()).into_response();
    };
    let file = app.0.web_dir.join("account").join(format!("{page}.html"));
    let response = serve(ServeFile::new(file), request).await;
    // Where somebody was before they signed in is nobody else's business.
    ([(header::REFERRER_POLICY, "no-referrer")], response).into_response()
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

/// The page on which people read the API's document.
async fn reference(State(app): State<App>, request: Request) -> Response {
    let file = app.0.web_dir.join("reference.html");
    serve(ServeFile::new(file), request).await
}

/// The page on which people of the company answer visitors.
async fn inbox(State(app): State<App>, request: Request) -> Response {
    let file = app.0.web_dir.join("inbox.html");
    serve(ServeFile::new(file), request).await
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
