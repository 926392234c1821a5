//! Forwarding: from a route of the table to a replica of its service, body and answer streamed.

mod body;
mod cors;
mod headers;
mod network;
mod socket;

use std::{net::IpAddr, time::Duration};

use axum::{
    body::{Body, Bytes},
    response::{IntoResponse, Response},
};
use common::{
    ErrorCode, Problem, problem,
    server::{Arrival, RequestBody},
};
use http::{HeaderValue, Method, Uri, header, request::Parts};
use http_body::Body as _;
use http_body_util::BodyExt;

pub(crate) use body::Watched;
pub(crate) use headers::header_value;
pub use network::Network;

use crate::{
    access::{self, Pass},
    app::Inner,
    balance::{Outgoing, Payload},
    front::{Label, Trace},
    routes::{self, Carriage, Found, Known, Route, Upstream},
};

const PREFIX: &str = "/api/v1";
/// A body that is not larger is read before it is sent, where that allows to send it again.
const KEPT: u64 = 64 * 1024;

/// What came of a request.
pub(crate) struct Forwarded {
    pub(crate) response: Response,
    pub(crate) label: Label,
    /// How much of the request's body was taken.
    pub(crate) taken: u64,
}

/// Whether a path is answered by a service.
pub(crate) fn is_ours(path: &str) -> bool {
    path.starts_with("/api/v1/") || path == "/.well-known/jwks.json"
}

/// Answers everything below `/api/v1`.
pub(crate) async fn handle(
    app: &Inner,
    mut parts: Parts,
    body: RequestBody,
    (peer, trace): (std::net::SocketAddr, &Trace),
) -> Forwarded {
    let path = parts.uri.path();
    let path = path.strip_prefix(PREFIX).unwrap_or(path);
    let origin = parts.headers.get(header::ORIGIN).cloned();
    if let Some(response) = cors::preflight(&parts, path) {
        return Forwarded {
            response,
            label: Label::Named("preflight"),
            taken: 0,
        };
    }
    let mut taken = 0;
    let (label, any_origin, answer) = match routes::find(&parts.method, path) {
        Found::Route(known) => {
            let address = headers::client_address(&app.trusted_proxies, peer, &parts.headers);
            let label = Label::of(known, &parts.method);
            let answer = pass(app, known, &mut parts, (body, address, trace), &mut taken).await;
            (label, known.route.any_origin, answer)
        }
        Found::OtherMethods(methods) => (
            Label::Named("unmatched"),
            routes::allows_any_origin(path),
            Err(other_methods(&parts.method, path, &methods)),
        ),
        Found::Nothing => {
            let unknown = Box::pin(problem::unknown_route(parts.uri.clone())).await;
            (Label::Named("unmatched"), false, Err(unknown))
        }
    };
    let mut response = answer.unwrap_or_else(IntoResponse::into_response);
    headers::answer(&mut response);
    if any_origin {
        cors::allow(&mut response, origin);
    }
    Forwarded {
        response,
        label,
        taken,
    }
}

/// Checks a request and sends it on.
async fn pass(
    app: &Inner,
    known: &'static Known,
    parts: &mut Parts,
    (body, address, trace): (RequestBody, IpAddr, &Trace),
    taken: &mut u64,
) -> Result<Response, Problem> {
    let route = known.route;
    let Pass {
        authorization,
        standing,
    } = access::check(app, route, &parts.headers, address).await?;
    body::check_announced(&parts.headers, route.body_limit)?;
    // The upgrade must be taken out before the request is taken apart further.
    let upgrade = match route.carriage {
        Carriage::Socket => Some(socket::wanted(parts)?),
        Carriage::Http => None,
    };
    headers::rewrite(app, route, parts, (address, authorization));
    trace.inject(&mut parts.headers);
    let outgoing = Outgoing {
        method: parts.method.clone(),
        uri: target(&parts.uri),
        idempotent: is_idempotent(route, parts),
        headers: std::mem::take(&mut parts.headers),
        payload: Payload::Whole(Bytes::new()),
    };
    let service = app.upstreams.of(route.upstream);
    let answer = match upgrade {
        Some(upgrade) => {
            // Boxed, as all is that few requests need: whatever a request may need is part of what is
            // moved for each of them.
            Box::pin(socket::forward(service, route.deadline, outgoing, upgrade)).await
        }
        None => {
            let (outgoing, arrival) = with_body(route, outgoing, body).await?;
            let timing = (&arrival, route.deadline);
            let answer = service.forward(known.place, &outgoing, timing).await;
            *taken = match &outgoing.payload {
                Payload::Whole(bytes) => bytes.len() as u64,
                Payload::Stream(body) => body.taken(),
            };
            match &outgoing.payload {
                Payload::Stream(body) if answer.is_err() && body.exceeded() => {
                    Err(body::too_large(route.body_limit))
                }
                _ => answer.map_err(Into::into),
            }
        }
    };
    answer.map(|mut response| {
        if let Some(standing) = standing {
            app.limits.tell(standing, response.headers_mut());
        }
        response
    })
}

/// Adds the request's body: a small one as a whole where it may have to be sent again, any other as it
/// comes.
async fn with_body(
    route: &Route,
    mut outgoing: Outgoing,
    body: RequestBody,
) -> Result<(Outgoing, Arrival), Problem> {
    if body.is_end_stream() {
        return Ok((outgoing, Arrival::complete()));
    }
    let small = body::announced(&outgoing.headers).is_some_and(|size| size <= KEPT);
    let (body, arrival) = Arrival::watch(Body::new(body));
    outgoing.payload = if outgoing.idempotent && small {
        Payload::Whole(Box::pin(whole(body, &arrival, route.deadline)).await?)
    } else {
        Payload::Stream(Watched::new(body, route.body_limit))
    };
    Ok((outgoing, arrival))
}

/// All of a body whose size was announced.
async fn whole(body: Body, arrival: &Arrival, deadline: Duration) -> Result<Bytes, Problem> {
    match arrival.within(deadline, body.collect()).await {
        Some(Ok(whole)) => Ok(whole.to_bytes()),
        Some(Err(error)) => Err(broken_off().caused_by(error)),
        None => Err(broken_off().caused_by(format!("no piece of it within {deadline:?}"))),
    }
}

fn broken_off() -> Problem {
    Problem::new(ErrorCode::GatewayTimeout).detail("the request's body did not come to its end")
}

/// Path and query as the service knows them.
fn target(uri: &Uri) -> Uri {
    let whole = uri.path_and_query().map_or("/", |whole| whole.as_str());
    let inner = whole.strip_prefix(PREFIX).unwrap_or(whole);
    inner.parse().expect("it came in a request")
}

/// Whether a request may be sent twice (RFC 9110 §9.2.2, and the services' own `Idempotency-Key`, which
/// auth does not take).
fn is_idempotent(route: &Route, parts: &Parts) -> bool {
    match parts.method {
        Method::GET | Method::HEAD | Method::PUT | Method::DELETE => true,
        Method::POST => {
            route.upstream != Upstream::Auth && parts.headers.contains_key("idempotency-key")
        }
        _ => false,
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
