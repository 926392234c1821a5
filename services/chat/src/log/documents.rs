//! Entries and channels as MongoDB's documents.

use bus::Event;
use chat_api::{Entry, EntryKind};
use chrono::{DateTime, Utc};
use mongodb::bson::{self, Bson, Document, doc};

use super::entry::{ClientKey, Head, Place, Written};

/// What histories leave out: it serves the appending and the relay.
const INTERNAL: [&str; 3] = ["after", "pending_event", "pending_since"];

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

/// An entry whose event waits to be published.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub(super) place: Place,
    pub(super) entry: Entry,
    pub(super) head: Head,
    pub(super) event: Event,
}

/// An entry as it is inserted.
pub(super) fn document(
    place: Place,
    written: &Written,
    key: Option<&ClientKey>,
    event: &Event,
) -> Result<Document> {
    let Written { entry, head, .. } = written;
    let mut document = bson::serialize_to_document(entry)?;
    let since = date(entry.created_at);
    document.insert("workspace_id", place.workspace.to_string());
    document.insert("created_at", since);
    if let Some(key) = key {
        document.insert("sender_key", &key.sender);
        document.insert("client_id", &key.client_id);
    } else {
        // Every document is in a compound index, sparse or not: what nobody repeats needs a key too.
        let unique = format!("{}:{}", kind_name(entry.kind), entry.seq);
        document.insert("sender_key", unique);
    }
    document.insert("after", bson::serialize_to_bson(head)?);
    let event = serde_json::to_string(event).expect("an event is JSON");
    document.insert("pending_event", event);
    document.insert("pending_since", since);
    Ok(document)
}

/// A channel as its projection has it.
pub(super) fn projection(head: &Head) -> Document {
    doc! {
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

const fn kind_name(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Message => "message",
        EntryKind::State => "state",
    }
}

pub(super) fn entry_of(mut document: Document) -> Result<Entry> {
    if let Some(Bson::DateTime(at)) = document.get("created_at") {
        let at = DateTime::from_timestamp_millis(at.timestamp_millis()).unwrap_or_default();
        document.insert("created_at", at.to_rfc3339());
    }
    // The name that a repeated change of owner goes by is nobody's business.
    if document
        .get_str("kind")
        .is_ok_and(|kind| kind == kind_name(EntryKind::State))
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

fn unreadable(cause: impl std::fmt::Display) -> StoreError {
    StoreError::Unreadable(cause.to_string())
}
