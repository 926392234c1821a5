//! The inbox: which events had their effect already.

use std::time::Duration;

use bus::{Event, topology::Queue};
use clock::Clock;
use sqlx::{AssertSqlSafe, PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

/// Rows are kept for longer than a dead letter may lie before somebody replays it.
const KEEP: chrono::Duration = chrono::Duration::days(60);
const CLEAN_EVERY: Duration = Duration::from_secs(3600);
/// Rows that one statement forgets.
const PORTION: u64 = 5_000;

/// The inbox of one queue's consumer.
#[derive(Debug, Clone)]
pub struct Inbox {
    schema: &'static str,
    queue: &'static str,
    clock: Clock,
}

impl Inbox {
    /// The inbox in `schema` for the consumer of `queue`.
    #[must_use]
    pub const fn new(schema: &'static str, queue: Queue, clock: Clock) -> Self {
        Self {
            schema,
            queue: queue.name,
            clock,
        }
    }

    /// Notes the event in the transaction of `connection`; answers whether it is the first time. When
    /// it is not, the effect is committed already, or is being committed by somebody else: this call
    /// waits for their commit, and answers `true` if they roll back.
    ///
    /// # Errors
    /// When the row cannot be written.
    pub async fn is_first(
        &self,
        connection: &mut PgConnection,
        event: &Event,
    ) -> sqlx::Result<bool> {
        let sql = format!(
            "INSERT INTO {}.inbox (event_id, queue, handled_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            self.schema
        );
        let done = sqlx::query(AssertSqlSafe(sql))
            .bind(event.id.as_uuid())
            .bind(self.queue)
            .bind(self.clock.now())
            .execute(connection)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Forgets events that are too old to come again.
    ///
    /// # Errors
    /// When the rows cannot be deleted.
    pub async fn clean(&self, pool: &PgPool) -> sqlx::Result<()> {
        clean(self.schema, pool, &self.clock).await
    }

    /// Forgets events that are too old to come again, now and then, until `stop`. The relay does it too;
    /// this is for schemas without an outbox.
    pub async fn clean_until(self, pool: PgPool, stop: CancellationToken) {
        clean_until(self.schema, (&pool, &self.clock), &stop).await;
    }
}

pub(crate) async fn clean_until(
    schema: &str,
    (pool, clock): (&PgPool, &Clock),
    stop: &CancellationToken,
) {
    while !stop.is_cancelled() {
        if let Err(error) = clean(schema, pool, clock).await {
            tracing::warn!(schema, %error, "old inbox rows were not cleaned");
        }
        stop.run_until_cancelled(tokio::time::sleep(CLEAN_EVERY))
            .await;
    }
}

async fn clean(schema: &str, pool: &PgPool, clock: &Clock) -> sqlx::Result<()> {
    // In portions: one statement may only take so long, and after a busy day there is much.
    let sql = format!(
        "DELETE FROM {schema}.inbox WHERE (event_id, queue) IN
           (SELECT event_id, queue FROM {schema}.inbox WHERE handled_at < $1 LIMIT {PORTION})"
    );
    loop {
        let done = sqlx::query(AssertSqlSafe(sql.clone()))
            .bind(clock.now() - KEEP)
            .execute(pool)
            .await?;
        if done.rows_affected() < PORTION {
            return Ok(());
        }
    }
}
