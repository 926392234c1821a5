//! What is said, sealed: documents hold no word of anybody.
//!
//! A body is sealed for the entry that carries it, so that it opens nowhere else. Documents of earlier
//! versions hold it plain, and are read on.

use chat_api::{Body, Entry, EntryKind};
use ids::ChannelId;
use secrecy::ExposeSecret;
use uuid::Uuid;
use vault::{Context, Scope, Sealed, Vault};

use super::{Error, Place, documents::Stored};

/// What somebody says or edits.
const BODY: &str = "chat.messages.body";
/// The words of a rating.
const COMMENT: &str = "chat.messages.comment";

/// The row that the body of an entry is sealed for. The places of one channel differ in their last 32
/// bits, which are random in the ids of channels.
pub(super) fn row(channel: ChannelId, seq: i64) -> Uuid {
    let seq = u128::from(seq.unsigned_abs());
    Uuid::from_u128(channel.as_uuid().as_u128() ^ seq)
}

pub(super) fn context(channel: ChannelId, seq: i64, kind: EntryKind) -> Context {
    let field = if kind == EntryKind::Change {
        COMMENT
    } else {
        BODY
    };
    Context {
        field,
        row: row(channel, seq),
    }
}

/// The body of an entry, sealed for it.
pub(super) async fn seal(
    vault: &Vault,
    place: Place,
    (seq, kind): (i64, EntryKind),
    body: &Body,
) -> Result<Sealed, Error> {
    let plain = serde_json::to_vec(body).expect("a body is JSON");
    let context = context(place.channel, seq, kind);
    let scope = Scope::workspace(place.workspace);
    Ok(vault.seal(scope, &context, &plain).await?)
}

/// An entry with its body.
pub(super) async fn open(vault: &Vault, place: Place, stored: Stored) -> Result<Entry, Error> {
    let Stored { mut entry, sealed } = stored;
    if let Some((sealed, seq)) = sealed {
        let context = context(place.channel, seq, entry.kind);
        let scope = Scope::workspace(place.workspace);
        let plain = vault.open(scope, &context, &sealed).await?;
        let body = serde_json::from_slice(plain.expose_secret());
        entry.body = Some(body.map_err(|_| Error::Broken("a body is not JSON".to_owned()))?);
    }
    Ok(entry)
}

/// Entries with their bodies, in the order in which they came.
pub(super) async fn open_all(
    vault: &Vault,
    place: Place,
    stored: Vec<Stored>,
) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::with_capacity(stored.len());
    for one in stored {
        entries.push(open(vault, place, one).await?);
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_entries_of_a_process_share_a_row() {
        let channels: Vec<ChannelId> = (0..100).map(|_| ChannelId::new()).collect();
        let rows: BTreeSet<Uuid> = channels
            .iter()
            .flat_map(|channel| (1..=100).map(|seq| row(*channel, seq)))
            .collect();
        assert_eq!(rows.len(), 100 * 100);
    }

    #[test]
    fn the_words_of_a_rating_do_not_open_as_a_message() {
        let channel = ChannelId::new();
        let message = context(channel, 2, EntryKind::Message);
        let rating = context(channel, 2, EntryKind::Change);
        assert_ne!(message, rating);
        assert_eq!(message, context(channel, 2, EntryKind::Edit));
    }
}
