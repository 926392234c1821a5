//! What is done in a channel beside saying something.

use std::sync::Arc;

use chat_api::{Change, Entry, EntryKind, SenderKind};

use super::{
    Error, Head, Log, Refusal,
    append::{Decide, Outcome},
    entry::{Actor, ClientKey, Place},
    model::{self, Act},
};

/// What became of an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acted {
    /// The state after it.
    pub head: Head,
    /// Its entry; none when it was so already.
    pub entry: Option<Entry>,
}

impl Log {
    /// Does something in a channel. With `once`, a repeated act is the first one.
    ///
    /// # Errors
    /// When the actor may not, the channel does not stand so that it could be done, the name was used
    /// for something else, or the store did not confirm.
    #[tracing::instrument(name = "chat.channels.act", skip_all, fields(channel = %place.channel))]
    pub async fn act(
        &self,
        place: Place,
        actor: Actor,
        act: Act,
        once: Option<String>,
    ) -> Result<Acted, Error> {
        self.decided(place, actor, act, (once, None)).await
    }

    /// Does something in a channel, unless another entry came after the one at `seen`.
    ///
    /// # Errors
    /// As [`Log::act`]; [`Refusal::Moved`] when something came.
    pub async fn act_on(
        &self,
        place: Place,
        actor: Actor,
        act: Act,
        seen: Option<i64>,
    ) -> Result<Acted, Error> {
        self.decided(place, actor, act, (None, seen)).await
    }

    async fn decided(
        &self,
        place: Place,
        actor: Actor,
        act: Act,
        (once, seen): (Option<String>, Option<i64>),
    ) -> Result<Acted, Error> {
        let now = self.0.clock.now();
        let act = kept(act);
        let once = once.or_else(|| natural(&act));
        if self.stands(place, actor, &act).await? {
            let head = self.head(place).await?;
            model::decide(&head, actor, (&act, None), now).map_err(Error::Refused)?;
            return Ok(Acted { head, entry: None });
        }
        let key = once.as_deref().map(|once| match act {
            Act::Owner(_) | Act::Reopen { .. } => ClientKey::change(actor, once),
            _ => ClientKey::act(actor, once),
        });
        let wanted = act.clone();
        let decide: Arc<Decide> = Arc::new(move |head| {
            if seen.is_some_and(|seen| seen != head.seq) {
                return Err(Refusal::Moved);
            }
            model::decide(head, actor, (&act, once.as_deref()), now)
        });
        match self.append(place, key, decide).await? {
            Outcome::Appended(entry, head) => Ok(Acted {
                head: *head,
                entry: Some(*entry),
            }),
            Outcome::Unchanged(head) => Ok(Acted { head, entry: None }),
            Outcome::Existing(entry) if same(&entry, &wanted) => Ok(Acted {
                head: self.head(place).await?,
                entry: Some(entry),
            }),
            Outcome::Existing(_) => Err(Error::KeyReused),
        }
    }

    /// Whether it is so already, where the head does not tell.
    async fn stands(&self, place: Place, actor: Actor, act: &Act) -> Result<bool, Error> {
        let store = &self.0.store;
        match act {
            Act::React { of, emoji, on } => {
                let there = store.reacted(place, of.seq, (actor, emoji)).await?;
                Ok(there == *on)
            }
            Act::Helpful { of_seq, helpful } => {
                let of = self.entry(place, *of_seq).await?;
                let answer = of.kind == EntryKind::Message && of.sender.kind == SenderKind::Agent;
                if of.deleted || of.private {
                    return Err(Refusal::Gone.into());
                }
                if !answer {
                    return Err(Refusal::NotYours.into());
                }
                Ok(store.helped(place, *of_seq).await? == *helpful)
            }
            _ => Ok(false),
        }
    }
}

/// The act, where an edit keeps what is no text.
fn kept(act: Act) -> Act {
    match act {
        Act::Edit { of, mut body } => {
            body.attachments.clone_from(&of.attachments);
            body.mentions.clone_from(&of.mentions);
            Act::Edit { of, body }
        }
        act => act,
    }
}

/// The name of what is done once by its nature.
fn natural(act: &Act) -> Option<String> {
    match act {
        Act::Consent { version } => Some(format!("consent/{version}")),
        _ => None,
    }
}

/// Whether an entry is what an act of the same name would append.
fn same(entry: &Entry, act: &Act) -> bool {
    let change = entry.change.as_ref().map(Change::as_str);
    match act {
        Act::Owner(wanted) => (entry.owner, &entry.reason) == (Some(wanted.owner), &wanted.reason),
        Act::Reopen { owner, .. } => entry.owner == Some(*owner),
        Act::Edit { of, body } => {
            // What was taken back since has no text to compare.
            let text = entry
                .body
                .as_ref()
                .is_none_or(|said| said.text == body.text);
            entry.kind == EntryKind::Edit && entry.of_seq == Some(of.seq) && text
        }
        Act::Delete { of } => entry.kind == EntryKind::Delete && entry.of_seq == Some(of.seq),
        Act::React { of, emoji, on } => {
            let sign = (entry.emoji.as_ref(), entry.on) == (Some(emoji), Some(*on));
            entry.kind == EntryKind::Reaction && entry.of_seq == Some(of.seq) && sign
        }
        Act::Assign { .. } => change == Some("assigned"),
        Act::Label(_) => change == Some("labelled"),
        Act::Prioritise(priority) => {
            entry.change
                == Some(Change::Prioritised {
                    priority: *priority,
                })
        }
        Act::Snooze(_) => change == Some("snoozed"),
        Act::Join(user_id) => entry.change == Some(Change::Joined { user_id: *user_id }),
        Act::Leave(user_id) => entry.change == Some(Change::Left { user_id: *user_id }),
        Act::Merge { into } => entry.change == Some(Change::Merged { into: *into }),
        Act::Absorb { from } => entry.change == Some(Change::Absorbed { from: *from }),
        Act::Unmerge { other } => entry.change == Some(Change::Unmerged { other: *other }),
        Act::Rate { score, .. } => entry.change == Some(Change::Rated { score: *score }),
        Act::Helpful { of_seq, helpful } => {
            let said = Change::Helpful { helpful: *helpful };
            entry.of_seq == Some(*of_seq) && entry.change == Some(said)
        }
        Act::Consent { version } => entry.change == Some(Change::Consented { version: *version }),
    }
}
