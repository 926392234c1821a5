//! Log lines as JSON, one a line, with trace ids.
//!
//! A layer of our own instead of tracing-subscriber's formatter: a line must carry the OpenTelemetry
//! trace id, pass the redaction, and go to stdout and MongoDB from one place.

use std::{fmt, io::Write, sync::Mutex};

use opentelemetry::trace::{SpanId, TraceContextExt, TraceId};
use serde_json::{Map, Value, json};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

use super::{light, mongo::Sink, redact::redact};

/// Writes each event as a line of JSON to stdout, and warnings and errors to MongoDB too.
pub(super) struct JsonLines {
    service: &'static str,
    sink: Option<Sink>,
    clock: clock::Clock,
    out: Mutex<std::io::Stdout>,
}

impl JsonLines {
    pub(super) fn new(service: &'static str, sink: Option<Sink>) -> Self {
        Self {
            service,
            sink,
            clock: clock::Clock::system(),
            out: Mutex::new(std::io::stdout()),
        }
    }
}

impl<S> Layer<S> for JsonLines
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let level = event.metadata().level();
        let now = self.clock.now();
        let mut line = Map::new();
        line.insert(
            "timestamp".into(),
            json!(now.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)),
        );
        line.insert("level".into(), json!(level.as_str().to_ascii_lowercase()));
        line.insert("service".into(), json!(self.service));
        line.insert("message".into(), json!(redact(&fields.message)));
        line.insert("target".into(), json!(event.metadata().target()));
        if let Some(span) = ctx.event_span(event) {
            line.insert("span".into(), json!(span.name()));
        }
        if let Some((trace, span)) = light::current().or_else(of_span) {
            line.insert("trace_id".into(), json!(trace.to_string()));
            line.insert("span_id".into(), json!(span.to_string()));
        }
        if let Some(id) = crate::server::request_id() {
            line.insert("request_id".into(), json!(id.to_string()));
        }
        if let Some(sink) = &self.sink
            && *level <= Level::WARN
        {
            sink.offer(&line, &fields.others, now);
        }
        line.extend(fields.others);
        let mut text = Value::Object(line).to_string();
        text.push('\n');
        let mut out = self
            .out
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        // A closed stdout must not take the service down.
        let _ = out.write_all(text.as_bytes());
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        self.others.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" {
            self.message = text;
        } else {
            self.put(field, json!(redact(&text)));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.put(field, json!(redact(value)));
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, json!(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, json!(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, json!(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, json!(value));
    }
}

/// The ids of the span within which this is called, if there is one.
fn of_span() -> Option<(TraceId, SpanId)> {
    let context = opentelemetry::Context::current();
    let span = context.span();
    let span = span.span_context();
    span.is_valid().then(|| (span.trace_id(), span.span_id()))
}
