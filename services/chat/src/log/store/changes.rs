//! What becomes of entries after they were written: edits and deletions of messages, and what follows
//! in another log or at another time.

use chat_api::{Entry, EntryKind};
use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use mongodb::bson::{Document, doc};
use vault::Sealed;

use super::{Store, at, filter, places};
use crate::log::{
    documents::{Result, Stored, binary, date, integer, place_of, shown, stored_of},
    entry::{Actor, Place},
};

/// Something that must follow in another log.
#[derive(Debug, Clone)]
pub(in crate::log) struct Owed {
    pub(in crate::log) place: Place,
    /// The entry that it follows from.
    pub(in crate::log) entry: Entry,
}

impl Store {
    /// Brings an edit or a deletion to the message that it is about. Any number of times, in any order.
    pub(in crate::log) async fn apply(
        &self,
        place: Place,
        entry: &Entry,
        sealed: Option<&Sealed>,
    ) -> Result<()> {
        let Some(of_seq) = entry.of_seq else {
            return Ok(());
        };
        match entry.kind {
            EntryKind::Edit => self.edit(place, (entry, of_seq), sealed).await,
            EntryKind::Delete => self.delete(place, (entry, of_seq)).await,
            EntryKind::Message
            | EntryKind::Note
            | EntryKind::State
            | EntryKind::Reaction
            | EntryKind::Change => Ok(()),
        }
    }

    async fn edit(
        &self,
        place: Place,
        (entry, of_seq): (&Entry, i64),
        sealed: Option<&Sealed>,
    ) -> Result<()> {
        let Some(sealed) = sealed else {
            // A deletion has taken it away already.
            return Ok(());
        };
        let mut older = at(place, of_seq);
        older.insert("deleted_seq", doc! { "$exists": false });
        older.insert("edited_seq", doc! { "$not": { "$gte": entry.seq } });
        let newer = doc! { "$set": {
            "current": binary(sealed),
            "edited_seq": entry.seq,
            "edited_at": date(entry.created_at),
        } };
        if self.log.update_one(older, newer).await?.matched_count > 0 {
            return Ok(());
        }
        let mut deleted = at(place, of_seq);
        deleted.insert("deleted_seq", doc! { "$exists": true });
        let only = doc! { "seq": 1 };
        let deleted = self.log.find_one(deleted).projection(only).await?;
        if deleted.is_some() {
            let forget = doc! { "$unset": { "sealed": "" } };
            self.log.update_one(at(place, entry.seq), forget).await?;
        }
        Ok(())
    }

    async fn delete(&self, place: Place, (entry, of_seq): (&Entry, i64)) -> Result<()> {
        let mut there = at(place, of_seq);
        there.insert("deleted_seq", doc! { "$exists": false });
        let taken_back = doc! {
            "$set": { "deleted_seq": entry.seq, "deleted_at": date(entry.created_at) },
            "$unset": { "sealed": "", "current": "", "body": "" },
        };
        self.log.update_one(there, taken_back).await?;
        // After the message: an edit that comes between finds it taken back and forgets itself.
        let mut edits = filter(place);
        edits.insert("of_seq", of_seq);
        edits.insert("kind", EntryKind::Edit.as_str());
        let forget = doc! { "$unset": { "sealed": "" } };
        self.log.update_many(edits, forget).await?;
        Ok(())
    }

    /// Whether a sign of somebody stands on a message.
    pub(in crate::log) async fn reacted(
        &self,
        place: Place,
        of_seq: i64,
        (actor, emoji): (Actor, &str),
    ) -> Result<bool> {
        let mut about = about(place, of_seq, EntryKind::Reaction);
        let sender = actor.sender();
        about.insert("sender.kind", sender.kind.as_str());
        about.insert("sender.id", sender.id);
        about.insert("emoji", emoji);
        let last = self.last(about).await?;
        Ok(last.is_some_and(|last| last.get_bool("on").unwrap_or_default()))
    }

    /// The place of the last edit of a message or note, if it was edited.
    pub(in crate::log) async fn last_edit(&self, place: Place, of_seq: i64) -> Result<Option<i64>> {
        let edits = about(place, of_seq, EntryKind::Edit);
        let last = self.log.find_one(edits).sort(doc! { "seq": -1 });
        let last = last.projection(doc! { "seq": 1 }).await?;
        last.map(|edit| integer(&edit, "seq")).transpose()
    }

    /// Whether the visitor found an answer helpful, as they said last.
    pub(in crate::log) async fn helped(&self, place: Place, of_seq: i64) -> Result<Option<bool>> {
        let mut about = about(place, of_seq, EntryKind::Change);
        about.insert("change.what", "helpful");
        let last = self.last(about).await?;
        let change = last.and_then(|mut last| last.remove("change"));
        let change = change.as_ref().and_then(|change| change.as_document());
        Ok(change.and_then(|change| change.get_bool("helpful").ok()))
    }

    async fn last(&self, about: Document) -> Result<Option<Document>> {
        let last = self.log.find_one(about).sort(doc! { "seq": -1 });
        Ok(last.projection(doc! { "on": 1, "change": 1 }).await?)
    }

    /// Entries that visitors see, after `after` or before `before`, in the order of the log: the
    /// nearest `limit` of them.
    pub(in crate::log) async fn visible(
        &self,
        place: Place,
        (after, before): (Option<i64>, Option<i64>),
        limit: i64,
    ) -> Result<Vec<Stored>> {
        let mut filter = filter(place);
        let mut seq = Document::new();
        if let Some(after) = after {
            seq.insert("$gt", after);
        }
        if let Some(before) = before {
            seq.insert("$lt", before);
        }
        filter.insert("seq", seq);
        filter.insert("private", doc! { "$ne": true });
        let order = if after.is_some() { 1 } else { -1 };
        let found = self
            .log
            .find(filter)
            .sort(doc! { "seq": order })
            .limit(limit)
            .projection(shown())
            .await?;
        let mut found: Vec<Document> = found.try_collect().await?;
        if after.is_none() {
            found.reverse();
        }
        found.into_iter().map(stored_of).collect()
    }

    /// Channels whose sleep is over at `now`.
    pub(in crate::log) async fn asleep(
        &self,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<Place>> {
        let over = doc! { "snoozed_until": { "$lte": date(now) } };
        let only = doc! { "workspace_id": 1, "channel_id": 1 };
        let found = self.channels.find(over).limit(limit).projection(only);
        places(found.await?).await
    }

    /// What must follow in another log and does not yet, since before `before`.
    pub(in crate::log) async fn owed(
        &self,
        before: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<Owed>> {
        let filter = doc! { "owed_since": { "$lte": date(before) } };
        let found = self
            .log
            .find(filter)
            .sort(doc! { "owed_since": 1, "seq": 1 })
            .limit(limit)
            .projection(shown())
            .await?;
        let found: Vec<Document> = found.try_collect().await?;
        found
            .into_iter()
            .map(|document| {
                Ok(Owed {
                    place: place_of(&document)?,
                    entry: stored_of(document)?.entry,
                })
            })
            .collect()
    }

    /// Notes that what follows from the entry `seq` is in the other log.
    pub(in crate::log) async fn paid(&self, place: Place, seq: i64) -> Result<()> {
        let paid = doc! { "$unset": { "owed_since": "" } };
        self.log.update_one(at(place, seq), paid).await?;
        Ok(())
    }
}

fn about(place: Place, of_seq: i64, kind: EntryKind) -> Document {
    let mut about = filter(place);
    about.insert("of_seq", of_seq);
    about.insert("kind", kind.as_str());
    about
}
