//! Forwarding: from a route of the table to a replica of its service, body and answer streamed.

mod body;
mod cors;
mod headers;
mod network;
mod socket;
mod upstreams;

use std::{net::SocketAddr, time::Instant};

use axum::{
    body::Body,
    extract::{ConnectInfo, Request, State},
    response::{IntoResponse, Response},
};
use common::{ErrorCode, Problem, problem, server::RouteLabel};
use http::{HeaderValue, Method, header, request::Parts};

pub use network::Network;
pub use upstreams::Upstreams;

use crate::{
    access,
    app::App,
    routes::{self, Carriage, Found, Route},
};

const PREFIX: &str = "/api/v1";

/// Answers everything below `/api/v1`.
pub(crate) async fn handle(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let started = Instant::now();
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path();
    let path = path.strip_prefix(PREFIX).unwrap_or(path).to_owned();
    let origin = parts.headers.get(header::ORIGIN).cloned();
    if let Some(preflight) = cors::preflight(&parts, &path) {
        return preflight;
    }
    let (method, sent) = (parts.method.clone(), body::announced(&parts.headers));
    let (label, any_origin, answer) = match routes::find(&parts.method, &path) {
        Found::Route(route) => {
            let address = headers::client_address(&app.0.trusted_proxies, peer, &parts.headers);
            let answer = pass(&app, route, &path, address, (&mut parts, body)).await;
            (route.path, route.any_origin, answer)
        }
        Found::OtherMethods(methods) => (
            "unmatched",
            routes::allows_any_origin(&path),
            Err(other_methods(&parts.method, &path, &methods)),
        ),
        Found::Nothing => {
            let unknown = problem::unknown_route(parts.uri.clone()).await;
            ("unmatched", false, Err(unknown))
        }
    };
    let mut response = answer.unwrap_or_else(IntoResponse::into_response);
    response.extensions_mut().insert(RouteLabel(label));
    headers::answer(&mut response);
    if any_origin {
        cors::allow(&mut response, origin);
    }
    // No query: it may hold what is nobody's business.
    tracing::info!(
        %method,
        route = label,
        status = response.status().as_u16(),
        micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        bytes_in = sent,
        bytes_out = body::announced(response.headers()),
        "request"
    );
    response
}

/// Checks a request and sends it on.
async fn pass(
    app: &App,
    route: &'static Route,
    path: &str,
    address: std::net::IpAddr,
    (parts, body): (&mut Parts, Body),
) -> Result<Response, Problem> {
    let token = access::check(&app.0, route, &parts.headers).await?;
    body::check_announced(&parts.headers, route.body_limit)?;
    // The upgrade must be taken out before the request is taken apart further.
    let upgrade = match route.carriage {
        Carriage::Socket => Some(socket::wanted(parts)?),
        Carriage::Http => None,
    };
    headers::rewrite(&app.0, route, address, (parts, token));
    let path_and_query = match parts.uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let upstream = app.0.upstreams.of(route.upstream);
    match upgrade {
        Some(upgrade) => socket::forward(upstream, route, &path_and_query, (parts, upgrade)).await,
        None => {
            upstream
                .forward(route, &path_and_query, (parts, body))
                .await
        }
    }
}

fn other_methods(method: &Method, path: &str, methods: &[Method]) -> Problem {
    let allow: Vec<_> = methods.iter().map(Method::as_str).collect();
    let allow = allow.join(", ");
    Problem::new(ErrorCode::MethodNotAllowed)
        .detail(format!(
            "{method} is not allowed at {PREFIX}{path}; it takes {allow}"
        ))
        .header(
            header::ALLOW,
            HeaderValue::try_from(allow).expect("method names are a header value"),
        )
}
