//! Appending: deciding on the head of a log, and getting the place behind it.

use std::{sync::Arc, time::Duration};

use bus::Event;
use chat_api::{Entry, EntryKind, OpenChannel, ReplyCommit, ReplyHeader, SetOwner};
use tracing::Instrument;

use super::{
    Error, Head, Log, Refusal,
    documents::{Insert, Pending},
    entry::{Actor, ClientKey, Draft, Fact, Place, Said, Step},
    lock, model, sealing, store,
};
use crate::metrics;

/// A request that appends gets its answer within this time, whatever happens to the append.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// An insert that takes longer is given up on: nobody knows whether it stands.
const INSERT_WITHIN: Duration = Duration::from_secs(5);
/// Bringing an edit to its message takes no longer; the relay brings it again.
const APPLY_WITHIN: Duration = Duration::from_secs(1);
/// After this many lost races the append gives up; each of them let another one through.
const ATTEMPTS: u32 = 200;
/// What became of an append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is in the log now.
    Appended(Box<Entry>, Box<Head>),
    /// It was in the log already.
    Existing(Entry),
    /// There was nothing to append.
    Unchanged(Head),
}

pub(super) type Decide = dyn Fn(&Head) -> Result<Option<Draft>, Refusal> + Send + Sync;

impl Log {
    /// Opens a channel, or finds the one that is open under this id; answers whether it is new.
    ///
    /// # Errors
    /// When the id names a channel of another visitor or agent, or the store is not there.
    pub async fn open(&self, place: Place, open: &OpenChannel) -> Result<(Head, bool), Error> {
        self.0.store.prepare().await?;
        let step = model::open(place, open.agent_id, open.visitor_id, self.0.clock.now());
        let slot = self.slot(place);
        let mut known = lock(&slot).await?;
        if known.is_none()
            && let Some((_, head)) = self.insert(place, step, None).await?
        {
            *known = Some(head.clone());
            return Ok((head, true));
        }
        let head = self
            .refresh(place, known.take())
            .await?
            .ok_or(Error::NotFound)?;
        *known = Some(head.clone());
        if (head.agent_id, head.visitor_id) == (open.agent_id, open.visitor_id) {
            Ok((head, false))
        } else {
            Err(Error::Taken)
        }
    }

    /// Says something; answers the entry and whether it is new. A person who writes to the visitor where
    /// nobody of the company answers takes over first, and a visitor who writes wakes the channel.
    ///
    /// # Errors
    /// When the channel is closed or does not exist, the actor writes no notes, or the store did not
    /// confirm.
    #[tracing::instrument(name = "chat.messages.create", skip_all, fields(channel = %place.channel))]
    pub async fn say(
        &self,
        place: Place,
        actor: Actor,
        said: Said,
    ) -> Result<(Entry, bool), Error> {
        let key = ClientKey::message(actor, &said.client_id);
        let decide: Arc<Decide> = Arc::new(move |head| model::say(head, actor, &said).map(Some));
        loop {
            match self
                .append(place, Some(key.clone()), decide.clone())
                .await?
            {
                Outcome::Appended(entry, _) if is_said(&entry) => return Ok((*entry, true)),
                // That was what comes before it; the message comes next.
                Outcome::Appended(..) => {}
                Outcome::Existing(entry) => return Ok((entry, false)),
                Outcome::Unchanged(_) => return Err(Error::NotFound),
            }
        }
    }

    /// Changes who answers; answers the state after it. With `once`, a repeated change is the first one.
    ///
    /// # Errors
    /// When the actor may not, the owner has moved, or the store did not confirm.
    #[tracing::instrument(name = "chat.channels.set_owner", skip_all, fields(channel = %place.channel))]
    pub async fn set_owner(
        &self,
        place: Place,
        actor: Actor,
        (change, once): (SetOwner, Option<String>),
    ) -> Result<Head, Error> {
        let key = once.as_deref().map(|once| ClientKey::change(actor, once));
        let wanted = (change.owner, change.reason.clone());
        let decide: Arc<Decide> =
            Arc::new(move |head| model::change_owner(head, actor, (&change, once.as_deref())));
        match self.append(place, key, decide).await? {
            Outcome::Appended(_, head) => Ok(*head),
            Outcome::Unchanged(head) => Ok(head),
            Outcome::Existing(entry)
                if (entry.owner, &entry.reason) == (Some(wanted.0), &wanted.1) =>
            {
                self.head(place).await
            }
            Outcome::Existing(_) => Err(Error::KeyReused),
        }
    }

    /// Ends a streamed answer; answers the entry and whether it is new.
    ///
    /// # Errors
    /// When somebody took over, or the answer is there already, or the store did not confirm.
    #[tracing::instrument(name = "chat.replies.commit", skip_all, fields(channel = %place.channel))]
    pub async fn answer(
        &self,
        place: Place,
        header: ReplyHeader,
        commit: ReplyCommit,
    ) -> Result<(Entry, bool), Error> {
        let key = ClientKey::answer(header.agent_id, header.turn_id);
        let decide: Arc<Decide> = Arc::new(move |head| {
            model::may_answer(head, &header)?;
            Ok(Some(Draft::Answer {
                name: header.agent_name.clone(),
                turn: header.turn_id,
                answers_to: header.answers_to_seq,
                body: commit.body.clone(),
            }))
        });
        match self.append(place, Some(key), decide).await? {
            Outcome::Appended(entry, _) => Ok((*entry, true)),
            Outcome::Existing(entry) => Ok((entry, false)),
            Outcome::Unchanged(_) => Err(Error::NotFound),
        }
    }

    /// Appends what `decide` makes of the head. The work goes on when the caller stops waiting, so that
    /// a client that hangs up leaves nothing half done.
    pub(super) async fn append(
        &self,
        place: Place,
        key: Option<ClientKey>,
        decide: Arc<Decide>,
    ) -> Result<Outcome, Error> {
        let log = self.clone();
        let work = async move { log.append_here(place, key, &*decide).await };
        let _timer = metrics::APPEND_SECONDS.start_timer();
        let task = self.0.lifecycle.spawn(work.in_current_span());
        match tokio::time::timeout(ANSWER_WITHIN, task).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => Err(Error::Broken(panic.to_string())),
            Err(_) => Err(Error::TimedOut),
        }
    }

    async fn append_here(
        &self,
        place: Place,
        key: Option<ClientKey>,
        decide: &Decide,
    ) -> Result<Outcome, Error> {
        self.0.store.prepare().await?;
        let slot = self.slot(place);
        // Who could not begin in time writes nothing: the client was told so long ago.
        let mut known = lock(&slot).await?;
        // A refusal, or that nothing is to be done, is only said of a head that was just looked at.
        let mut fresh = known.is_none();
        for attempt in 0..ATTEMPTS {
            let head = match known.take() {
                Some(head) if attempt == 0 => head,
                stale => self.refresh(place, stale).await?.ok_or(Error::NotFound)?,
            };
            let decision = decide(&head);
            if !fresh && !matches!(decision, Ok(Some(_))) {
                fresh = true;
                *known = self.refresh(place, Some(head)).await?;
                continue;
            }
            // What was said already is answered as such, even where it could not be said any more.
            let says_it = matches!(&decision, Ok(Some(draft)) if draft.key(&head) == key);
            if !says_it && let Some(entry) = self.existing(place, key.as_ref()).await? {
                *known = Some(head);
                return Ok(Outcome::Existing(entry));
            }
            let draft = match decision {
                Ok(Some(draft)) => draft,
                Ok(None) => {
                    *known = Some(head.clone());
                    return Ok(Outcome::Unchanged(head));
                }
                Err(refusal) => {
                    *known = Some(head);
                    return Err(Error::Refused(refusal));
                }
            };
            let draft_key = draft.key(&head);
            let step = model::write(place, &head, draft, self.0.clock.now());
            if let Some((entry, next)) = self.insert(place, step, draft_key.as_ref()).await? {
                *known = Some(next.clone());
                return Ok(Outcome::Appended(Box::new(entry), Box::new(next)));
            }
            metrics::APPEND_RETRIES.inc();
            if let Some(entry) = self.existing(place, draft_key.as_ref()).await? {
                *known = Some(head);
                return Ok(Outcome::Existing(entry));
            }
            fresh = true;
            *known = Some(head);
            pause(attempt).await;
        }
        Err(Error::Busy)
    }

    /// Inserts an entry and tells everybody; none when its place or its name was taken.
    async fn insert(
        &self,
        place: Place,
        step: Step,
        key: Option<&ClientKey>,
    ) -> Result<Option<(Entry, Head)>, Error> {
        let Step {
            mut entry,
            head,
            fact,
        } = step;
        let event = self.event(place, &fact);
        // The document has it sealed and nowhere else.
        let body = entry.body.take();
        let sealed = match &body {
            Some(body) => {
                let at = (entry.seq, entry.kind);
                Some(sealing::seal(&self.0.vault, place, at, body).await?)
            }
            None => None,
        };
        let insert = Insert {
            entry: &entry,
            sealed: sealed.as_ref(),
            head: &head,
            key,
            event: &event,
        };
        let insert = self.0.store.insert(place, &insert);
        match tokio::time::timeout(INSERT_WITHIN, insert).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) if store::is_duplicate(&error) => return Ok(None),
            Ok(Err(error)) => return Err(Error::Unconfirmed(error)),
            Err(_) => return Err(Error::TimedOut),
        }
        entry.body = body;
        metrics::APPENDED
            .with_label_values(&[entry.kind.as_str(), entry.sender.kind.as_str()])
            .inc();
        if matches!(entry.kind, EntryKind::Edit | EntryKind::Delete) {
            // Before anybody is told, so that whoever reads the message then finds it so.
            let apply = self.0.store.apply(place, &entry, sealed.as_ref());
            if !matches!(tokio::time::timeout(APPLY_WITHIN, apply).await, Ok(Ok(()))) {
                tracing::warn!(channel = %place.channel, seq = entry.seq, "a change of a message comes to it later");
            }
        }
        self.0.hub.publish(place, entry.clone());
        self.0.relay.offer(Pending {
            place,
            entry: entry.clone(),
            sealed,
            head: head.clone(),
            event,
        });
        Ok(Some((entry, head)))
    }

    fn event(&self, place: Place, fact: &Fact) -> Event {
        let (clock, workspace) = (&self.0.clock, place.workspace);
        match fact {
            Fact::Opened(data) => Event::new(clock, workspace, data),
            Fact::Said(data) => Event::new(clock, workspace, data),
            Fact::OwnerChanged(data) => Event::new(clock, workspace, data),
            Fact::Closed(data) => Event::new(clock, workspace, data),
            Fact::Reopened(data) => Event::new(clock, workspace, data),
            Fact::Rated(data) => Event::new(clock, workspace, data),
            Fact::Updated(data) => Event::new(clock, workspace, data),
        }
    }

    async fn existing(
        &self,
        place: Place,
        key: Option<&ClientKey>,
    ) -> Result<Option<Entry>, Error> {
        match key {
            Some(key) => self.by_client(place, key).await,
            None => Ok(None),
        }
    }
}

/// Whether it is a message or a note.
fn is_said(entry: &Entry) -> bool {
    matches!(entry.kind, EntryKind::Message | EntryKind::Note)
}

/// Lets the other instance go first, a little longer each time.
async fn pause(attempt: u32) {
    if attempt > 2 {
        let millis = u64::from(attempt.min(20));
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
}
