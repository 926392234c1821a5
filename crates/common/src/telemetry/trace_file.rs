//! Spans as JSON lines in a file: the exporter that tests and people with no collector read.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::Path,
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};
use serde_json::json;

#[derive(Debug)]
pub(super) struct FileExporter {
    service: &'static str,
    file: Mutex<File>,
}

impl FileExporter {
    pub(super) fn open(service: &'static str, path: &Path) -> std::io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self {
            service,
            file: Mutex::new(file),
        })
    }
}

impl SpanExporter for FileExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let mut text = String::new();
        for span in batch {
            let attributes: serde_json::Map<_, _> = span
                .attributes
                .iter()
                .map(|pair| (pair.key.to_string(), json!(pair.value.to_string())))
                .collect();
            let links: Vec<_> = span
                .links
                .iter()
                .map(|link| &link.span_context)
                .map(|to| json!({ "trace_id": to.trace_id().to_string(), "span_id": to.span_id().to_string() }))
                .collect();
            let line = json!({
                "service": self.service,
                "name": span.name,
                "trace_id": span.span_context.trace_id().to_string(),
                "span_id": span.span_context.span_id().to_string(),
                "parent_span_id": span.parent_span_id.to_string(),
                "kind": format!("{:?}", span.span_kind).to_lowercase(),
                "start_micros": micros(span.start_time),
                "end_micros": micros(span.end_time),
                "attributes": attributes,
                "links": links,
            });
            text.push_str(&line.to_string());
            text.push('\n');
        }
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // One write a batch: O_APPEND keeps the lines of several processes whole.
        file.write_all(text.as_bytes()).map_err(|error| {
            opentelemetry_sdk::error::OTelSdkError::InternalFailure(error.to_string())
        })
    }
}

fn micros(time: SystemTime) -> u128 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_micros()
}
