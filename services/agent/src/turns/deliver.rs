//! Telling chat: the answer as it is written, and its commit.
//!
//! However often the connection breaks, the same turn is told again from its beginning, until chat has
//! it in the log or refuses it. Chat takes a turn once.

use std::time::Duration;

use chat_api::{Entry, Reply, ReplyCommit, ReplyError, ReplyHeader};
use clock::Clock;
use common::ErrorCode;
use ids::ChannelId;
use rest::ClientError;
use tracing::Instrument;

use super::draft::{Paper, Told};
use crate::app::App;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How telling chat ended.
#[derive(Debug)]
pub(super) enum Delivered {
    /// The answer is in the log.
    Committed(Box<Entry>),
    /// Somebody else answers in the channel now.
    TakenOver,
    /// The channel is closed, or not there any more.
    Closed,
    /// Another turn answered the same message, or a later one.
    AnsweredAlready,
    /// The log has an answer or a message that the turn does not know of.
    Behind,
    /// A later attempt than ours has begun.
    Superseded,
    /// Chat does not take the answer as it is: a fault of ours.
    Rejected(String),
}

/// When the first word left, by the clock.
pub(super) type FirstWord = std::sync::OnceLock<chrono::DateTime<chrono::Utc>>;

/// Tells chat the draft until it ends; runs for as long as chat is away.
pub(super) async fn deliver(
    app: &App,
    (channel, header): (ChannelId, &ReplyHeader),
    mut paper: Paper,
    first_word: &FirstWord,
) -> Delivered {
    let mut pause = FIRST_PAUSE;
    // The writing end lives as long as this call, so it cannot be gone.
    let _ = paper
        .wait_for(|draft| !draft.text.is_empty() || draft.finished.is_some())
        .await;
    loop {
        let span = tracing::info_span!(
            "chat.reply",
            otel.kind = "client",
            epoch = header.epoch,
            seq = tracing::field::Empty
        );
        let error = match tell(app, (channel, header), &mut paper, first_word)
            .instrument(span.clone())
            .await
        {
            Ok(entry) => {
                span.record("seq", entry.seq);
                return Delivered::Committed(Box::new(entry));
            }
            Err(error) => error,
        };
        if let Some(end) = refusal(&error) {
            return end;
        }
        // Nobody knows whether chat has it. The log does.
        match find(app, channel, header).await {
            Ok(Some(entry)) => return Delivered::Committed(Box::new(entry)),
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "the log cannot be read"),
        }
        tracing::warn!(error = %error, "chat did not take the answer; telling it again");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// One request.
async fn tell(
    app: &App,
    (channel, header): (ChannelId, &ReplyHeader),
    paper: &mut Paper,
    first_word: &FirstWord,
) -> Result<Entry, ReplyError> {
    let mut reply: Reply = app.chat.reply(channel, header)?;
    let mut told = Told::default();
    loop {
        let (piece, finished) = {
            let draft = paper.borrow_and_update();
            (told.next(&draft), draft.finished.clone())
        };
        if let Some((offset, piece)) = piece {
            reply.delta(offset, piece).await?;
            note(first_word, &app.clock);
        }
        if let Some(body) = finished {
            return reply.commit(ReplyCommit { body }).await;
        }
        if paper.changed().await.is_err() {
            // The writer was dropped, and so will this be.
            std::future::pending::<()>().await;
        }
    }
}

fn note(first_word: &FirstWord, clock: &Clock) {
    first_word.get_or_init(|| clock.now());
}

/// What a refusal means; none when telling again may help.
fn refusal(error: &ReplyError) -> Option<Delivered> {
    let ReplyError::Client(error) = error else {
        return None;
    };
    match (error.code(), error.status()) {
        (Some(ErrorCode::OwnerChanged), _) => Some(Delivered::TakenOver),
        (Some(ErrorCode::ChannelClosed | ErrorCode::NotFound), _) => Some(Delivered::Closed),
        (Some(ErrorCode::AlreadyAnswered), _) => Some(Delivered::AnsweredAlready),
        (Some(ErrorCode::PreconditionFailed), _) => Some(Delivered::Behind),
        (Some(ErrorCode::Conflict), _) => Some(Delivered::Superseded),
        // Broken off on the way, which looks like a body that is no JSON.
        (Some(ErrorCode::InvalidJson | ErrorCode::RateLimited), _) => None,
        (_, Some(status)) if status.is_client_error() => {
            Some(Delivered::Rejected(error.to_string()))
        }
        _ => None,
    }
}

/// The answer's entry, if it is in the log.
async fn find(
    app: &App,
    channel: ChannelId,
    header: &ReplyHeader,
) -> Result<Option<Entry>, ClientError> {
    let mut after = header.answers_to_seq;
    loop {
        let page = app.chat.log(header.workspace_id, channel, after).await?;
        let more = page.next_cursor.is_some();
        let last = page.items.last().map(|entry| entry.seq);
        if let Some(entry) = page
            .items
            .into_iter()
            .find(|entry| entry.turn_id == Some(header.turn_id))
        {
            return Ok(Some(entry));
        }
        match last {
            Some(last) if more => after = last,
            _ => return Ok(None),
        }
    }
}
