//! The strict chat's side of a streamed reply.

use std::collections::HashSet;

use axum::{
    body::Body as HttpBody,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use bytes::{Bytes, BytesMut};
use chat_api::{Body, Entry, EntryKind, OwnerState, ReplyHeader, ReplyLine, Sender, SenderKind};
use common::{ErrorCode, Problem, problem::Result, tokens::ServiceCaller};
use futures::StreamExt;
use http::{StatusCode, header};
use ids::ChannelId;
use rest::{Json, Path};

use super::{
    channels::only_agent,
    chat::{App, Frame, Room, tell},
};

pub(super) async fn reply(
    State(app): State<App>,
    caller: ServiceCaller,
    Path(id): Path<ChannelId>,
    request: Request,
) -> Result<Response> {
    only_agent(&caller)?;
    let kind = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    if kind != Some("application/x-ndjson") {
        violate(&app, format!("content type {kind:?}"));
        return Err(Problem::new(ErrorCode::UnsupportedMediaType));
    }
    let mut lines = Lines {
        body: request.into_body().into_data_stream(),
        read: BytesMut::new(),
    };
    let header: ReplyHeader = parse(&app, &lines.next().await?.ok_or_else(unfinished)?)?;
    let (mut moved, known) = begin(&app, id, &header)?;
    if let Some(entry) = known {
        return Ok((StatusCode::OK, Json(entry)).into_response());
    }
    // From here on, ending without a commit takes back what was streamed.
    let mut reply = Aborts {
        app: &app,
        id,
        header: &header,
        text: String::new(),
        committed: false,
    };
    let mine = *moved.borrow_and_update();
    loop {
        let line = tokio::select! {
            biased;
            _ = moved.changed() => {
                let now = *moved.borrow();
                let code = if now.0 == mine.0 { ErrorCode::Conflict } else { ErrorCode::OwnerChanged };
                return Err(Problem::new(code));
            }
            line = lines.next() => line?.ok_or_else(unfinished)?,
        };
        match parse::<ReplyLine>(&app, &line)? {
            ReplyLine::Delta { offset, delta } => reply.delta(offset, delta)?,
            ReplyLine::Commit { commit } => return reply.commit(commit.body).await,
        }
    }
}

type Moved = tokio::sync::watch::Receiver<(i64, i64)>;

/// The rules before the first line.
fn begin(app: &App, id: ChannelId, header: &ReplyHeader) -> Result<(Moved, Option<Entry>)> {
    let mut state = app.state.lock().unwrap();
    state.replies += 1;
    let room = state
        .rooms
        .get_mut(&id)
        .filter(|room| room.open.workspace_id == header.workspace_id);
    let room = room.ok_or_else(Problem::not_found)?;
    if let Some(entry) = room
        .entries
        .iter()
        .find(|entry| entry.turn_id == Some(header.turn_id))
    {
        return Ok((room.moved.subscribe(), Some(entry.clone())));
    }
    if room.channel.owner == OwnerState::Closed {
        return Err(Problem::new(ErrorCode::ChannelClosed));
    }
    if room.channel.owner_version != header.owner_version || room.channel.owner == OwnerState::Human
    {
        return Err(Problem::new(ErrorCode::OwnerChanged));
    }
    if room.channel.answered_seq >= header.answers_to_seq {
        return Err(Problem::new(ErrorCode::AlreadyAnswered));
    }
    let asked = room.entries.iter().rfind(|entry| {
        entry.kind == EntryKind::Message && entry.sender.kind == SenderKind::Visitor
    });
    let knows_all = header.answered_seq == Some(room.channel.answered_seq)
        && asked.is_none_or(|last| last.seq <= header.answers_to_seq);
    if !knows_all {
        return Err(Problem::new(ErrorCode::PreconditionFailed));
    }
    if header.epoch < room.epoch {
        return Err(Problem::new(ErrorCode::Conflict));
    }
    let is_visitors = |entry: &Entry| {
        entry.seq == header.answers_to_seq && entry.sender.kind == SenderKind::Visitor
    };
    let answers_a_message = room.entries.iter().any(is_visitors);
    let wrong = header.agent_id != room.channel.agent_id || header.agent_name.is_empty();
    room.epoch = header.epoch;
    room.moved.send_modify(|moved| moved.1 += 1);
    let moved = room.moved.subscribe();
    if wrong || !answers_a_message {
        state
            .violations
            .push(format!("a header that cannot be: {header:?}"));
        return Err(Problem::new(ErrorCode::ValidationFailed));
    }
    Ok((moved, None))
}

struct Aborts<'a> {
    app: &'a App,
    id: ChannelId,
    header: &'a ReplyHeader,
    text: String,
    committed: bool,
}

impl Aborts<'_> {
    fn delta(&mut self, offset: u64, delta: String) -> Result<()> {
        if offset == 0 {
            self.text.clear();
        }
        if offset != self.text.encode_utf16().count() as u64 || delta.is_empty() {
            violate(self.app, format!("offset {offset} after {:?}", self.text));
            return Err(Problem::new(ErrorCode::ValidationFailed));
        }
        self.text.push_str(&delta);
        let (turn, epoch) = (self.header.turn_id, self.header.epoch);
        self.with_room(|room| {
            room.frames.push(Frame::Delta {
                turn,
                epoch,
                offset,
                text: delta,
            })
        });
        Ok(())
    }

    async fn commit(mut self, body: Body) -> Result<Response> {
        self.check(&body);
        let header = self.header;
        let (entry, event, lost) = {
            let mut state = self.app.state.lock().unwrap();
            let lost = state.lose_answers > 0;
            state.lose_answers -= usize::from(lost);
            let room = state.rooms.get_mut(&self.id).unwrap();
            if room.channel.owner_version != header.owner_version {
                return Err(Problem::new(ErrorCode::OwnerChanged));
            }
            if header.answered_seq != Some(room.channel.answered_seq) {
                return Err(Problem::new(ErrorCode::PreconditionFailed));
            }
            let sender = Sender {
                kind: SenderKind::Agent,
                id: Some(header.agent_id.to_string()),
                name: Some(header.agent_name.clone().into()),
            };
            let entry = room.append(
                &self.app.clock,
                (sender, Some(body), None, Some(header.turn_id)),
            );
            room.channel.answered_seq = header.answers_to_seq;
            (entry.clone(), room.said(&self.app.clock, &entry), lost)
        };
        self.committed = true;
        tell(self.app, event).await;
        if lost {
            let broken = futures::stream::once(async {
                Err::<Bytes, _>(std::io::Error::other("lost by the test"))
            });
            return Ok((StatusCode::CREATED, HttpBody::from_stream(broken)).into_response());
        }
        Ok((StatusCode::CREATED, Json(entry)).into_response())
    }

    /// What every answer must be.
    fn check(&self, body: &Body) {
        let text = body.text.expose();
        let mut faults = Vec::new();
        if text.trim().is_empty() || text.chars().count() > chat_api::MAX_TEXT {
            faults.push(format!("a text of {} characters", text.chars().count()));
        }
        if self.text != *text {
            faults.push(format!("{:?} was streamed, {text:?} is kept", self.text));
        }
        let numbers: Vec<u32> = body.sources.iter().map(|source| source.n).collect();
        if numbers != (1..).take(numbers.len()).collect::<Vec<u32>>() {
            faults.push(format!("sources are numbered {numbers:?}"));
        }
        let cited: HashSet<&str> = text
            .split('[')
            .skip(1)
            .filter_map(|rest| rest.split(']').next())
            .collect();
        if body
            .sources
            .iter()
            .any(|source| !cited.contains(source.n.to_string().as_str()))
        {
            faults.push("a source that the text does not cite".to_owned());
        }
        if cited
            .iter()
            .filter_map(|id| id.parse::<u32>().ok())
            .any(|id| !numbers.contains(&id))
        {
            faults.push(format!("a citation without its source: {text:?}"));
        }
        if body
            .sources
            .iter()
            .any(|source| source.quote.trim().is_empty() || source.quote.chars().count() > 4_000)
        {
            faults.push("a quote that says nothing, or too much".to_owned());
        }
        for fault in faults {
            violate(self.app, fault);
        }
    }

    fn with_room(&self, change: impl FnOnce(&mut Room)) {
        let mut state = self.app.state.lock().unwrap();
        change(state.rooms.get_mut(&self.id).unwrap());
    }
}

impl Drop for Aborts<'_> {
    fn drop(&mut self) {
        if !self.committed && !self.text.is_empty() {
            let turn = self.header.turn_id;
            self.with_room(|room| room.frames.push(Frame::Aborted { turn }));
        }
    }
}

fn violate(app: &App, what: String) {
    app.state.lock().unwrap().violations.push(what);
}

fn unfinished() -> Problem {
    Problem::new(ErrorCode::InvalidJson).detail("the reply ended without a commit")
}

fn parse<T: serde::de::DeserializeOwned>(app: &App, line: &[u8]) -> Result<T> {
    serde_json::from_slice(line).map_err(|error| {
        violate(app, format!("a line that does not fit: {error}"));
        Problem::new(ErrorCode::ValidationFailed)
    })
}

struct Lines {
    body: axum::body::BodyDataStream,
    read: BytesMut,
}

impl Lines {
    async fn next(&mut self) -> Result<Option<BytesMut>> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let mut line = self.read.split_to(end + 1);
                line.truncate(end);
                return Ok(Some(line));
            }
            match self.body.next().await {
                Some(Ok(bytes)) => self.read.extend_from_slice(&bytes),
                Some(Err(_)) => return Err(unfinished()),
                None => return Ok(None),
            }
        }
    }
}
