//! Events and effects that are exactly as durable as the rows beside them.
//!
//! A service writes an event into its **outbox** in the transaction that makes it true; a relay
//! publishes it at once after the commit, and sweeps up what a crash left. A consumer notes an event in
//! its **inbox** in the transaction of its effect, so that a second delivery has none.
//!
//! Every schema that uses this has the two tables of `migrations/<service>/…_outbox.sql`:
//!
//! ```sql
//! CREATE TABLE <schema>.outbox (id uuid PRIMARY KEY, event jsonb NOT NULL, created_at timestamptz NOT NULL);
//! CREATE TABLE <schema>.inbox (event_id uuid, queue text, handled_at timestamptz NOT NULL, PRIMARY KEY (event_id, queue));
//! ```

mod inbox;
mod relay;
mod unhandled;

use std::sync::Arc;

use bus::{Bus, Event, EventData};
use clock::Clock;
use ids::WorkspaceId;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres, Transaction};
use tokio::sync::Notify;

pub use inbox::Inbox;
pub use relay::report;
pub use unhandled::Unhandled;

/// The outbox of one service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outbox {
    schema: &'static str,
    pool: PgPool,
    bus: Bus,
    clock: Clock,
    nudge: Arc<Notify>,
}

impl Outbox {
    /// The outbox in `schema`; [`Outbox::relay`] must run for anything to be published.
    #[must_use]
    pub fn new(schema: &'static str, pool: PgPool, bus: Bus, clock: Clock) -> Self {
        Self {
            schema,
            pool,
            bus,
            clock,
            nudge: Arc::default(),
        }
    }

    /// Writes an event that becomes true when the transaction of `connection` commits. Commit by
    /// [`Outbox::commit`].
    ///
    /// # Errors
    /// When the row cannot be written.
    pub async fn append<T: EventData>(
        &self,
        connection: &mut PgConnection,
        workspace: WorkspaceId,
        data: &T,
    ) -> sqlx::Result<()> {
        append(self.schema, &self.clock, connection, workspace, data).await
    }

    /// Commits, and wakes the relay.
    ///
    /// # Errors
    /// When the commit fails; then nothing was written.
    pub async fn commit(&self, transaction: Transaction<'_, Postgres>) -> sqlx::Result<()> {
        transaction.commit().await?;
        self.nudge.notify_one();
        Ok(())
    }
}

/// Writes an event as [`Outbox::append`] does, for a command that has no bus; a running instance
/// publishes it.
///
/// # Errors
/// When the row cannot be written.
pub async fn append<T: EventData>(
    schema: &str,
    clock: &Clock,
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    data: &T,
) -> sqlx::Result<()> {
    let event = Event::new(clock, workspace, data);
    let sql = format!("INSERT INTO {schema}.outbox (id, event, created_at) VALUES ($1, $2, $3)");
    sqlx::query(AssertSqlSafe(sql))
        .bind(event.id.as_uuid())
        .bind(sqlx::types::Json(&event))
        .bind(event.time)
        .execute(connection)
        .await?;
    Ok(())
}
