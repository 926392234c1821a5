//! Spans are redacted as log lines are, in one place before every exporter: what a span's fields or an
//! event inside it say must not leave the process by another door.

use std::{borrow::Cow, time::Duration};

use opentelemetry::{Array, KeyValue, StringValue, Value, trace::Status};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};

use super::redact::redact;

/// An exporter that gets spans only after they were redacted.
#[derive(Debug)]
pub(super) struct Redacting<E>(pub(super) E);

impl<E: SpanExporter> SpanExporter for Redacting<E> {
    fn export(&self, mut batch: Vec<SpanData>) -> impl Future<Output = OTelSdkResult> + Send {
        batch.iter_mut().for_each(clean);
        self.0.export(batch)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}

fn clean(span: &mut SpanData) {
    clean_text(&mut span.name);
    clean_all(&mut span.attributes);
    for event in &mut span.events.events {
        clean_text(&mut event.name);
        clean_all(&mut event.attributes);
    }
    for link in &mut span.links.links {
        clean_all(&mut link.attributes);
    }
    if let Status::Error { description } = &mut span.status {
        clean_text(description);
    }
}

fn clean_text(text: &mut Cow<'static, str>) {
    if let Cow::Owned(clean) = redact(text) {
        *text = Cow::Owned(clean);
    }
}

fn clean_all(attributes: &mut [KeyValue]) {
    for attribute in attributes {
        match &mut attribute.value {
            Value::String(text) => clean_value(text),
            Value::Array(Array::String(texts)) => texts.iter_mut().for_each(clean_value),
            // Numbers and truth values, today; a kind that comes with a new release is not known to be.
            _ => {}
        }
    }
}

fn clean_value(text: &mut StringValue) {
    if let Cow::Owned(clean) = redact(text.as_str()) {
        *text = clean.into();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Debug, Clone, Default)]
    struct Kept(Arc<Mutex<Vec<SpanData>>>);

    impl SpanExporter for Kept {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            self.0.lock().unwrap().extend(batch);
            Ok(())
        }
    }

    #[test]
    fn neither_fields_nor_events_of_a_span_tell_an_address() {
        let kept = Kept::default();
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(Redacting(kept.clone()))
            .build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let span = tracing::info_span!(
                "mail.send",
                otel.name = "to ada@example.com",
                to = "ada@example.com",
                count = 1
            );
            span.in_scope(|| {
                tracing::error!(error = "ada@example.com has moved", "no such address")
            });
        });
        provider.shutdown().unwrap();
        let spans = kept.0.lock().unwrap();
        let text = format!("{spans:?}");
        assert!(
            text.contains("[email] has moved") && text.contains("to [email]"),
            "{text}"
        );
        assert!(!text.contains("ada@"), "{text}");
    }
}
