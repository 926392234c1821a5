//! What a turn knows before it answers: the channel, what was said, the agent, the customer.

use std::time::Duration;

use chat_api::{Channel, Entry, EntryKind, OwnerState, SenderKind};
use chrono::{DateTime, Utc};
use crm_api::FindByVisitor;
use ids::{ContactId, TurnId};
use rest::ClientError;

use super::{prompt::Said, store::Lease};
use crate::{
    agents::{self, Versioned},
    app::App,
    conversations,
};

/// Entries before the wanted one that a turn looks at, besides those that are not answered.
const LOOK_BACK: i64 = 60;
/// The CRM makes an answer better, not possible: nobody waits long for it.
const CONTACT_WITHIN: Duration = Duration::from_millis(500);

/// Why a turn cannot know what it must.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Chat(#[from] ClientError),
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// The customer, as the CRM knows them.
#[derive(Debug)]
pub(super) struct Customer {
    id: ContactId,
    pub(super) name: Option<String>,
}

/// What a turn knows.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) channel: Channel,
    pub(super) agent: Versioned,
    pub(super) customer: Option<Customer>,
    /// The log, from some entries before the wanted one.
    entries: Vec<Entry>,
    answered_seq: i64,
}

/// What the log asks of a turn.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Task {
    /// The last message that the answer answers.
    pub(super) seq: i64,
    /// When it was written.
    pub(super) asked_at: DateTime<Utc>,
    /// The messages, oldest first.
    pub(super) questions: Vec<String>,
    /// What was said before, oldest first.
    pub(super) history: Vec<Said>,
}

/// Gathers it; none when the channel or the agent is not there any more.
#[tracing::instrument(name = "agent.turn.context", skip_all, fields(entries, contact))]
pub(super) async fn gather(app: &App, lease: &Lease) -> Result<Option<Context>, Trouble> {
    let (channel, entries, agent, customer) = tokio::join!(
        app.chat.channel(lease.workspace, lease.channel),
        log(app, lease),
        agent(app, lease),
        customer(app, lease),
    );
    let (Some(channel), Some(agent)) = (channel?, agent?) else {
        return Ok(None);
    };
    let entries = entries?;
    let span = tracing::Span::current();
    span.record("entries", entries.len())
        .record("contact", customer.is_some());
    if let Some(customer) = &customer
        && lease.contact != Some(customer.id)
    {
        let mut connection = app.pool.acquire().await?;
        let whose = (lease.channel, customer.id);
        conversations::store::set_contact(&mut connection, lease.workspace, whose).await?;
    }
    Ok(Some(Context {
        channel,
        agent,
        customer,
        entries,
        answered_seq: lease.answered_seq,
    }))
}

async fn log(app: &App, lease: &Lease) -> Result<Vec<Entry>, ClientError> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut after = (lease.wanted_seq - LOOK_BACK)
        .min(lease.answered_seq)
        .max(0);
    loop {
        let page = app.chat.log(lease.workspace, lease.channel, after).await?;
        let more = page.next_cursor.is_some();
        entries.extend(page.items);
        after = entries.last().map_or(after, |entry| entry.seq);
        if !more {
            return Ok(entries);
        }
    }
}

async fn agent(app: &App, lease: &Lease) -> sqlx::Result<Option<Versioned>> {
    let mut connection = app.pool.acquire().await?;
    agents::find(&mut connection, lease.workspace, lease.agent).await
}

async fn customer(app: &App, lease: &Lease) -> Option<Customer> {
    let find = FindByVisitor {
        workspace_id: lease.workspace,
        visitor_id: lease.visitor,
    };
    let asked = tokio::time::timeout(CONTACT_WITHIN, app.crm.contact_of_visitor(&find));
    match asked.await {
        Ok(Ok(contact)) => Some(Customer {
            id: contact.id,
            name: contact.name.map(|name| name.into_inner()),
        }),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the turn goes on without the contact");
            None
        }
        Err(_) => {
            tracing::warn!("the turn goes on without the contact: the crm is slow");
            None
        }
    }
}

impl Context {
    /// Whether the AI may answer now.
    pub(super) fn is_mine(&self) -> bool {
        self.channel.owner == OwnerState::Ai
    }

    /// The entry of an answer that is in the log already.
    pub(super) fn entry_of(&self, turn: TurnId) -> Option<&Entry> {
        self.entries
            .iter()
            .find(|entry| entry.turn_id == Some(turn))
    }

    /// When a message was written.
    pub(super) fn asked_at(&self, seq: i64) -> Option<DateTime<Utc>> {
        let asked = self.entries.iter().find(|entry| entry.seq == seq)?;
        Some(asked.created_at)
    }

    /// What is to be answered; none when nothing is.
    pub(super) fn task(&self) -> Option<Task> {
        let answered = self.answered_seq.max(self.channel.answered_seq);
        task(&self.entries, answered.max(self.channel.owner_version))
    }
}

/// The customer's messages after `answered`, and what was said besides.
fn task(entries: &[Entry], answered: i64) -> Option<Task> {
    let mut task = Task {
        seq: 0,
        asked_at: DateTime::UNIX_EPOCH,
        questions: Vec::new(),
        history: Vec::new(),
    };
    for entry in entries
        .iter()
        .filter(|entry| entry.kind == EntryKind::Message)
    {
        let Some(body) = &entry.body else { continue };
        let text = body.text.expose().clone();
        let by_customer = entry.sender.kind == SenderKind::Visitor;
        if by_customer && entry.seq > answered {
            task.seq = entry.seq;
            task.asked_at = entry.created_at;
            task.questions.push(text);
        } else {
            task.history.push(Said { by_customer, text });
        }
    }
    (!task.questions.is_empty()).then_some(task)
}

#[cfg(test)]
mod tests {
    use chat_api::{Body, Sender};
    use ids::ChannelId;

    use super::*;

    fn entry(seq: i64, kind: SenderKind, text: Option<&str>) -> Entry {
        Entry {
            channel_id: ChannelId::new(),
            seq,
            kind: if text.is_some() {
                EntryKind::Message
            } else {
                EntryKind::State
            },
            sender: Sender {
                kind,
                id: None,
                name: None,
            },
            client_id: None,
            body: text.map(Body::text),
            owner: None,
            reason: None,
            owner_version: 1,
            turn_id: None,
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_turn_answers_all_messages_since_the_last_answered_one() {
        use SenderKind::{Agent, System, User, Visitor};
        let entries = [
            entry(1, System, None),
            entry(2, Visitor, Some("one")),
            // Came while the answer to 2 was streamed, so it stands before it.
            entry(3, Visitor, Some("two")),
            entry(4, Agent, Some("answer to one")),
            entry(5, User, Some("a person")),
            entry(6, Visitor, Some("three")),
        ];
        let task = task(&entries, 2).unwrap();
        assert_eq!(
            (task.seq, task.questions),
            (6, vec!["two".to_owned(), "three".to_owned()])
        );
        let said: Vec<_> = task
            .history
            .iter()
            .map(|said| (said.by_customer, said.text.as_str()))
            .collect();
        assert_eq!(
            said,
            [(true, "one"), (false, "answer to one"), (false, "a person")]
        );
        assert_eq!(super::task(&entries, 6), None);
    }
}
