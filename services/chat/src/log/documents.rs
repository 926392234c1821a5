//! Entries and channels as MongoDB's documents.
//!
//! A message's document keeps what was first said, in `sealed`. When it is edited, `current` is the
//! sealed body of the edit at `edited_seq`; when it is taken back, `deleted_seq` is set and every sealed
//! body is gone.

use bus::Event;
use chat_api::{Change, Entry, EntryKind};
use chrono::{DateTime, Utc};
use mongodb::bson::{self, Binary, Bson, Document, doc, spec::BinarySubtype};
use vault::Sealed;

use super::{
    Head,
    entry::{ClientKey, Place},
};

/// What histories leave out: it serves the appending and the relay.
const INTERNAL: [&str; 4] = ["after", "pending_event", "pending_since", "owed_since"];
/// The dates of a document that entries have as text.
const DATES: [&str; 3] = ["created_at", "edited_at", "deleted_at"];

/// MongoDB failed, or holds something that this version cannot read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It failed, or is not there.
    #[error(transparent)]
    Mongo(#[from] mongodb::error::Error),
    /// A document is not what this service writes.
    #[error("a document cannot be read: {0}")]
    Unreadable(String),
}

pub(super) type Result<T> = std::result::Result<T, StoreError>;

impl From<bson::error::Error> for StoreError {
    fn from(error: bson::error::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

/// An entry as it stands now, its body still sealed.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    /// The entry. It has a body only where the document has it plain.
    pub(super) entry: Entry,
    /// The sealed body, and the entry that it was sealed for.
    pub(super) sealed: Option<(Sealed, i64)>,
}

/// An entry whose event waits to be published.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub(super) place: Place,
    /// The entry. What was left behind comes without its body.
    pub(super) entry: Entry,
    /// Its own sealed body.
    pub(super) sealed: Option<Sealed>,
    pub(super) head: Head,
    pub(super) event: Event,
}

/// An entry without its body as it is inserted, and what goes with it.
pub(super) struct Insert<'a> {
    pub(super) entry: &'a Entry,
    pub(super) sealed: Option<&'a Sealed>,
    pub(super) head: &'a Head,
    pub(super) key: Option<&'a ClientKey>,
    pub(super) event: &'a Event,
}

/// An entry as it is inserted.
pub(super) fn document(place: Place, insert: &Insert<'_>) -> Result<Document> {
    let Insert {
        entry,
        sealed,
        head,
        key,
        event,
    } = insert;
    let mut document = bson::serialize_to_document(entry)?;
    let since = date(entry.created_at);
    document.insert("workspace_id", place.workspace.to_string());
    document.insert("created_at", since);
    if let Some(sealed) = sealed {
        document.insert("sealed", binary(sealed));
    }
    if let Some(key) = key {
        document.insert("sender_key", &key.sender);
        document.insert("client_id", &key.client_id);
    } else {
        // Every document is in a compound index, sparse or not: what nobody repeats needs a key too.
        let unique = format!("{}:{}", entry.kind.as_str(), entry.seq);
        document.insert("sender_key", unique);
    }
    document.insert("after", bson::serialize_to_bson(head)?);
    let event = serde_json::to_string(event).expect("an event is JSON");
    document.insert("pending_event", event);
    document.insert("pending_since", since);
    if owes(entry, head) {
        document.insert("owed_since", since);
    }
    Ok(document)
}

/// Whether something must follow in another log.
fn owes(entry: &Entry, head: &Head) -> bool {
    match (&entry.change, head.merge) {
        (Some(Change::Merged { .. }), _) => true,
        (Some(Change::Unmerged { other }), Some(merge)) => merge.into == *other,
        _ => false,
    }
}

/// A channel as its projection has it: what is set, and what is not there.
pub(super) fn projection(head: &Head) -> Document {
    let set = doc! {
        "head_seq": head.seq,
        "agent_id": head.agent_id.to_string(),
        "visitor_id": head.visitor_id.to_string(),
        "owner": head.owner.as_str(),
        "owner_version": head.owner_version,
        "person_id": head.person.map(|person| person.to_string()),
        "created_at": date(head.opened_at),
        "last_activity_at": date(head.last_at),
        "closed_at": head.closed_at.map(date),
        "visitor_messages": head.visitor_messages,
        "agent_messages": head.agent_messages,
        "user_messages": head.user_messages,
        "escalated": head.escalated,
    };
    match head.snoozed_until {
        Some(until) => {
            let mut set = set;
            set.insert("snoozed_until", date(until));
            doc! { "$set": set }
        }
        None => doc! { "$set": set, "$unset": { "snoozed_until": "" } },
    }
}

pub(super) fn shown() -> Document {
    INTERNAL
        .into_iter()
        .map(|field| (field.to_owned(), Bson::Int32(0)))
        .collect()
}

pub(super) fn date(at: DateTime<Utc>) -> bson::DateTime {
    bson::DateTime::from_millis(at.timestamp_millis())
}

pub(super) fn binary(sealed: &Sealed) -> Binary {
    Binary {
        subtype: BinarySubtype::Generic,
        bytes: sealed.as_bytes().to_vec(),
    }
}

/// A sealed body of a document.
pub(super) fn sealed_in(document: &Document, name: &str) -> Option<Sealed> {
    let bytes = document.get_binary_generic(name).ok()?;
    Some(Sealed::from(bytes.clone()))
}

/// An entry as it stands now.
pub(super) fn stored_of(mut document: Document) -> Result<Stored> {
    let deleted = document.contains_key("deleted_seq");
    let sealed = if deleted {
        // A body that is still there is one that the deletion has not come to yet.
        document.remove("body");
        None
    } else if let Some(current) = sealed_in(&document, "current") {
        // What was first said may be plain.
        document.remove("body");
        Some((current, integer(&document, "edited_seq")?))
    } else if let Some(sealed) = sealed_in(&document, "sealed") {
        Some((sealed, integer(&document, "seq")?))
    } else {
        None
    };
    Ok(Stored {
        entry: entry_of(document)?,
        sealed,
    })
}

fn entry_of(mut document: Document) -> Result<Entry> {
    for name in DATES {
        if let Some(Bson::DateTime(at)) = document.get(name) {
            let at = DateTime::from_timestamp_millis(at.timestamp_millis()).unwrap_or_default();
            document.insert(name, at.to_rfc3339());
        }
    }
    // The name that a repeated change goes by is nobody's business.
    let said = [EntryKind::Message, EntryKind::Note].map(EntryKind::as_str);
    if !document
        .get_str("kind")
        .is_ok_and(|kind| said.contains(&kind))
    {
        document.remove("client_id");
    }
    Ok(bson::deserialize_from_document(document)?)
}

pub(super) fn head_of(mut document: Document) -> Result<Head> {
    let after = document.remove("after").unwrap_or(Bson::Null);
    Ok(bson::deserialize_from_bson(after)?)
}

pub(super) fn pending_of(mut document: Document) -> Result<Pending> {
    let place = place_of(&document)?;
    let event = document.remove("pending_event");
    let event = event.as_ref().and_then(Bson::as_str).unwrap_or_default();
    let event = serde_json::from_str(event).map_err(unreadable)?;
    let head = bson::deserialize_from_bson(document.remove("after").unwrap_or(Bson::Null))?;
    Ok(Pending {
        place,
        sealed: sealed_in(&document, "sealed"),
        entry: entry_of(document)?,
        head,
        event,
    })
}

pub(super) fn place_of(document: &Document) -> Result<Place> {
    let id = |name| document.get_str(name).map_err(unreadable);
    Ok(Place {
        workspace: id("workspace_id")?.parse().map_err(unreadable)?,
        channel: id("channel_id")?.parse().map_err(unreadable)?,
    })
}

pub(super) fn integer(document: &Document, name: &str) -> Result<i64> {
    document.get_i64(name).map_err(unreadable)
}

pub(super) fn unreadable(cause: impl std::fmt::Display) -> StoreError {
    StoreError::Unreadable(cause.to_string())
}
