//! Warnings and errors into MongoDB's `logs` collection: bounded, and never blocking.
//!
//! A line is offered to a bounded queue and dropped (and counted) when it is full, so that a slow or
//! absent MongoDB costs no request anything. The documents have the shape
//! `{service, level, message, timestamp, metadata}`.

use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, Utc};
use mongodb::{
    Client, Database,
    bson::{self, Document, doc},
    options::{ClientOptions, ConnectionString},
};
use prometheus::{IntCounter, register_int_counter};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use tokio::{
    sync::mpsc::{self, Receiver, Sender},
    task::JoinHandle,
};

const QUEUE: usize = 1024;
const BATCH: usize = 128;
const STOP_WITHIN: Duration = Duration::from_secs(3);

/// The entrance of the queue.
#[derive(Clone)]
pub(super) struct Sink {
    queue: Sender<Document>,
    service: &'static str,
    dropped: IntCounter,
}

/// The task that writes; it ends when every sink is gone or when it is told to stop.
pub(super) struct Writer {
    stop: tokio_util::sync::CancellationToken,
    task: JoinHandle<()>,
}

/// Starts the task that writes to the database that `url` names.
///
/// # Errors
/// When the URL cannot be read or names no database.
pub(super) fn start(service: &'static str, url: &SecretString) -> anyhow::Result<(Sink, Writer)> {
    let named = ConnectionString::parse(url.expose_secret())
        .context("SYNTERA_LOGS_MONGODB_URL is not a MongoDB URL")?;
    anyhow::ensure!(
        named.default_database.is_some(),
        "SYNTERA_LOGS_MONGODB_URL names no database: add /syntera"
    );
    let (queue, lines) = mpsc::channel(QUEUE);
    let stop = tokio_util::sync::CancellationToken::new();
    let dropped = register_int_counter!(
        "log_lines_dropped_total",
        "log lines that did not reach MongoDB"
    )
    .expect("telemetry starts once");
    let task = tokio::spawn(write(url.clone(), lines, stop.clone(), dropped.clone()));
    let sink = Sink {
        queue,
        service,
        dropped,
    };
    Ok((sink, Writer { stop, task }))
}

impl Sink {
    /// Queues a line, or drops it when the queue is full.
    pub(super) fn offer(
        &self,
        line: &Map<String, Value>,
        fields: &Map<String, Value>,
        at: DateTime<Utc>,
    ) {
        let mut metadata = fields.clone();
        for key in ["trace_id", "span_id", "request_id", "target", "span"] {
            if let Some(value) = line.get(key) {
                metadata.insert(key.to_owned(), value.clone());
            }
        }
        let Ok(metadata) = bson::serialize_to_bson(&metadata) else {
            return;
        };
        let document = doc! {
            "_id": ids::EventId::new().to_string(),
            "service": self.service,
            "level": line.get("level").and_then(Value::as_str).unwrap_or_default(),
            "message": line.get("message").and_then(Value::as_str).unwrap_or_default(),
            "timestamp": bson::DateTime::from_millis(at.timestamp_millis()),
            "metadata": metadata,
        };
        if self.queue.try_send(document).is_err() {
            self.dropped.inc();
        }
    }
}

impl Writer {
    pub(super) async fn stop(self) {
        self.stop.cancel();
        let _ = tokio::time::timeout(STOP_WITHIN, self.task).await;
    }
}

/// The database that the URL names. An SRV record is looked up here, so it can fail though the URL is
/// well formed.
async fn connect(url: &SecretString) -> anyhow::Result<Database> {
    let mut options = ClientOptions::parse(url.expose_secret()).await?;
    options.server_selection_timeout = Some(Duration::from_secs(2));
    Client::with_options(options)?
        .default_database()
        .context("no database is named")
}

async fn write(
    url: SecretString,
    mut lines: Receiver<Document>,
    stop: tokio_util::sync::CancellationToken,
    dropped: IntCounter,
) {
    let logs = match connect(&url).await {
        Ok(database) => database.collection::<Document>("logs"),
        Err(error) => {
            tracing::error!(%error, "log lines go to stdout only");
            return;
        }
    };
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let received = tokio::select! {
            received = lines.recv_many(&mut batch, BATCH) => received,
            () = stop.cancelled() => {
                while batch.len() < BATCH
                    && let Ok(line) = lines.try_recv()
                {
                    batch.push(line);
                }
                0
            }
        };
        if !batch.is_empty() {
            // Losing log lines is better than holding memory for a database that is down; they are on
            // stdout all the same.
            if logs.insert_many(&batch).await.is_err() {
                dropped.inc_by(batch.len() as u64);
            }
            batch.clear();
        }
        if received == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_cannot_be_used_is_told_at_the_start() {
        for (url, why) in [
            ("mongodb:/nowhere", "is not a MongoDB URL"),
            ("mongodb://127.0.0.1:27017", "names no database"),
        ] {
            let error = start("test", &url.to_owned().into()).err().unwrap();
            assert!(error.to_string().contains(why), "{url}: {error}");
        }
    }
}
