//! Brings the agent's own log up to date, from chat's.
//!
//! A finished turn, a change of owner and the end of a conversation raise `log_wanted_seq` in the
//! transaction that notes them. The work list is that column: whatever is down meanwhile, the log
//! catches up, and writing is idempotent by `seq`.

use std::{collections::HashMap, time::Duration};

use chat_api::{Entry, EntryKind, OwnerState, SenderKind};
use crm_api::FindByVisitor;
use ids::TurnId;
use rest::ClientError;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{
    log::{Header, Logged, Revised, Turn},
    store::{self, ToLog},
};
use crate::{app::App, turns};

/// Conversations that are brought up to date at a time.
const BATCH: i64 = 16;
/// What a crash or a lost wake-up left is found within this time.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Why a log was not brought up to date.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Chat(#[from] ClientError),
    #[error(transparent)]
    Store(#[from] sqlx::Error),
    #[error(transparent)]
    Mongo(#[from] mongodb::error::Error),
}

/// Works until `stop`, through every outage.
pub async fn run(app: App, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match batch(&app).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::debug!(%error, "no log could be claimed"),
        }
        let wake = tokio::time::timeout(SWEEP_EVERY, app.wake.log.notified());
        stop.run_until_cancelled(wake).await;
    }
}

/// Brings some logs up to date; answers whether there may be more.
async fn batch(app: &App) -> sqlx::Result<bool> {
    let taken = store::take_to_log(&mut *app.pool.acquire().await?, BATCH).await?;
    let full = i64::try_from(taken.len()).is_ok_and(|count| count == BATCH);
    let work = taken.iter().map(|row| {
        let span = tracing::info_span!("agent.conversations.log", conversation = %row.channel);
        settle(app, row).instrument(span)
    });
    futures::future::join_all(work).await;
    Ok(full)
}

async fn settle(app: &App, row: &ToLog) {
    let result = bring_up_to_date(app, row).await;
    if let Err(error) = &result {
        tracing::warn!(
            error = error as &dyn std::error::Error,
            "the log of a conversation waits"
        );
    }
    let noted = async {
        let mut connection = app.pool.acquire().await?;
        match result {
            Ok(seq) => store::logged(&mut connection, row.workspace, (row.channel, seq)).await,
            Err(_) => store::postpone_log(&mut connection, row.workspace, row.channel).await,
        }
    };
    if let Err(error) = noted.await {
        tracing::debug!(%error, "the state of a log could not be noted; it is looked at again");
    }
}

/// Writes everything behind `logged_seq`; answers how far the log is now.
async fn bring_up_to_date(app: &App, row: &ToLog) -> Result<i64, Trouble> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut after = row.logged_seq;
    loop {
        let page = match app.chat.log(row.workspace, row.channel, after).await {
            Ok(page) => page,
            // A channel that chat does not have will never have a log.
            Err(error) if error.status() == Some(http::StatusCode::NOT_FOUND) => {
                tracing::warn!("chat does not know the conversation");
                return Ok(row.log_wanted_seq);
            }
            Err(error) => return Err(error.into()),
        };
        let more = page.next_cursor.is_some();
        entries.extend(page.items);
        after = entries.last().map_or(after, |entry| entry.seq);
        if !more {
            break;
        }
    }
    let turn_ids: Vec<TurnId> = entries.iter().filter_map(|entry| entry.turn_id).collect();
    let turns = turns::records(&mut *app.pool.acquire().await?, row.workspace, &turn_ids).await?;
    let revised: Vec<Revised> = entries.iter().filter_map(revised).collect();
    let ended = entries.iter().rev().find_map(|entry| entry.owner);
    let messages: Vec<Logged> = entries
        .into_iter()
        .filter_map(|entry| logged(entry, &turns))
        .collect();
    let spoke = row.wanted_seq > 0 || messages.iter().any(|message| message.role == "user");
    let mut header = header(app, row, spoke).await;
    // Only the log itself knows: a row that is not closed may not know of the end yet.
    header.reopened = ended.is_some_and(|owner| owner != OwnerState::Closed);
    app.log.write(&header, &messages).await?;
    app.log.revise(&header, &revised).await?;
    // Not as far as was read: whatever became known of the conversation since the row was taken (its end,
    // its contact) raised what is wanted again, and must be written too.
    Ok(row.log_wanted_seq)
}

async fn header(app: &App, row: &ToLog, customer_spoke: bool) -> Header {
    let mut contact = row.contact;
    if contact.is_none() && customer_spoke {
        // The turn found none: the CRM was down, or a person answered. Without one the log is complete
        // but for this field.
        let find = FindByVisitor {
            workspace_id: row.workspace,
            visitor_id: row.visitor,
        };
        match app.crm.contact_of_visitor(&find).await {
            Ok(found) => contact = Some(found.id),
            Err(error) => tracing::debug!(%error, "the contact is not known yet"),
        }
    }
    if let Some(contact) = contact.filter(|_| row.contact.is_none()) {
        let noted = async {
            let mut connection = app.pool.acquire().await?;
            store::set_contact(&mut connection, row.workspace, (row.channel, contact)).await
        };
        if let Err(error) = noted.await {
            tracing::debug!(%error, "the contact could not be noted");
        }
    }
    Header {
        channel: row.channel,
        workspace: row.workspace,
        agent: row.agent,
        visitor: row.visitor,
        contact,
        opened_at: row.opened_at,
        closed_at: row.closed_at,
        reopened: false,
        escalated: row.escalated,
    }
}

/// What an entry makes of an earlier message. Notes are not in this log, so that for them nothing is
/// found.
fn revised(entry: &Entry) -> Option<Revised> {
    let seq = entry.of_seq?;
    match entry.kind {
        EntryKind::Edit => {
            let content = entry.body.as_ref()?.text.expose().clone();
            Some(Revised::Edited { seq, content })
        }
        EntryKind::Delete => Some(Revised::Deleted { seq }),
        _ => None,
    }
}

/// A message as the log has it; none for entries that say nothing.
fn logged(entry: Entry, turns: &HashMap<TurnId, Turn>) -> Option<Logged> {
    let body = entry.body.filter(|_| entry.kind == EntryKind::Message)?;
    let role = match entry.sender.kind {
        SenderKind::Visitor => "user",
        SenderKind::Agent | SenderKind::User | SenderKind::System => "agent",
    };
    Some(Logged {
        seq: entry.seq,
        role,
        sender: entry.sender.kind.as_str(),
        content: body.text.into_inner(),
        timestamp: entry.created_at,
        sources: body.sources,
        turn: entry.turn_id.and_then(|turn| turns.get(&turn).cloned()),
    })
}
