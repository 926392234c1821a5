//! Reading a log: its head, its pages, and the channel as it stands.

use chat_api::{Channel, Entry};

use super::{ClientKey, Error, Head, Log, Of, Place, documents::Stored, sealing};
use crate::hub::Audience;

/// Steps by which a known head is moved before it is looked up anew.
const STEPS: usize = 8;

/// A piece of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    /// What comes after this entry, oldest first.
    After(i64),
    /// What lies before this entry: the newest of it.
    Before(i64),
    /// The newest there is.
    Latest,
}

impl Log {
    /// The state of a channel, as its log has it now.
    ///
    /// # Errors
    /// When there is no such channel, or the store is not there.
    pub async fn head(&self, place: Place) -> Result<Head, Error> {
        let slot = self.slot(place);
        let mut known = super::lock(&slot).await?;
        let head = self
            .refresh(place, known.take())
            .await?
            .ok_or(Error::NotFound)?;
        *known = Some(head.clone());
        Ok(head)
    }

    /// A state of a channel that may be some entries old: enough for what never changes, such as whose
    /// channel it is.
    ///
    /// # Errors
    /// When there is no such channel, or the store is not there.
    pub async fn recent_head(&self, place: Place) -> Result<Head, Error> {
        if let Some(head) = self
            .slot(place)
            .try_lock()
            .ok()
            .and_then(|known| known.clone())
        {
            return Ok(head);
        }
        self.head(place).await
    }

    /// The state of a channel. A projection that a crash left behind is moved forward on the way.
    ///
    /// # Errors
    /// When there is no such channel, or the store is not there.
    pub async fn projected_head(&self, place: Place) -> Result<Head, Error> {
        let head = self.head(place).await?;
        let projected = self
            .0
            .store
            .heads(place.workspace, &[place.channel])
            .await?;
        if projected.first().is_none_or(|(_, seq)| *seq < head.seq)
            && let Err(error) = self.0.store.project(place, &head).await
        {
            tracing::debug!(%error, "the projection stays behind for now");
        }
        Ok(head)
    }

    /// A page of what `audience` sees of the log, in the order of the log, and whether there is more in
    /// its direction. Messages are as they stand now.
    ///
    /// # Errors
    /// When the store is not there.
    pub async fn page(
        &self,
        place: Place,
        history: History,
        limit: i64,
        audience: Audience,
    ) -> Result<(Vec<Entry>, bool), Error> {
        if audience == Audience::Visitor {
            return self.visible(place, history, limit).await;
        }
        let end = match history {
            History::After(seq) => {
                let mut entries = self.after(place, seq, limit + 1).await?;
                let more = entries.len() > usize::try_from(limit).unwrap_or(usize::MAX);
                if more {
                    entries.pop();
                }
                return Ok((entries, more));
            }
            History::Before(seq) => seq.min(self.head(place).await?.seq + 1),
            History::Latest => self.head(place).await?.seq + 1,
        };
        let start = end.saturating_sub(limit).max(1);
        let found = self.0.store.range(place, start, end).await?;
        Ok((self.opened(place, found).await?, start > 1))
    }

    /// A page without what only people of the company see.
    async fn visible(
        &self,
        place: Place,
        history: History,
        limit: i64,
    ) -> Result<(Vec<Entry>, bool), Error> {
        let (between, newer) = match history {
            History::After(seq) => ((Some(seq), None), true),
            History::Before(seq) => ((None, Some(seq)), false),
            History::Latest => ((None, None), false),
        };
        let mut found = self.0.store.visible(place, between, limit + 1).await?;
        let more = found.len() > usize::try_from(limit).unwrap_or(usize::MAX);
        if more && newer {
            found.pop();
        } else if more {
            found.remove(0);
        }
        Ok((self.opened(place, found).await?, more))
    }

    /// Entries after `seq`, oldest first, `limit` at most.
    ///
    /// # Errors
    /// When the store is not there.
    pub async fn after(&self, place: Place, seq: i64, limit: i64) -> Result<Vec<Entry>, Error> {
        // Most of the time there is nothing, and one look at the next place tells.
        let first = seq.saturating_add(1);
        let Some(next) = self.0.store.entry_at(place, first).await? else {
            return Ok(Vec::new());
        };
        let mut found = vec![next];
        if limit > 1 {
            let end = first.saturating_add(limit);
            found.extend(self.0.store.range(place, first + 1, end).await?);
        }
        self.opened(place, found).await
    }

    /// Where the log goes on after `seq`, if what follows there is no longer kept.
    ///
    /// # Errors
    /// When the store is not there.
    pub async fn goes_on_at(&self, place: Place, seq: i64) -> Result<Option<i64>, Error> {
        let next = self.0.store.next_after(place, seq).await?;
        Ok(next.filter(|next| *next > seq.saturating_add(1)))
    }

    /// Which version of a message or note stands: the place of its last edit, or its own.
    ///
    /// # Errors
    /// When the store is not there.
    pub async fn version(&self, place: Place, seq: i64) -> Result<i64, Error> {
        Ok(self.0.store.last_edit(place, seq).await?.unwrap_or(seq))
    }

    /// The message or note at `seq`, as it stands now.
    ///
    /// # Errors
    /// When there is none, or the store is not there.
    pub async fn entry(&self, place: Place, seq: i64) -> Result<Of, Error> {
        let found = self.0.store.entry_at(place, seq).await?;
        let found = found.ok_or(Error::NotFound)?;
        let entry = sealing::open(&self.0.vault, place, found).await?;
        Of::entry(entry).ok_or(Error::NotFound)
    }

    async fn opened(&self, place: Place, stored: Vec<Stored>) -> Result<Vec<Entry>, Error> {
        sealing::open_all(&self.0.vault, place, stored).await
    }

    /// The entry that a sender gave this name.
    ///
    /// # Errors
    /// When the store is not there.
    pub async fn by_client(&self, place: Place, key: &ClientKey) -> Result<Option<Entry>, Error> {
        match self.0.store.by_client(place, key).await? {
            Some(found) => Ok(Some(sealing::open(&self.0.vault, place, found).await?)),
            None => Ok(None),
        }
    }

    /// Notes that a reply of `epoch` begins; answers whether none of a later one has.
    ///
    /// # Errors
    /// When the store is not there.
    pub async fn claim_epoch(&self, place: Place, head: &Head, epoch: i64) -> Result<bool, Error> {
        let store = &self.0.store;
        let highest = match store.claim_epoch(place, epoch).await? {
            Some(highest) => highest,
            None => {
                // The channel is so new that its projection is not written yet.
                store.project(place, head).await?;
                store.claim_epoch(place, epoch).await?.unwrap_or(epoch)
            }
        };
        Ok(highest <= epoch)
    }

    /// Whether no reply of a later epoch has begun.
    ///
    /// # Errors
    /// When the store is not there.
    pub async fn is_epoch(&self, place: Place, epoch: i64) -> Result<bool, Error> {
        Ok(self.0.store.epoch(place).await? <= epoch)
    }

    /// The head of the log now, given one that was true once. The log is dense, so that nothing at the
    /// next place means that nothing follows.
    pub(super) async fn refresh(
        &self,
        place: Place,
        known: Option<Head>,
    ) -> Result<Option<Head>, Error> {
        let store = &self.0.store;
        let Some(mut head) = known else {
            return Ok(store.head(place).await?);
        };
        for _ in 0..STEPS {
            match store.head_at(place, head.seq + 1).await? {
                Some(next) => head = next,
                None => return Ok(Some(head)),
            }
        }
        Ok(store.head(place).await?)
    }
}

/// The channel that a head describes.
#[must_use]
pub fn channel(place: Place, head: &Head) -> Channel {
    Channel {
        id: place.channel,
        agent_id: head.agent_id,
        visitor_id: head.visitor_id,
        owner: head.owner,
        owner_version: head.owner_version,
        head_seq: head.seq,
        answered_seq: head.answered_seq,
        episode: head.episode,
        assignee_id: head.assignee,
        team_id: head.team,
        labels: head.labels.clone(),
        priority: head.priority,
        snoozed_until: head.snoozed_until,
        participants: head.participants.clone(),
        merged_into: head.merged_into,
        rating: head.rating,
        created_at: head.opened_at,
        last_activity_at: head.last_at,
        closed_at: head.closed_at,
    }
}
