//! The log and its projection in MongoDB: `messages` and `channels`.
//!
//! Every query names the workspace and the channel, which are the shard key and the beginning of both
//! unique keys. The queries of the hot path compare whole unique keys: the log is dense, so whether
//! something follows an entry is one look at the next `seq`.

mod changes;

use std::time::Duration;

use chat_api::OwnerState;
use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use ids::{ChannelId, WorkspaceId};
use mongodb::{
    Collection, Cursor, Database,
    bson::{Document, doc},
    options::{
        Acknowledgment, CollectionOptions, ReadConcern, ReadPreference, ReturnDocument,
        SelectionCriteria, WriteConcern,
    },
};
use tokio::sync::OnceCell;

use super::{
    Head,
    documents::{
        Insert, Pending, Result, StoreError, Stored, date, document, head_of, integer, pending_of,
        place_of, projection, shown, stored_of,
    },
    entry::{ClientKey, Place},
    setup,
};

/// A write that a majority has not taken by then is reported as failed, though it may stand.
const WRITE_WITHIN: Duration = Duration::from_secs(4);

/// The two collections.
#[derive(Debug)]
pub(super) struct Store {
    database: Database,
    /// Read on the primary, as a majority has it. A head that a failover could take back must not be
    /// built on: the entry behind it would stand after a hole.
    log: Collection<Document>,
    channels: Collection<Document>,
    prepared: OnceCell<()>,
}

impl Store {
    pub(super) fn new(database: Database) -> Self {
        let durable = WriteConcern::builder()
            .w(Acknowledgment::Majority)
            .journal(true)
            .w_timeout(WRITE_WITHIN)
            .build();
        let primary = SelectionCriteria::ReadPreference(ReadPreference::Primary);
        let options = CollectionOptions::builder()
            .write_concern(durable)
            .read_concern(ReadConcern::majority())
            .selection_criteria(primary)
            .build();
        Self {
            log: database.collection_with_options(setup::MESSAGES, options.clone()),
            channels: database.collection_with_options(setup::CHANNELS, options),
            database,
            prepared: OnceCell::new(),
        }
    }

    /// Makes sure that the unique keys exist, once in the life of the process: without them nothing
    /// that this service promises would hold.
    pub(super) async fn prepare(&self) -> Result<()> {
        self.prepared
            .get_or_try_init(|| setup::indexes(&self.database))
            .await?;
        Ok(())
    }

    /// The state after the last entry; none when there is no such channel.
    pub(super) async fn head(&self, place: Place) -> Result<Option<Head>> {
        let only = doc! { "after": 1 };
        let found = self
            .log
            .find_one(filter(place))
            .sort(doc! { "seq": -1 })
            .projection(only)
            .await?;
        found.map(head_of).transpose()
    }

    /// The state after the entry `seq`; none while there is no such entry.
    pub(super) async fn head_at(&self, place: Place, seq: i64) -> Result<Option<Head>> {
        let only = doc! { "after": 1 };
        let found = self.log.find_one(at(place, seq)).projection(only).await?;
        found.map(head_of).transpose()
    }

    /// Appends an entry.
    ///
    /// # Errors
    /// One that [`is_duplicate`] knows when its place, or its client's name for it, is taken.
    #[tracing::instrument(name = "db.message.insert", skip_all, fields(otel.kind = "client", db.system.name = "mongodb", db.collection.name = setup::MESSAGES))]
    pub(super) async fn insert(&self, place: Place, insert: &Insert<'_>) -> Result<()> {
        let document = document(place, insert)?;
        self.log.insert_one(document).await?;
        Ok(())
    }

    /// The entry that a sender gave this name.
    pub(super) async fn by_client(&self, place: Place, key: &ClientKey) -> Result<Option<Stored>> {
        let mut filter = filter(place);
        filter.insert("sender_key", &key.sender);
        filter.insert("client_id", &key.client_id);
        self.log
            .find_one(filter)
            .projection(shown())
            .await?
            .map(stored_of)
            .transpose()
    }

    /// Entries `from <= seq < to`, oldest first.
    pub(super) async fn range(&self, place: Place, from: i64, to: i64) -> Result<Vec<Stored>> {
        let mut filter = filter(place);
        filter.insert("seq", doc! { "$gte": from, "$lt": to });
        let found = self
            .log
            .find(filter)
            .sort(doc! { "seq": 1 })
            .projection(shown())
            .await?;
        found
            .try_collect::<Vec<_>>()
            .await?
            .into_iter()
            .map(stored_of)
            .collect()
    }

    /// The entry at `seq`, if it is there.
    pub(super) async fn entry_at(&self, place: Place, seq: i64) -> Result<Option<Stored>> {
        self.log
            .find_one(at(place, seq))
            .projection(shown())
            .await?
            .map(stored_of)
            .transpose()
    }

    /// The place of the first entry after `seq` that is there.
    pub(super) async fn next_after(&self, place: Place, seq: i64) -> Result<Option<i64>> {
        let mut after = filter(place);
        after.insert("seq", doc! { "$gt": seq });
        let found = self.log.find_one(after).sort(doc! { "seq": 1 });
        let found = found.projection(doc! { "seq": 1 }).await?;
        found.map(|entry| integer(&entry, "seq")).transpose()
    }

    /// Moves the projection forward to `head`; never back.
    pub(super) async fn project(&self, place: Place, head: &Head) -> Result<()> {
        let mut behind = filter(place);
        behind.insert("head_seq", doc! { "$lt": head.seq });
        match self
            .channels
            .update_one(behind, projection(head))
            .upsert(true)
            .await
        {
            Ok(_) => Ok(()),
            // It is there and as far already: nothing matched, and the insert met the unique key.
            Err(error) if stores::mongo::is_duplicate(&error) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Notes that a reply of `epoch` began; answers the highest epoch that did, or none when there is no
    /// projection yet to note it in.
    pub(super) async fn claim_epoch(&self, place: Place, epoch: i64) -> Result<Option<i64>> {
        let highest = doc! { "$max": { "reply_epoch": epoch } };
        let update = self.channels.find_one_and_update(filter(place), highest);
        let after = update.return_document(ReturnDocument::After).await?;
        after
            .map(|channel| integer(&channel, "reply_epoch"))
            .transpose()
    }

    /// The highest epoch of a reply that began.
    pub(super) async fn epoch(&self, place: Place) -> Result<i64> {
        let channel = self.channels.find_one(filter(place)).await?;
        Ok(channel
            .and_then(|channel| channel.get_i64("reply_epoch").ok())
            .unwrap_or_default())
    }

    /// The oldest entries whose events wait since before `before`.
    pub(super) async fn pending(&self, before: DateTime<Utc>, limit: i64) -> Result<Vec<Pending>> {
        let filter = doc! { "pending_since": { "$lte": date(before) } };
        let found = self
            .log
            .find(filter)
            .sort(doc! { "pending_since": 1 })
            .limit(limit)
            .await?;
        let found: Vec<Document> = found.try_collect().await?;
        let readable = found
            .into_iter()
            .filter_map(|document| match pending_of(document) {
                Ok(pending) => Some(pending),
                Err(error) => {
                    // One that nobody can read must not keep the others from being published.
                    tracing::error!(%error, "an event waits in a document that cannot be read");
                    None
                }
            });
        Ok(readable.collect())
    }

    /// How many events wait.
    pub(super) async fn count_pending(&self) -> Result<u64> {
        let filter = doc! { "pending_since": { "$exists": true } };
        Ok(self.log.count_documents(filter).await?)
    }

    /// Notes that the event of the entry `seq` was published.
    pub(super) async fn settle(&self, place: Place, seq: i64) -> Result<()> {
        // If this is lost, the event is published again, with the same id.
        let once = WriteConcern::builder().w(Acknowledgment::Nodes(1)).build();
        let published = doc! { "$unset": { "pending_event": "", "pending_since": "" } };
        self.log
            .update_one(at(place, seq), published)
            .write_concern(once)
            .await?;
        Ok(())
    }

    /// Open channels that look idle since before `before`.
    pub(super) async fn idle(&self, before: DateTime<Utc>, limit: i64) -> Result<Vec<Place>> {
        let open = [OwnerState::Ai, OwnerState::Queued, OwnerState::Human].map(OwnerState::as_str);
        let filter = doc! {
            "owner": { "$in": open.to_vec() },
            "last_activity_at": { "$lt": date(before) },
            // What sleeps is not idle.
            "snoozed_until": { "$exists": false },
        };
        let only = doc! { "workspace_id": 1, "channel_id": 1 };
        let found = self.channels.find(filter).limit(limit).projection(only);
        places(found.await?).await
    }

    /// The last entry of each of these channels of one workspace, as the projection knows it.
    pub(super) async fn heads(
        &self,
        workspace: WorkspaceId,
        channels: &[ChannelId],
    ) -> Result<Vec<(Place, i64)>> {
        let channels: Vec<String> = channels.iter().map(ToString::to_string).collect();
        let filter =
            doc! { "workspace_id": workspace.to_string(), "channel_id": { "$in": channels } };
        let only = doc! { "workspace_id": 1, "channel_id": 1, "head_seq": 1 };
        let found = self.channels.find(filter).projection(only).await?;
        let found: Vec<Document> = found.try_collect().await?;
        found
            .iter()
            .map(|channel| Ok((place_of(channel)?, integer(channel, "head_seq")?)))
            .collect()
    }
}

/// The channels that a query finds.
async fn places(found: Cursor<Document>) -> Result<Vec<Place>> {
    let found: Vec<Document> = found.try_collect().await?;
    found.iter().map(place_of).collect()
}

/// Whether a unique key refused the document.
pub(super) fn is_duplicate(error: &StoreError) -> bool {
    matches!(error, StoreError::Mongo(error) if stores::mongo::is_duplicate(error))
}

fn filter(place: Place) -> Document {
    doc! { "workspace_id": place.workspace.to_string(), "channel_id": place.channel.to_string() }
}

fn at(place: Place, seq: i64) -> Document {
    let mut filter = filter(place);
    filter.insert("seq", seq);
    filter
}
