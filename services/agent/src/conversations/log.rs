//! The agent's own log of a conversation, in MongoDB's `conversations`.
//!
//! The shape is the product's documented one: `_id, contact_id, agent_id, messages[{role, content,
//! timestamp}], metadata{sentiment, intent, escalated}`, plus what else is known. `role` is `user` for
//! the customer and `agent` for whoever answers; `sender` tells the AI from people. `sentiment` and
//! `intent` are null: nothing here can tell them, and a guess would be read as a fact.
//!
//! A document has a bounded array: the entries `seq` 1 to 100 are in the conversation's own document,
//! whose `_id` is the conversation's id; entries 101 to 200 are in `<id>:1`, and so on, with `bucket`
//! telling which. A bucket follows from `seq` alone, and a message is pushed only where its `seq` is not
//! there yet, so writing the same again changes nothing, whoever does it.

use chat_api::Source;
use chrono::{DateTime, Utc};
use ids::{AgentId, ChannelId, ContactId, VisitorId, WorkspaceId};
use mongodb::{
    Collection, Database, IndexModel,
    bson::{self, Bson, Document, doc},
    error::Result,
    options::{Acknowledgment, CollectionOptions, IndexOptions, WriteConcern},
};
use stores::mongo;

/// The collection.
const CONVERSATIONS: &str = "conversations";
/// Entries of one document.
const BUCKET: i64 = 100;
/// What is known of a conversation as a whole.
#[derive(Debug, Clone)]
pub struct Header {
    /// The conversation.
    pub channel: ChannelId,
    /// The tenant.
    pub workspace: WorkspaceId,
    /// The agent.
    pub agent: AgentId,
    /// The customer, as the widget knows them.
    pub visitor: VisitorId,
    /// The customer, as the CRM knows them.
    pub contact: Option<ContactId>,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// When it ended.
    pub closed_at: Option<DateTime<Utc>>,
    /// Whether it was opened again, and is open.
    pub reopened: bool,
    /// Whether a person was asked for or took over.
    pub escalated: bool,
}

/// One message of the log.
#[derive(Debug, Clone)]
pub struct Logged {
    /// Its place in chat's log.
    pub seq: i64,
    /// `user` or `agent`.
    pub role: &'static str,
    /// What kind of participant said it, as chat spells it.
    pub sender: &'static str,
    /// The text.
    pub content: String,
    /// When.
    pub timestamp: DateTime<Utc>,
    /// What an answer rests on.
    pub sources: Vec<Source>,
    /// How an answer of the AI came about.
    pub turn: Option<Turn>,
}

/// How an answer of the AI came about.
#[derive(Debug, Clone)]
pub struct Turn {
    /// The turn.
    pub id: String,
    /// How it ended.
    pub outcome: String,
    /// The model, when one was asked.
    pub model: Option<String>,
    /// Tokens of the prompt.
    pub prompt_tokens: i64,
    /// Tokens of the answer.
    pub completion_tokens: i64,
    /// Milliseconds from the message to the first streamed word.
    pub first_delta_ms: Option<i64>,
    /// Milliseconds from the message to the finished answer.
    pub total_ms: i64,
}

/// What became of a message later.
#[derive(Debug, Clone)]
pub enum Revised {
    /// It says something else.
    Edited {
        /// The message.
        seq: i64,
        /// What it says now.
        content: String,
    },
    /// It was taken back.
    Deleted {
        /// The message.
        seq: i64,
    },
}

/// The log. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ConversationLog {
    database: Database,
    conversations: Collection<Document>,
}

impl ConversationLog {
    /// The log in `database`.
    #[must_use]
    pub fn new(database: &Database) -> Self {
        let concern = WriteConcern::builder()
            .w(Acknowledgment::Majority)
            .journal(true)
            .build();
        let options = CollectionOptions::builder().write_concern(concern).build();
        Self {
            conversations: database.collection_with_options(CONVERSATIONS, options),
            database: database.clone(),
        }
    }

    /// The database, for `/readyz`.
    #[must_use]
    pub const fn database(&self) -> &Database {
        &self.database
    }

    /// Creates the indexes, and spreads the collection over shards where there are any. Doing it again
    /// changes nothing.
    ///
    /// # Errors
    /// When MongoDB is not there.
    pub async fn set_up(&self) -> Result<()> {
        let index = |name: &str, keys: Document, unique: bool| {
            let options = IndexOptions::builder()
                .name(name.to_owned())
                .unique(unique)
                .build();
            IndexModel::builder().keys(keys).options(options).build()
        };
        self.conversations
            .create_indexes([
                // Begins with the shard key, as a unique key must.
                index(
                    "bucket",
                    doc! { "workspace_id": 1, "conversation_id": 1, "bucket": 1 },
                    true,
                ),
                index(
                    "contact",
                    doc! { "workspace_id": 1, "contact_id": 1, "opened_at": -1 },
                    false,
                ),
                index(
                    "agent",
                    doc! { "workspace_id": 1, "agent_id": 1, "opened_at": -1 },
                    false,
                ),
            ])
            .await?;
        let key = doc! { "workspace_id": 1, "conversation_id": 1 };
        mongo::shard(&self.database, CONVERSATIONS, key).await;
        Ok(())
    }

    /// Writes messages that are not there yet, and what is known of the conversation.
    ///
    /// # Errors
    /// When MongoDB fails; then the same may be written again.
    pub async fn write(&self, header: &Header, messages: &[Logged]) -> Result<()> {
        self.touch(header, 0).await?;
        let mut touched = 0;
        for message in messages {
            let bucket = bucket(message.seq);
            if bucket != touched {
                self.touch(header, bucket).await?;
                touched = bucket;
            }
            let mut absent = key(header, bucket);
            absent.insert("messages.seq", doc! { "$ne": message.seq });
            let push = doc! { "$push": { "messages": { "$each": [entry(message)?], "$sort": { "seq": 1 } } } };
            self.conversations.update_one(absent, push).await?;
        }
        Ok(())
    }

    /// Edits messages, and leaves out those that were taken back. Doing it again changes nothing.
    ///
    /// # Errors
    /// When MongoDB fails; then the same may be done again.
    pub async fn revise(&self, header: &Header, revised: &[Revised]) -> Result<()> {
        for revision in revised {
            match revision {
                Revised::Edited { seq, content } => {
                    let mut message = key(header, bucket(*seq));
                    message.insert("messages.seq", *seq);
                    let set = doc! { "$set": { "messages.$.content": content } };
                    self.conversations.update_one(message, set).await?;
                }
                Revised::Deleted { seq } => {
                    let pull = doc! { "$pull": { "messages": { "seq": *seq } } };
                    let bucket = key(header, bucket(*seq));
                    self.conversations.update_one(bucket, pull).await?;
                }
            }
        }
        Ok(())
    }

    /// Makes a bucket if it is not there, and brings what is known up to date.
    async fn touch(&self, header: &Header, bucket: i64) -> Result<()> {
        let time = |at: DateTime<Utc>| bson::DateTime::from_millis(at.timestamp_millis());
        let id = if bucket == 0 {
            header.channel.to_string()
        } else {
            format!("{}:{bucket}", header.channel)
        };
        // Whoever writes may know less than what is there: only what is known is set.
        let mut known = Document::new();
        let mut absent = doc! {
            "_id": id,
            "agent_id": header.agent.to_string(),
            "visitor_id": header.visitor.to_string(),
            "opened_at": time(header.opened_at),
            "messages": [],
            "metadata.sentiment": Bson::Null,
            "metadata.intent": Bson::Null,
        };
        let contact = header.contact.map(|contact| contact.to_string().into());
        let closed_at = match header.closed_at {
            None if header.reopened => Some(Bson::Null),
            closed_at => closed_at.map(|at| time(at).into()),
        };
        let escalated = header.escalated.then_some(Bson::Boolean(true));
        for (field, value, otherwise) in [
            ("contact_id", contact, Bson::Null),
            ("closed_at", closed_at, Bson::Null),
            ("metadata.escalated", escalated, Bson::Boolean(false)),
        ] {
            match value {
                Some(value) => known.insert(field, value),
                None => absent.insert(field, otherwise),
            };
        }
        let mut update = doc! { "$setOnInsert": absent };
        if !known.is_empty() {
            // An empty `$set` is an error.
            update.insert("$set", known);
        }
        let upsert = || {
            self.conversations
                .update_one(key(header, bucket), update.clone())
                .upsert(true)
        };
        match upsert().await {
            // Two upserts of one new document: the loser finds it at the second try.
            Err(error) if mongo::is_duplicate(&error) => upsert().await.map(drop),
            result => result.map(drop),
        }
    }
}

const fn bucket(seq: i64) -> i64 {
    (seq - 1) / BUCKET
}

fn key(header: &Header, bucket: i64) -> Document {
    doc! {
        "workspace_id": header.workspace.to_string(),
        "conversation_id": header.channel.to_string(),
        "bucket": bucket,
    }
}

fn entry(message: &Logged) -> Result<Bson> {
    let mut entry = doc! {
        "role": message.role,
        "content": &message.content,
        "timestamp": bson::DateTime::from_millis(message.timestamp.timestamp_millis()),
        "seq": message.seq,
        "sender": message.sender,
    };
    if !message.sources.is_empty() {
        entry.insert("sources", bson::serialize_to_bson(&message.sources)?);
    }
    if let Some(turn) = &message.turn {
        entry.insert("turn_id", &turn.id);
        entry.insert("outcome", &turn.outcome);
        entry.insert("model", turn.model.clone());
        entry.insert(
            "tokens",
            doc! { "prompt": turn.prompt_tokens, "completion": turn.completion_tokens },
        );
        entry.insert(
            "latency",
            doc! { "first_delta_ms": turn.first_delta_ms, "total_ms": turn.total_ms },
        );
    }
    Ok(entry.into())
}

#[cfg(test)]
mod tests {
    use super::bucket;

    #[test]
    fn a_hundred_entries_share_a_bucket() {
        assert_eq!([1, 100, 101, 200, 201].map(bucket), [0, 0, 1, 1, 2]);
    }
}
