//! One channel goes on in another one: a change in two logs.
//!
//! The entry in the source's log decides. What follows from it, the end of the source and a word in the
//! other log, is owed until it is there: it is appended at once, and what a crash left is swept up, any
//! number of times, because each of it has a name.

use std::{sync::Arc, time::Duration};

use chat_api::Change;
use ids::{ChannelId, WorkspaceId};
use tokio_util::sync::CancellationToken;

use super::{
    Error, Head, Log, Refusal,
    append::Decide,
    entry::{Actor, Place},
    model::{self, Act},
};

/// How often what a crash left is looked for.
const MEND_EVERY: Duration = Duration::from_secs(2);
/// What is owed for so long was left behind: it follows at once otherwise.
const LEFT_AFTER: chrono::Duration = chrono::Duration::seconds(5);
const FOUND: i64 = 100;

impl Log {
    /// Lets the channel `source` go on in `into`; answers its state after it.
    ///
    /// # Errors
    /// When there is no such channel, they cannot be merged, or the store did not confirm.
    pub async fn merge(
        &self,
        workspace: WorkspaceId,
        source: ChannelId,
        into: ChannelId,
        actor: Actor,
    ) -> Result<Head, Error> {
        let place = |channel| Place { workspace, channel };
        let from = place(source);
        let (head, target) = (self.head(from).await?, self.head(place(into)).await?);
        if source == into {
            return Err(Refusal::NoMerge.into());
        }
        if head.merged_into != Some(into) {
            model::may_merge(&head, &target)?;
        }
        let acted = self.act(from, actor, Act::Merge { into }, None).await?;
        if let Some(merge) = acted.head.merge
            && let Err(error) = self.end_merge(from, into, merge.seq).await
        {
            tracing::warn!(channel = %source, %error, "the rest of a merge comes later");
        }
        let crossed = self.head(place(into)).await?.merged_into.is_some();
        if crossed && acted.entry.is_some() {
            // Somebody merged the other one at the same moment: neither leads anywhere.
            self.unmerge(workspace, source, Actor::System).await?;
            return Err(Refusal::NoMerge.into());
        }
        self.head(from).await
    }

    /// Undoes the merge of the channel `source`; answers its state after it. A channel that goes on in
    /// no other one stays as it is.
    ///
    /// # Errors
    /// When there is no such channel, too much time has passed, or the store did not confirm.
    pub async fn unmerge(
        &self,
        workspace: WorkspaceId,
        source: ChannelId,
        actor: Actor,
    ) -> Result<Head, Error> {
        let channel = source;
        let from = Place { workspace, channel };
        let head = self.head(from).await?;
        let (Some(other), Some(merge)) = (head.merged_into, head.merge) else {
            return Ok(head);
        };
        // Otherwise the other log could say it the other way round.
        self.end_merge(from, other, merge.seq).await?;
        let acted = self.act(from, actor, Act::Unmerge { other }, None).await?;
        if let Some(entry) = acted.entry
            && let Err(error) = self.end_unmerge(from, other, entry.seq).await
        {
            tracing::warn!(channel = %source, %error, "the rest of an undone merge comes later");
        }
        self.head(from).await
    }

    /// Appends what follows from a merge: the end of the source, and a word in the other log.
    async fn end_merge(&self, from: Place, into: ChannelId, seq: i64) -> Result<(), Error> {
        let end: Arc<Decide> = Arc::new(|head| Ok(model::close_merged(head)));
        self.append(from, None, end).await?;
        let absorb = Act::Absorb { from: from.channel };
        self.tell(
            from,
            into,
            (absorb, format!("absorbed/{}/{seq}", from.channel)),
        )
        .await?;
        Ok(self.0.store.paid(from, seq).await?)
    }

    /// Appends what follows from an undone merge: the source's new beginning, and a word in the other
    /// log.
    async fn end_unmerge(&self, from: Place, other: ChannelId, seq: i64) -> Result<(), Error> {
        let begin: Arc<Decide> = Arc::new(|head| Ok(model::reopen_unmerged(head)));
        self.append(from, None, begin).await?;
        let channel = from.channel;
        let undo = Act::Unmerge { other: channel };
        self.tell(from, other, (undo, format!("unmerged/{channel}/{seq}")))
            .await?;
        Ok(self.0.store.paid(from, seq).await?)
    }

    async fn tell(
        &self,
        from: Place,
        channel: ChannelId,
        (act, once): (Act, String),
    ) -> Result<(), Error> {
        let place = Place { channel, ..from };
        self.act(place, Actor::System, act, Some(once)).await?;
        Ok(())
    }

    /// Appends what a crash left out.
    pub(super) async fn mend_until(self, stop: CancellationToken) {
        // Whatever is owed at the start was left by an instance that ended: no need to wait.
        let mut before = self.0.clock.now();
        loop {
            self.mend(before).await;
            let pause = tokio::time::sleep(MEND_EVERY);
            if stop.run_until_cancelled(pause).await.is_none() {
                return;
            }
            before = self.0.clock.now() - LEFT_AFTER;
        }
    }

    async fn mend(&self, before: chrono::DateTime<chrono::Utc>) {
        let owed = match self.0.store.owed(before, FOUND).await {
            Ok(owed) => owed,
            Err(error) => {
                tracing::debug!(%error, "half-done merges cannot be looked for now");
                return;
            }
        };
        for owed in owed {
            let (from, seq) = (owed.place, owed.entry.seq);
            let done = match owed.entry.change {
                Some(Change::Merged { into }) => self.end_merge(from, into, seq).await,
                Some(Change::Unmerged { other }) => self.end_unmerge(from, other, seq).await,
                _ => self.0.store.paid(from, seq).await.map_err(Error::from),
            };
            if let Err(error) = done {
                tracing::warn!(channel = %from.channel, %error, "a merge stays half done for now");
            }
        }
    }
}
