//! Making the inbox's rows again from the log: for channels that were there before the table was, and
//! after PostgreSQL was put back to an older state.

use std::collections::HashMap;

use anyhow::Context;
use futures::TryStreamExt;
use ids::{ChannelId, UserId};
use mongodb::{
    Collection, Database,
    bson::{self, Bson, Document, doc},
};
use sqlx::PgPool;

use super::project;
use crate::log::{Head, Place};

/// The log's collections, as `log::setup` names them.
const MESSAGES: &str = "messages";
const CHANNELS: &str = "channels";
/// Channels that are compared at a time.
const PORTION: i64 = 500;

/// Moves the row of every channel forward that is missing or behind the log; answers how many did. It may
/// run while the service does, and as often as one likes. Whom notes call is in sealed bodies: those
/// mentions are not made again.
///
/// # Errors
/// When a store is not there, or holds what this version cannot read.
pub async fn rebuild(database: &Database, pool: &PgPool) -> anyhow::Result<u64> {
    let channels = database.collection::<Document>(CHANNELS);
    let messages = database.collection::<Document>(MESSAGES);
    let mut moved = 0;
    let mut after = None;
    loop {
        let known = portion(&channels, after.as_ref()).await?;
        let Some((last, _)) = known.last() else {
            break;
        };
        after = Some(*last);
        let rows = heads(pool, &known).await?;
        for (place, seq) in &known {
            if rows.get(&place.channel).is_none_or(|row| row < seq) {
                again(&messages, pool, *place)
                    .await
                    .with_context(|| format!("channel {}", place.channel))?;
                moved += 1;
            }
        }
    }
    if moved > 0 {
        tracing::info!(moved, "rows of the inbox were made again from the log");
    }
    Ok(moved)
}

/// The next channels by workspace and id, with the last entry that their projection knows.
async fn portion(
    channels: &Collection<Document>,
    after: Option<&Place>,
) -> anyhow::Result<Vec<(Place, i64)>> {
    let filter = after.map_or_else(Document::new, |place| {
        let (workspace, channel) = (place.workspace.to_string(), place.channel.to_string());
        doc! { "$or": [
            { "workspace_id": { "$gt": &workspace } },
            { "workspace_id": &workspace, "channel_id": { "$gt": channel } },
        ] }
    });
    let found: Vec<Document> = channels
        .find(filter)
        .sort(doc! { "workspace_id": 1, "channel_id": 1 })
        .limit(PORTION)
        .projection(doc! { "_id": 0, "workspace_id": 1, "channel_id": 1, "head_seq": 1 })
        .await?
        .try_collect()
        .await?;
    found.iter().map(place_of).collect()
}

fn place_of(channel: &Document) -> anyhow::Result<(Place, i64)> {
    let place = Place {
        workspace: channel.get_str("workspace_id")?.parse()?,
        channel: channel.get_str("channel_id")?.parse()?,
    };
    Ok((place, channel.get_i64("head_seq")?))
}

/// How far the rows of these channels are.
async fn heads(pool: &PgPool, known: &[(Place, i64)]) -> sqlx::Result<HashMap<ChannelId, i64>> {
    let workspaces: Vec<_> = known
        .iter()
        .map(|(place, _)| place.workspace.as_uuid())
        .collect();
    let channels: Vec<_> = known
        .iter()
        .map(|(place, _)| place.channel.as_uuid())
        .collect();
    let rows = sqlx::query!(
        r#"SELECT c.id AS "id!: ChannelId", c.head_seq AS "head_seq!"
           FROM unnest($1::uuid[], $2::uuid[]) AS known (workspace_id, id)
           JOIN chat.channels c ON c.workspace_id = known.workspace_id AND c.id = known.id"#,
        &workspaces,
        &channels,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.head_seq)).collect())
}

/// Makes the rows of one channel: which of its entries are messages, then where it stands.
async fn again(messages: &Collection<Document>, pool: &PgPool, place: Place) -> anyhow::Result<()> {
    let (workspace, channel) = (place.workspace.to_string(), place.channel.to_string());
    let filter = doc! { "workspace_id": &workspace, "channel_id": &channel };
    let mut said = filter.clone();
    said.insert("kind", "message");
    let mut said = messages
        .find(said)
        .sort(doc! { "seq": 1 })
        .projection(doc! { "_id": 0, "seq": 1, "sender": 1, "deleted_at": 1 })
        .await?;
    let mut last_said = 0;
    while let Some(message) = said.try_next().await? {
        let gone = !matches!(message.get("deleted_at"), None | Some(Bson::Null));
        let mark = (message.get_i64("seq")?, sender(&message), gone);
        project::say(pool, place, mark).await?;
        last_said = mark.0;
    }
    let last = messages
        .find_one(filter)
        .sort(doc! { "seq": -1 })
        .projection(doc! { "_id": 0, "after": 1 })
        .await?;
    if let Some(mut last) = last {
        let after = last.remove("after").unwrap_or(Bson::Null);
        let mut head: Head = bson::deserialize_from_bson(after)?;
        // Heads from before the inbox do not say it.
        head.last_message_seq = head.last_message_seq.max(last_said);
        project::project(pool, place, &head).await?;
    }
    Ok(())
}

/// The person or visitor who sent a message.
fn sender(message: &Document) -> Option<UserId> {
    let sender = message.get_document("sender").ok()?;
    match sender.get_str("kind").ok()? {
        "visitor" | "user" => sender.get_str("id").ok()?.parse().ok(),
        _ => None,
    }
}
