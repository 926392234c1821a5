//! Traces: the provider, and carrying the context over HTTP and RabbitMQ (W3C Trace Context).

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    KeyValue,
    propagation::{Extractor, Injector, TextMapPropagator},
    trace::TraceContextExt,
};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{Sampler, SdkTracerProvider},
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::{TelemetryConfig, redacting::Redacting, trace_file::FileExporter};

/// Spans always get ids, so that logs can be joined; they are exported where the configuration says so.
pub(super) fn provider(
    service: &'static str,
    config: &TelemetryConfig,
) -> anyhow::Result<SdkTracerProvider> {
    let resource = Resource::builder()
        .with_service_name(service)
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(config.trace_ratio)));
    let mut builder = SdkTracerProvider::builder()
        .with_resource(resource)
        .with_sampler(sampler);
    if let Some(endpoint) = config
        .otlp_endpoint
        .as_ref()
        .filter(|endpoint| !endpoint.is_empty())
    {
        let exporter = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .build()?;
        builder = builder.with_batch_exporter(Redacting(exporter));
    }
    if let Some(file) = &config.trace_file {
        builder = builder.with_simple_exporter(Redacting(FileExporter::open(service, file)?));
    }
    Ok(builder.build())
}

/// Reads trace headers from an HTTP request and writes them to one.
#[derive(Debug)]
pub struct HeaderCarrier<'a>(pub &'a HeaderMap);

impl Extractor for HeaderCarrier<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

/// Whether spans go anywhere.
pub(super) fn is_exported(config: &TelemetryConfig) -> bool {
    let otlp = config.otlp_endpoint.as_ref();
    otlp.is_some_and(|endpoint| !endpoint.is_empty()) || config.trace_file.is_some()
}

struct Inject<'a>(&'a mut HeaderMap);

impl Injector for Inject<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}

struct One<'a>(&'a str);

impl Extractor for One<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == "traceparent").then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent"]
    }
}

struct Kept(Option<String>);

impl Injector for Kept {
    fn set(&mut self, key: &str, value: String) {
        if key == "traceparent" {
            self.0 = Some(value);
        }
    }
}

/// Makes `span` a child of the caller's span, as the request's headers name it.
pub fn set_parent(span: &Span, headers: &HeaderMap) {
    let context = TraceContextPropagator::new().extract(&HeaderCarrier(headers));
    // It fails only where no OpenTelemetry layer is installed, as in unit tests.
    let _ = span.set_parent(context);
}

/// Makes `span` a child of the span that an event names.
pub fn set_parent_from_traceparent(span: &Span, traceparent: &str) {
    let context = TraceContextPropagator::new().extract(&One(traceparent));
    let _ = span.set_parent(context);
}

/// Links `span`, a trace of its own, to the span that a `traceparent` names.
pub fn link_to_traceparent(span: &Span, traceparent: &str) {
    let context = TraceContextPropagator::new().extract(&One(traceparent));
    span.add_link(context.span().span_context().clone());
}

/// Gives a span that has begun another name. Recording `otel.name` has no effect any more by then.
pub fn rename(span: &Span, name: String) {
    span.context().span().update_name(name);
}

/// Writes the current span into the headers of a request to be sent.
pub fn inject(headers: &mut HeaderMap) {
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut Inject(headers));
}

/// The `traceparent` of the current span, for an event to be published; none outside a span.
#[must_use]
pub fn current_traceparent() -> Option<String> {
    let mut kept = Kept(None);
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut kept);
    kept.0
}
