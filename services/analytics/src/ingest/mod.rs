//! From an event to what is counted.

mod model;
mod store;

use bus::Event;
use sqlx::PgConnection;

pub(crate) use model::{Reading, read};

/// Writes what an event tells, in the transaction of `connection`. A fact that is there already was
/// counted when it was written, so it is not counted again, whatever the id of the event.
pub(crate) async fn write(
    connection: &mut PgConnection,
    event: &Event,
    reading: &Reading,
) -> sqlx::Result<()> {
    let workspace = event.workspaceid;
    if let Some(fact) = &reading.fact
        && !store::insert_fact(connection, workspace, fact).await?
    {
        return Ok(());
    }
    for measured in &reading.measured {
        store::insert_metric(connection, workspace, event.id, measured).await?;
    }
    Ok(())
}
