//! What MongoDB must have before the log may be written: the unique keys, and the shard keys where the
//! server knows sharding.

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
        ])
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
}

fn index(name: &str, keys: Document, kind: Kind) -> IndexModel {
    let options = IndexOptions::builder()
        .name(name.to_owned())
        .unique(matches!(kind, Kind::Unique).then_some(true))
        .sparse(matches!(kind, Kind::Sparse).then_some(true))
        .build();
    IndexModel::builder().keys(keys).options(options).build()
}
