//! Reports of a moment ago, in Redis. Whatever is wrong with Redis, the report is computed instead.

use std::{sync::LazyLock, time::Duration};

use analytics_api::{ConversationsReport, Interval, ReportType};
use ids::WorkspaceId;
use prometheus::{IntCounterVec, register_int_counter_vec};
use stores::redis::{Error, Redis};

use super::model::Range;

static LOOKUPS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "analytics_report_cache_total",
        "reports looked for in the cache",
        &["outcome"]
    )
    .expect("the name is used once")
});

/// Computing a report takes some ten milliseconds, so waiting longer for the cache is no gain.
const DEADLINE: Duration = Duration::from_millis(50);

/// The cache. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Cache {
    redis: Redis,
    keep: Duration,
}

/// What a report is kept under: everything that decides what it says.
#[derive(Debug)]
pub(super) struct Key(String);

impl Key {
    pub(super) fn new(
        workspace: WorkspaceId,
        report: ReportType,
        range: Range,
        interval: Interval,
    ) -> Self {
        let (from, to) = (range.from.timestamp_micros(), range.to.timestamp_micros());
        Self(format!(
            "analytics:report:{workspace}:{}:{}:{from}:{to}",
            report.as_str(),
            interval.as_str()
        ))
    }
}

impl Cache {
    /// A cache that keeps each report for `keep`; nothing is kept when that is no time.
    #[must_use]
    pub const fn new(redis: Redis, keep: Duration) -> Self {
        Self { redis, keep }
    }

    /// The report, when it was computed a moment ago.
    pub(super) async fn get(&self, key: &Key) -> Option<ConversationsReport> {
        if self.keep.is_zero() {
            return None;
        }
        let found = self
            .redis
            .run::<Option<String>>(redis::cmd("GET").arg(&key.0), DEADLINE)
            .await;
        // What another release kept may have another shape.
        let report = found
            .as_ref()
            .ok()
            .and_then(|text| serde_json::from_str(text.as_deref()?).ok());
        let outcome = match (&found, &report) {
            (Err(error), _) => {
                tracing::debug!(%error, "the cache did not answer");
                "failed"
            }
            (_, Some(_)) => "hit",
            (_, None) => "miss",
        };
        LOOKUPS.with_label_values(&[outcome]).inc();
        report
    }

    /// Keeps a report for a moment.
    pub(super) async fn put(&self, key: &Key, report: &ConversationsReport) {
        if self.keep.is_zero() {
            return;
        }
        let text = serde_json::to_string(report).expect("a report is JSON");
        let mut command = redis::cmd("SET");
        command
            .arg(&key.0)
            .arg(text)
            .arg("EX")
            .arg(self.keep.as_secs());
        let kept: Result<(), Error> = self.redis.run(&command, DEADLINE).await;
        if let Err(error) = kept {
            tracing::debug!(%error, "the report was not kept");
        }
    }
}
