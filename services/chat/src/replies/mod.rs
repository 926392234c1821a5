//! The AI's answers: one streaming request each, from the agent service.
//!
//! The header says under which change of owner the turn was started and what it answers. Pieces go to
//! the sockets at once. The message gets its place in the log only while nobody took over, which the
//! append itself proves. A reply that ends without a commit, for whatever reason, is taken back.

mod lines;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing,
};
use chat_api::{Body as MessageBody, Entry, MAX_TEXT, ReplyCommit, ReplyHeader, ReplyLine};
use common::{ErrorCode, Problem, problem::FieldError, tokens::ServiceCaller};
use ids::ChannelId;
use rest::{Check, Json, Path, Validate};
use tokio::sync::oneshot;

use self::lines::Lines;
use crate::{
    app::App,
    hub::{Delta, Hub, Member, Stop, utf16},
    internal,
    log::{ClientKey, Place, Refusal, may_begin},
    markdown, metrics,
};

const NDJSON: &str = "application/x-ndjson";
/// Sources that one answer may name, and the length of what it quotes of each.
const MAX_SOURCES: usize = 20;
const MAX_QUOTE: usize = 4_000;
/// Answers that one answer may offer, and the characters of each.
const MAX_QUICK_REPLIES: usize = 6;
const MAX_QUICK_REPLY: usize = 80;
/// Things that one answer may show.
const MAX_CARDS: usize = 6;

/// The route. It has no deadline of its own: each line has one.
pub fn routes() -> Router<App> {
    Router::new().route("/internal/channels/{id}/replies", routing::post(reply))
}

async fn reply(
    State(app): State<App>,
    caller: ServiceCaller,
    Path(channel): Path<ChannelId>,
    request: Request,
) -> Result<Response, Problem> {
    internal::only_agent(&caller)?;
    let media_type = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    if media_type != Some(NDJSON) {
        return Err(Problem::new(ErrorCode::UnsupportedMediaType).detail(format!("send {NDJSON}")));
    }
    let result = take(&app, channel, request.into_body()).await;
    let outcome = match &result {
        Ok((_, true)) => "committed",
        Ok((_, false)) => "repeated",
        Err(problem) => problem.code().as_str(),
    };
    metrics::REPLIES.with_label_values(&[outcome]).inc();
    let (entry, created) = result?;
    let status = if created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(entry)).into_response())
}

/// Takes a reply from its header to its commit; answers the entry and whether it is new.
async fn take(app: &App, channel: ChannelId, body: Body) -> Result<(Entry, bool), Problem> {
    let mut lines = Lines::new(body);
    let header: ReplyHeader = lines.next().await?.ok_or_else(unfinished)?;
    let place = Place {
        workspace: header.workspace_id,
        channel,
    };
    // Before anything else: an answer that is in the log stays the answer, whoever answers now.
    let key = ClientKey::answer(header.agent_id, header.turn_id);
    if let Some(entry) = app.log.by_client(place, &key).await? {
        return Ok((entry, false));
    }
    let member = app.hub.join(place).await;
    let head = app.log.head(place).await?;
    if member.room.observe(&head) {
        app.hub.read_on(&member.room);
    }
    may_begin(&head, &header)?;
    if !app.log.claim_epoch(place, &head, header.epoch).await? {
        return Err(superseded());
    }
    let mut reply = Reply::begin(app.hub.clone(), member, &header)?;
    loop {
        let line = tokio::select! {
            line = lines.next() => line?,
            why = reply.stopped() => return Err(stopped(why)),
        };
        match line {
            Some(ReplyLine::Delta { offset, delta }) => reply.delta(offset, delta)?,
            Some(ReplyLine::Commit { commit }) => {
                Check::run(&Answer(&commit.body))?;
                return reply.commit(app, complete(commit)).await;
            }
            None => return Err(unfinished()),
        }
    }
}

/// A reply under way. What it streamed is taken back when it is dropped before its message is in the
/// log.
struct Reply {
    hub: Hub,
    member: Member,
    number: u64,
    stopped: oneshot::Receiver<Stop>,
    header: ReplyHeader,
    length: u64,
}

impl Reply {
    fn begin(hub: Hub, member: Member, header: &ReplyHeader) -> Result<Self, Problem> {
        let begun = hub
            .begin_reply(
                &member.room,
                header.turn_id,
                header.epoch,
                header.owner_version,
            )
            .ok_or_else(superseded)?;
        let header = header.clone();
        Ok(Self {
            hub,
            member,
            number: begun.number,
            stopped: begun.stopped,
            header,
            length: 0,
        })
    }

    /// Waits until it must stop.
    async fn stopped(&mut self) -> Stop {
        // The room keeps the other half until it says why.
        (&mut self.stopped).await.unwrap_or(Stop::Superseded)
    }

    fn delta(&mut self, offset: u64, text: String) -> Result<(), Problem> {
        let length = offset + utf16(&text);
        if offset != 0 && offset != self.length {
            let detail = format!(
                "{offset} does not follow: the text has {} UTF-16 code units",
                self.length
            );
            return Err(
                Problem::new(ErrorCode::ValidationFailed).field(FieldError::at("/offset", detail))
            );
        }
        // A character has one or two code units.
        if length > 2 * MAX_TEXT as u64 {
            let detail = format!("the text is longer than {MAX_TEXT} characters");
            return Err(
                Problem::new(ErrorCode::ValidationFailed).field(FieldError::at("/delta", detail))
            );
        }
        self.length = length;
        let delta = Delta {
            turn: self.header.turn_id,
            epoch: self.header.epoch,
            owner_version: self.header.owner_version,
            offset,
            text,
            origin: self.hub.origin(),
        };
        self.hub.delta(&self.member.room, &delta);
        Ok(())
    }

    async fn commit(self, app: &App, commit: ReplyCommit) -> Result<(Entry, bool), Problem> {
        let place = self.member.room.place;
        if !app.log.is_epoch(place, self.header.epoch).await? {
            return Err(superseded());
        }
        let answered = app.log.answer(place, self.header.clone(), commit).await?;
        // The message ends the text; there is nothing to take back.
        self.member.room.end_reply(self.number);
        Ok(answered)
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if self.member.room.end_reply(self.number) {
            self.hub
                .abort(&self.member.room, self.header.turn_id, self.header.epoch);
        }
    }
}

/// The answer with the tree of its text, which is this service's to make.
fn complete(commit: ReplyCommit) -> ReplyCommit {
    let body = MessageBody {
        blocks: markdown::parse(commit.body.text.expose()),
        ..commit.body
    };
    ReplyCommit { body }
}

/// The rules of an answer's body: those of every message, what the agent offers in a bearable size, and
/// nothing that only people send.
struct Answer<'a>(&'a MessageBody);

impl Validate for Answer<'_> {
    fn validate(&self, check: &mut Check) {
        let MessageBody {
            text,
            blocks: _,
            attachments,
            quick_replies,
            cards,
            mentions,
            sources,
            offers_person: _,
        } = self.0;
        check.text("/commit/body/text", text.expose(), 1..=MAX_TEXT);
        if !attachments.is_empty() {
            check.fault("/commit/body/attachments", "an answer has none");
        }
        if !mentions.is_empty() {
            check.fault("/commit/body/mentions", "an answer has none");
        }
        if quick_replies.len() > MAX_QUICK_REPLIES {
            let detail = format!("{MAX_QUICK_REPLIES} at most");
            check.fault("/commit/body/quick_replies", detail);
        }
        for (index, reply) in quick_replies.iter().enumerate() {
            let at = format!("/commit/body/quick_replies/{index}/text");
            check.line(&at, &reply.text, 1..=MAX_QUICK_REPLY);
        }
        if cards.len() > MAX_CARDS {
            check.fault("/commit/body/cards", format!("{MAX_CARDS} at most"));
        }
        for (index, card) in cards.iter().enumerate() {
            let at = format!("/commit/body/cards/{index}");
            check.line(&format!("{at}/title"), &card.title, 1..=200);
            if let Some(text) = &card.text {
                check.text(&format!("{at}/text"), text, 1..=500);
            }
            if let Some(url) = &card.url {
                check.link(&format!("{at}/url"), url);
            }
        }
        if sources.len() > MAX_SOURCES {
            check.fault("/commit/body/sources", format!("{MAX_SOURCES} at most"));
        }
        for (index, source) in sources.iter().enumerate() {
            let at = format!("/commit/body/sources/{index}");
            check.line(&format!("{at}/title"), &source.title, 1..=500);
            check.text(&format!("{at}/quote"), &source.quote, 0..=MAX_QUOTE);
            if let Some(url) = &source.url {
                check.link(&format!("{at}/url"), url);
            }
        }
    }
}

fn stopped(why: Stop) -> Problem {
    match why {
        Stop::OwnerChanged => Refusal::OwnerChanged.into(),
        Stop::Superseded => superseded(),
    }
}

fn superseded() -> Problem {
    Problem::new(ErrorCode::Conflict).detail("a later attempt answers this conversation")
}

fn unfinished() -> Problem {
    Problem::new(ErrorCode::InvalidJson)
        .detail("the reply ended without a commit; nothing was kept")
}
