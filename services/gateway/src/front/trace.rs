//! A request's place in a trace: a span where spans are sent somewhere, else only its ids.

use common::telemetry::{self, Light, spans_are_exported};
use http::{HeaderMap, Method, Request};
use ids::RequestId;
use opentelemetry::trace::{TraceContextExt, TraceId};
use tracing::{Instrument, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::Label;

pub(crate) enum Trace {
    Light(Light),
    Span(Span),
}

impl Trace {
    /// Continues the caller's trace, or begins one.
    pub(super) fn begin<B>(request: &Request<B>, id: RequestId) -> Self {
        if !spans_are_exported() {
            return Self::Light(Light::begin(request.headers()));
        }
        let method = common::server::method_label(request.method());
        let span = tracing::info_span!(
            "http.request",
            otel.kind = "server",
            http.request.method = method,
            http.route = tracing::field::Empty,
            http.response.status_code = tracing::field::Empty,
            request_id = %id,
        );
        telemetry::set_parent(&span, request.headers());
        Self::Span(span)
    }

    /// Does the work within the trace, so that its log lines carry the ids.
    pub(super) async fn around<F: Future>(&self, work: F) -> F::Output {
        match self {
            Self::Light(light) => light.around(work).await,
            Self::Span(span) => work.instrument(span.clone()).await,
        }
    }

    /// Writes the ids into the headers of the request to a service.
    pub(crate) fn inject(&self, headers: &mut HeaderMap) {
        match self {
            Self::Light(light) => light.inject(headers),
            Self::Span(_) => telemetry::inject(headers),
        }
    }

    /// Says what came of the request.
    pub(super) fn end(&self, method: &Method, label: &Label, status: u16) {
        if let Self::Span(span) = self {
            let method = common::server::method_label(method);
            span.record("http.route", label.name());
            span.record("http.response.status_code", status);
            telemetry::rename(span, format!("{method} {}", label.name()));
        }
    }

    pub(super) fn id(&self) -> TraceId {
        match self {
            Self::Light(light) => light.trace_id(),
            Self::Span(span) => span.context().span().span_context().trace_id(),
        }
    }
}
