//! What the world reaches: every request passes here, and becomes a forwarded one, or an answer of our
//! own.
//!
//! This is hyper's service itself, without a router and its layers around it: what is forwarded needs
//! none of them, and they would be a quarter of its cost (docs/adr/0012-gateway.md).

mod log;
mod told;
mod trace;

use std::{any::Any, convert::Infallible, panic::AssertUnwindSafe, pin::pin, time::Instant};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    response::{IntoResponse, Response},
};
use common::{
    problem::{self, Panicked},
    server::{Front, Peer, REQUEST_ID_HEADER, RequestBody, method_label, with_request_id},
    telemetry::metrics::observe_request,
};
use futures::FutureExt;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use ids::RequestId;
use tower::ServiceExt;
use tower_http::catch_panic::ResponseForPanic;
use uuid::Uuid;

pub use log::AccessLog;
pub(crate) use trace::Trace;

use self::{log::Line, told::Told};
use crate::{
    App,
    forward::{self, Forwarded},
    routes::Known,
    site,
};

/// Browsers that were here once come back by https only, for two years (RFC 6797 §6.1). Hosts below
/// ours may be somebody else's.
const TRANSPORT_SECURITY: HeaderValue = HeaderValue::from_static("max-age=63072000");

/// The gateway's public listener. Cheap to clone.
#[derive(Clone)]
pub struct Gateway {
    app: App,
    /// What we answer ourselves.
    site: Router,
    log: AccessLog,
}

/// What a request is called in metrics, traces and the log: never by its path, which has ids in it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Label {
    /// A line of the table.
    Route(&'static Known),
    /// The same, asked for by `HEAD`.
    Head(&'static Known),
    Named(&'static str),
}

impl Label {
    pub(crate) fn of(known: &'static Known, method: &Method) -> Self {
        if *method == known.route.method {
            Self::Route(known)
        } else {
            Self::Head(known)
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Route(known) | Self::Head(known) => known.route.path,
            Self::Named(name) => name,
        }
    }
}

impl Gateway {
    /// The gateway of an app.
    #[must_use]
    pub fn new(app: App, log: AccessLog) -> Self {
        let site = site::router(&app)
            .fallback(problem::unknown_route)
            .method_not_allowed_fallback(problem::method_not_allowed)
            .with_state(app.clone());
        Self { app, site, log }
    }

    async fn forward_or_serve(
        &self,
        request: Request<RequestBody>,
        peer: Peer,
        trace: &Trace,
    ) -> Forwarded {
        if !forward::is_ours(request.uri().path()) || site::is_ours(request.uri().path()) {
            return Box::pin(self.serve(request, peer)).await;
        }
        let (parts, body) = request.into_parts();
        forward::handle(&self.app.0, parts, body, (peer.address, trace)).await
    }

    /// A page, a file, or a problem.
    async fn serve(&self, request: Request<RequestBody>, peer: Peer) -> Forwarded {
        let label = Label::Named(site::label(request.uri().path()));
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer.address));
        let answer: Result<_, Infallible> = self.site.clone().oneshot(request).await;
        let response = match answer {
            Ok(response) => response,
            Err(never) => match never {},
        };
        Forwarded {
            response,
            label,
            taken: 0,
        }
    }
}

impl Front for Gateway {
    async fn answer(&self, mut request: Request<RequestBody>, peer: Peer) -> Response {
        let started = Instant::now();
        let (id, id_value) = take_id(request.headers_mut());
        let trace = Trace::begin(&request, id);
        let (method, version) = (request.method().clone(), request.version());
        // In place, because it is large and each layer around it would move it.
        let work = pin!(self.forward_or_serve(request, peer, &trace));
        let work = AssertUnwindSafe(work).catch_unwind();
        let Forwarded {
            mut response,
            label,
            taken,
        } = with_request_id(id, trace.around(work))
            .await
            .unwrap_or_else(panicked);
        let (began, status) = (started.elapsed(), response.status());
        match label {
            Label::Route(known) => known.metrics.observe(status.as_u16(), began),
            _ => observe_request(
                "public",
                method_label(&method),
                label.name(),
                status.as_u16(),
                began,
            ),
        }
        trace.end(&method, &label, status.as_u16());
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID_HEADER, id_value);
        if self.app.0.secure {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, TRANSPORT_SECURITY);
        }
        let line = Line {
            method,
            version,
            tls: peer.tls,
            route: label.name(),
            status: status.as_u16(),
            began,
            took: began,
            bytes_in: taken,
            bytes_out: 0,
            whole: false,
            trace: trace.id(),
            request: id,
        };
        if status == StatusCode::SWITCHING_PROTOCOLS {
            // What follows is no answer any more.
            self.log.write(&Line {
                whole: true,
                ..line
            });
            return response;
        }
        response.map(|body| {
            Body::new(Told {
                body,
                line,
                started,
                log: self.log.clone(),
            })
        })
    }
}

/// The id that the client gave the request, or a new one; the service gets it too.
fn take_id(headers: &mut HeaderMap) -> (RequestId, HeaderValue) {
    let given = headers.get(&REQUEST_ID_HEADER);
    let id = given
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .unwrap_or_else(RequestId::new);
    let mut text = Uuid::encode_buffer();
    let text = id.as_uuid().hyphenated().encode_lower(&mut text);
    let value = HeaderValue::from_str(text).expect("a UUID is a header value");
    headers.insert(REQUEST_ID_HEADER, value.clone());
    (id, value)
}

fn panicked(panic: Box<dyn Any + Send>) -> Forwarded {
    Forwarded {
        response: Panicked.response_for_panic(panic).into_response(),
        label: Label::Named("panicked"),
        taken: 0,
    }
}
