//! The relay: from the outbox to the broker.
//!
//! Any number of replicas may run it: rows are claimed by `FOR UPDATE SKIP LOCKED` and deleted in the
//! transaction that saw them confirmed. A crash between the confirm and the commit publishes an event
//! twice, with the same id, which the consumers' inboxes take care of.

use std::{sync::LazyLock, time::Duration};

use bus::Event;
use prometheus::{GaugeVec, IntGaugeVec, register_gauge_vec, register_int_gauge_vec};
use sqlx::{AssertSqlSafe, types::Json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{Outbox, inbox};

static PENDING: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    register_int_gauge_vec!(
        "outbox_pending",
        "events written and not yet published",
        &["schema"]
    )
    .expect("the name is used once")
});
static OLDEST: LazyLock<GaugeVec> = LazyLock::new(|| {
    register_gauge_vec!(
        "outbox_oldest_seconds",
        "age of the oldest unpublished event",
        &["schema"]
    )
    .expect("the name is used once")
});

/// Reports how many events of `schema` wait, and how old the oldest is, in seconds. For whoever keeps
/// events elsewhere than in an outbox.
pub fn report(schema: &str, pending: i64, oldest: f64) {
    PENDING.with_label_values(&[schema]).set(pending);
    OLDEST.with_label_values(&[schema]).set(oldest);
}

const BATCH: i64 = 100;
/// What a crash, an outage or a lost wake-up left is found within this time.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
const MEASURE_EVERY: Duration = Duration::from_secs(5);

impl Outbox {
    /// Publishes what is committed, until `stop`.
    pub async fn relay(self, stop: CancellationToken) {
        tokio::join!(
            self.publish_until(&stop),
            self.measure_until(&stop),
            inbox::clean_until(self.schema, (&self.pool, &self.clock), &stop)
        );
    }

    async fn publish_until(&self, stop: &CancellationToken) {
        let mut failing = false;
        while !stop.is_cancelled() {
            match self.publish_batch().await {
                // A full batch: there is probably more.
                Ok(published) if published == usize::try_from(BATCH).unwrap_or(usize::MAX) => {
                    continue;
                }
                Ok(_) => failing = false,
                Err(error) if !failing => {
                    tracing::warn!(schema = self.schema, %error, "events wait in the outbox");
                    failing = true;
                }
                Err(_) => {}
            }
            let wake = tokio::time::timeout(SWEEP_EVERY, self.nudge.notified());
            stop.run_until_cancelled(wake).await;
        }
    }

    /// Publishes the oldest events; answers how many the broker confirmed.
    async fn publish_batch(&self) -> anyhow::Result<usize> {
        let mut transaction = self.pool.begin().await?;
        let claim = format!(
            "SELECT id, event FROM {}.outbox ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED",
            self.schema
        );
        let rows: Vec<(Uuid, Json<Event>)> = sqlx::query_as(AssertSqlSafe(claim))
            .bind(BATCH)
            .fetch_all(&mut *transaction)
            .await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let (ids, events): (Vec<Uuid>, Vec<Event>) =
            rows.into_iter().map(|(id, event)| (id, event.0)).unzip();
        let results = self.bus.publish_all(&events).await;
        let mut failure = None;
        let mut confirmed = Vec::with_capacity(ids.len());
        for (id, result) in ids.into_iter().zip(results) {
            match result {
                Ok(()) => confirmed.push(id),
                Err(error) => failure = Some(error),
            }
        }
        if !confirmed.is_empty() {
            let delete = format!("DELETE FROM {}.outbox WHERE id = ANY($1)", self.schema);
            sqlx::query(AssertSqlSafe(delete))
                .bind(&confirmed)
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
        }
        match failure {
            Some(error) => Err(error.into()),
            None => Ok(confirmed.len()),
        }
    }

    async fn measure_until(&self, stop: &CancellationToken) {
        let sql = format!(
            "SELECT count(*), min(created_at) FROM {}.outbox",
            self.schema
        );
        while !stop.is_cancelled() {
            let row: sqlx::Result<(i64, Option<chrono::DateTime<chrono::Utc>>)> =
                sqlx::query_as(AssertSqlSafe(sql.as_str()))
                    .fetch_one(&self.pool)
                    .await;
            if let Ok((pending, oldest)) = row {
                let age =
                    oldest.map_or(0.0, |at| (self.clock.now() - at).as_seconds_f64().max(0.0));
                report(self.schema, pending, age);
            }
            stop.run_until_cancelled(tokio::time::sleep(MEASURE_EVERY))
                .await;
        }
    }
}
