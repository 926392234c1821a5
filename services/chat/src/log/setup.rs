//! What MongoDB must have before the log may be written: the unique keys, and the shard keys where the
//! server knows sharding.

use std::time::Duration;

use mongodb::{
    Database, IndexModel,
    bson::{Document, doc},
    error::Result,
    options::IndexOptions,
};

/// The log.
pub(super) const MESSAGES: &str = "messages";
/// The projection of it.
pub(super) const CHANNELS: &str = "channels";
/// Where telemetry keeps warnings and errors (`common::telemetry`).
const LOGS: &str = "logs";
/// Long enough to look into what is reported late.
const KEEP_LOGS: Duration = Duration::from_secs(30 * 24 * 3600);

/// Creates the indexes. Creating again what exists changes nothing.
pub(super) async fn indexes(database: &Database) -> Result<()> {
    let log = database.collection::<Document>(MESSAGES);
    log.create_indexes([
        // The place in the log: what makes it dense.
        index(
            "place",
            doc! { "workspace_id": 1, "channel_id": 1, "seq": 1 },
            Kind::Unique,
        ),
        // The sender's own name: what makes a repeated send the same entry.
        index(
            "client",
            doc! { "workspace_id": 1, "channel_id": 1, "sender_key": 1, "client_id": 1 },
            Kind::Unique,
        ),
        // Only entries whose event waits have the field, so the sweep looks at nothing else.
        index("pending", doc! { "pending_since": 1 }, Kind::Sparse),
        // The same for what must follow in another log.
        index("owed", doc! { "owed_since": 1 }, Kind::Sparse),
        // What was done with a message: its edits, and its reactions.
        index(
            "about",
            doc! { "workspace_id": 1, "channel_id": 1, "of_seq": 1, "seq": -1 },
            Kind::Having("of_seq"),
        ),
    ])
    .await?;
    let channels = database.collection::<Document>(CHANNELS);
    channels
        .create_indexes([
            index(
                "channel",
                doc! { "workspace_id": 1, "channel_id": 1 },
                Kind::Unique,
            ),
            index(
                "idle",
                doc! { "owner": 1, "last_activity_at": 1 },
                Kind::Plain,
            ),
            index("asleep", doc! { "snoozed_until": 1 }, Kind::Sparse),
        ])
        .await?;
    // Warnings and errors of all services, which nobody else clears away.
    let lines = database.collection::<Document>(LOGS);
    lines
        .create_index(index(
            "age",
            doc! { "timestamp": 1 },
            Kind::Expiring(KEEP_LOGS),
        ))
        .await?;
    Ok(())
}

/// Spreads both collections over the shards by channel.
pub(super) async fn shards(database: &Database) {
    for name in [MESSAGES, CHANNELS] {
        let key = doc! { "workspace_id": 1, "channel_id": 1 };
        stores::mongo::shard(database, name, key).await;
    }
}

enum Kind {
    Unique,
    Sparse,
    Plain,
    /// Only documents that have the field.
    Having(&'static str),
    /// The server deletes documents so long after the time in the field.
    Expiring(Duration),
}

fn index(name: &str, keys: Document, kind: Kind) -> IndexModel {
    let options = IndexOptions::builder()
        .name(name.to_owned())
        .unique(matches!(kind, Kind::Unique).then_some(true))
        .sparse(matches!(kind, Kind::Sparse).then_some(true))
        .partial_filter_expression(match kind {
            Kind::Having(field) => Some(doc! { field: { "$exists": true } }),
            _ => None,
        })
        .expire_after(match kind {
            Kind::Expiring(after) => Some(after),
            _ => None,
        })
        .build();
    IndexModel::builder().keys(keys).options(options).build()
}
