//! Logs, traces and metrics, set up once by each service.
//!
//! Logs are JSON lines on stdout with trace ids; warnings and errors also go to MongoDB's `logs`.
//! Traces go to an OTLP endpoint where one is configured, and follow a message over HTTP and RabbitMQ
//! by `traceparent`. Metrics are Prometheus', on the internal listener.

mod light;
mod log;
mod mongo;
mod personal;
mod redact;
mod redacting;
mod trace;
mod trace_file;

pub mod metrics;

use std::path::PathBuf;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use secrecy::SecretString;
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer, filter::Targets, layer::SubscriberExt, util::SubscriberInitExt,
};

pub use light::{Light, spans_are_exported};
pub use personal::Personal;
pub use redact::redact;
pub use trace::{
    HeaderCarrier, current_traceparent, inject, link_to_traceparent, rename, set_parent,
    set_parent_from_traceparent,
};

/// async-openai logs the bodies of answers that it cannot read, and those may quote customers. `llm`
/// reports what went wrong without them. webauthn-rs logs the mistakes of clients as errors of ours; `auth`
/// answers them.
const SILENT: [&str; 2] = ["async_openai", "webauthn_rs_core"];

/// Where telemetry goes.
#[derive(Debug, Clone, clap::Args)]
pub struct TelemetryConfig {
    /// Which log lines are written, in `tracing`'s filter syntax.
    #[arg(long, env = "SYNTERA_LOG", default_value = "info")]
    pub log: String,
    /// The OTLP/gRPC endpoint that traces are sent to, such as http://127.0.0.1:4317; none when empty.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<String>,
    /// A file that every finished span is appended to as a JSON line; for tests and debugging.
    #[arg(long, env = "SYNTERA_TRACE_FILE")]
    pub trace_file: Option<PathBuf>,
    /// The share of new traces that is kept, 0 to 1; a caller's decision is followed.
    #[arg(long, env = "SYNTERA_TRACE_RATIO", default_value_t = 1.0)]
    pub trace_ratio: f64,
    /// The MongoDB whose `logs` collection takes warnings and errors; none when empty.
    #[arg(long, env = "SYNTERA_LOGS_MONGODB_URL", hide_env_values = true)]
    pub logs_mongodb_url: Option<SecretString>,
}

/// Flushes what is still under way; keep it until the process ends.
#[must_use]
pub struct Telemetry {
    tracer: SdkTracerProvider,
    mongo: Option<mongo::Writer>,
}

impl Telemetry {
    /// Sets up logs, traces and metrics for the whole process. Call it once, inside the runtime.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub fn start(service: &'static str, config: &TelemetryConfig) -> anyhow::Result<Self> {
        let tracer = trace::provider(service, config)?;
        light::set(light::Spans {
            exported: trace::is_exported(config),
            ratio: config.trace_ratio,
        });
        let (sink, mongo) = match &config.logs_mongodb_url {
            Some(url) => {
                let (sink, writer) = mongo::start(service, url)?;
                (Some(sink), Some(writer))
            }
            None => (None, None),
        };
        subscriber(service, &config.log, sink, &tracer)?.try_init()?;
        metrics::register_process();
        log_panics();
        Ok(Self { tracer, mongo })
    }

    /// Sends what is still buffered; waits a few seconds at most.
    pub async fn stop(self) {
        if let Some(mongo) = self.mongo {
            mongo.stop().await;
        }
        let tracer = self.tracer;
        // The exporter's shutdown blocks, so it must not run on a worker that it waits for.
        let stopped = tokio::task::spawn_blocking(move || tracer.shutdown());
        if let Ok(Err(error)) = stopped.await {
            tracing::debug!(%error, "some spans were not sent");
        }
    }
}

/// Makes a panic a log line like any other; by default it is text on stderr, which nobody collects.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let what = panic.payload_as_str().unwrap_or("without a message");
        let location = panic.location().map(ToString::to_string);
        tracing::error!(panic = what, location, "panicked");
    }));
}

/// Lines and spans, each behind a filter of its own: fewer lines must not mean fewer traces.
fn subscriber(
    service: &'static str,
    filter: &str,
    sink: Option<mongo::Sink>,
    tracer: &SdkTracerProvider,
) -> anyhow::Result<impl Subscriber + Send + Sync> {
    let mut lines = EnvFilter::try_new(filter)?;
    for target in SILENT {
        lines = lines.add_directive(format!("{target}=off").parse()?);
    }
    let spans = Targets::new()
        .with_default(LevelFilter::INFO)
        .with_targets(SILENT.map(|target| (target, LevelFilter::OFF)));
    let traces = tracing_opentelemetry::layer().with_tracer(tracer.tracer(service));
    Ok(tracing_subscriber::registry()
        .with(traces.with_filter(spans))
        .with(log::JsonLines::new(service, sink).with_filter(lines)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_log_keeps_its_traces_and_the_silent_never_speak() {
        let file = std::env::temp_dir().join(ids::EventId::new().to_string());
        let config = TelemetryConfig {
            log: "error".to_owned(),
            otlp_endpoint: None,
            trace_file: Some(file.clone()),
            trace_ratio: 1.0,
            logs_mongodb_url: None,
        };
        let tracer = trace::provider("test", &config).unwrap();
        let subscriber = subscriber("test", &config.log, None, &tracer).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info_span!("seen").in_scope(|| {
                tracing::info_span!(target: "async_openai::client", "silent").in_scope(|| {});
            });
            assert!(!tracing::enabled!(target: "async_openai::client", tracing::Level::ERROR));
            assert!(!tracing::enabled!(target: "webauthn_rs_core::core", tracing::Level::ERROR));
        });
        tracer.shutdown().unwrap();
        let spans = std::fs::read_to_string(&file).unwrap();
        std::fs::remove_file(file).unwrap();
        assert!(
            spans.contains("\"seen\"") && !spans.contains("\"silent\""),
            "{spans}"
        );
    }
}
