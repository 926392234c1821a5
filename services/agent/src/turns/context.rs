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
        let entries = since_the_last_end(&self.entries);
        task(entries, answered.max(self.channel.owner_version))
    }
}

/// The entries of the conversation as it was opened last: what was said before its last end is over.
fn since_the_last_end(entries: &[Entry]) -> &[Entry] {
    let end = entries
        .iter()
        .rposition(|entry| entry.owner == Some(OwnerState::Closed));
    &entries[end.map_or(0, |end| end + 1)..]
}

/// What a message says, with the names of its files; none when it was taken back.
fn said(entry: &Entry) -> Option<String> {
    let body = entry.body.as_ref()?;
    let mut text = body.text.expose().clone();
    for attachment in &body.attachments {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&format!("[file: {}]", attachment.name.expose()));
    }
    Some(text)
}

/// The customer's messages after `answered`, and what was said besides.
fn task(entries: &[Entry], answered: i64) -> Option<Task> {
    let mut task = Task {
        seq: 0,
        asked_at: DateTime::UNIX_EPOCH,
        questions: Vec::new(),
        history: Vec::new(),
    };
    // Notes are between colleagues; edits and deletions show in the messages themselves.
    for entry in entries
        .iter()
        .filter(|entry| entry.kind == EntryKind::Message && !entry.private)
    {
        let Some(text) = said(entry) else { continue };
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
    use chat_api::{Attachment, Body, Sender};
    use ids::{AttachmentId, ChannelId};

    use super::*;

    fn entry(seq: i64, kind: SenderKind, text: Option<&str>) -> Entry {
        let entry_kind = if text.is_some() {
            EntryKind::Message
        } else {
            EntryKind::State
        };
        let sender = Sender {
            kind,
            id: None,
            name: None,
        };
        let place = (ChannelId::new(), seq);
        Entry {
            body: text.map(Body::text),
            ..Entry::new(place, entry_kind, sender, 1, DateTime::UNIX_EPOCH)
        }
    }

    fn state(seq: i64, owner: OwnerState) -> Entry {
        Entry {
            owner: Some(owner),
            ..entry(seq, SenderKind::System, None)
        }
    }

    fn texts(task: &Task) -> (Vec<&str>, Vec<&str>) {
        let history = task.history.iter().map(|said| said.text.as_str());
        let questions = task.questions.iter().map(String::as_str);
        (history.collect(), questions.collect())
    }

    #[test]
    fn notes_and_what_was_taken_back_are_left_out_and_files_are_named() {
        use SenderKind::{User, Visitor};
        let note = Entry {
            kind: EntryKind::Note,
            private: true,
            ..entry(2, User, Some("a note"))
        };
        let taken_back = Entry {
            body: None,
            deleted_at: Some(DateTime::UNIX_EPOCH),
            ..entry(3, Visitor, Some("never mind"))
        };
        let file = Attachment {
            id: AttachmentId::new(),
            name: "bill.pdf".to_owned().into(),
            media_type: "application/pdf".to_owned(),
            size: 1,
            width: None,
            height: None,
            thumbnail: false,
        };
        let with_file = Entry {
            body: Some(Body {
                attachments: vec![file],
                ..Body::text("")
            }),
            ..entry(4, Visitor, Some(""))
        };
        let entries = [entry(1, Visitor, Some("one")), note, taken_back, with_file];
        let task = task(&entries, 1).unwrap();
        assert_eq!(texts(&task), (vec!["one"], vec!["[file: bill.pdf]"]));
    }

    #[test]
    fn a_reopened_conversation_begins_anew() {
        use OwnerState::{Ai, Closed};
        use SenderKind::{Agent, Visitor};
        let entries = [
            state(1, Ai),
            entry(2, Visitor, Some("old")),
            entry(3, Agent, Some("answered")),
            state(4, Closed),
            state(5, Ai),
            entry(6, Visitor, Some("new")),
        ];
        let task = task(since_the_last_end(&entries), 5).unwrap();
        assert_eq!(texts(&task), (vec![], vec!["new"]));
        assert_eq!(since_the_last_end(&entries[..3]).len(), 3);
        assert!(since_the_last_end(&entries[..4]).is_empty());
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
