//! Sealing again what lies under an old data key, or under none.

use anyhow::Context as _;
use chat_api::{Body, EntryKind};
use futures::TryStreamExt;
use ids::WorkspaceId;
use mongodb::{
    Collection, Database,
    bson::{self, Document, doc},
};
use secrecy::ExposeSecret;
use vault::{Context, Scope, Vault};

use super::{
    Place,
    documents::{binary, integer, place_of, sealed_in},
    sealing, setup,
};

/// Documents that the server sends at a time: each is sealed again before more are asked for.
const PORTION: u32 = 200;

/// Seals the messages of a workspace again that are not sealed under its present data key; answers how
/// many values that were. What earlier versions wrote plain is sealed too. A value that somebody wrote
/// meanwhile stays: it is newer.
///
/// # Errors
/// When a store or the vault is not there, or a value does not open; what was done is done.
pub async fn reseal(
    database: &Database,
    vault: &Vault,
    workspace: WorkspaceId,
) -> anyhow::Result<u64> {
    let log = database.collection::<Document>(setup::MESSAGES);
    let filter = doc! {
        "workspace_id": workspace.to_string(),
        "$or": [
            { "sealed": { "$exists": true } },
            { "current": { "$exists": true } },
            { "body": { "$exists": true } },
        ],
    };
    let only = doc! {
        "workspace_id": 1, "channel_id": 1, "seq": 1, "kind": 1,
        "sealed": 1, "current": 1, "edited_seq": 1, "body": 1,
    };
    let mut found = log
        .find(filter)
        .sort(doc! { "workspace_id": 1, "channel_id": 1, "seq": 1 })
        .batch_size(PORTION)
        .projection(only)
        .await?;
    let mut count = 0;
    while let Some(document) = found.try_next().await? {
        count += one(&log, vault, document).await?;
    }
    Ok(count)
}

async fn one(log: &Collection<Document>, vault: &Vault, document: Document) -> anyhow::Result<u64> {
    let place = place_of(&document)?;
    let seq = integer(&document, "seq")?;
    let kind = document.get("kind").cloned().unwrap_or_default();
    let kind: EntryKind = bson::deserialize_from_bson(kind).context("the kind of an entry")?;
    let mut count = 0;
    let own = sealing::context(place.channel, seq, kind);
    count += again(log, vault, (place, seq), (&document, "sealed", own)).await?;
    if let Ok(edited) = integer(&document, "edited_seq") {
        let edit = sealing::context(place.channel, edited, EntryKind::Edit);
        count += again(log, vault, (place, seq), (&document, "current", edit)).await?;
    }
    if let Some(plain) = document.get("body") {
        let body: Body = bson::deserialize_from_bson(plain.clone()).context("a body")?;
        let sealed = sealing::seal(vault, place, (seq, kind), &body).await?;
        let mut still = at(place, seq);
        still.insert("body", doc! { "$exists": true });
        let update = doc! { "$set": { "sealed": binary(&sealed) }, "$unset": { "body": "" } };
        count += log.update_one(still, update).await?.modified_count;
    }
    Ok(count)
}

/// Seals one value again, unless its key is the present one.
async fn again(
    log: &Collection<Document>,
    vault: &Vault,
    (place, seq): (Place, i64),
    (document, name, context): (&Document, &str, Context),
) -> anyhow::Result<u64> {
    let scope = Scope::workspace(place.workspace);
    let Some(old) = sealed_in(document, name) else {
        return Ok(0);
    };
    if vault.is_current(scope, &old).await? {
        return Ok(0);
    }
    let plain = vault.open(scope, &context, &old).await?;
    let new = vault.seal(scope, &context, plain.expose_secret()).await?;
    let mut same = at(place, seq);
    same.insert(name, binary(&old));
    let mut set = Document::new();
    set.insert(name, binary(&new));
    let done = log.update_one(same, doc! { "$set": set }).await?;
    Ok(done.modified_count)
}

fn at(place: Place, seq: i64) -> Document {
    doc! {
        "workspace_id": place.workspace.to_string(),
        "channel_id": place.channel.to_string(),
        "seq": seq,
    }
}
