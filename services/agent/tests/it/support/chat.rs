//! A chat that keeps the contract and insists on it: a dense log, owner versions, epochs, replies that
//! stream and commit once. It tells its events on the real bus, and what its sockets would show is kept
//! for the tests.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    Router,
    extract::FromRef,
    routing::{get, post, put},
};
use bus::{Bus, Event, EventData};
use chat_api::{
    Body, Channel, Entry, EntryKind, OpenChannel, OwnerState, Sender, SenderKind,
    events::{ChannelClosed, ChannelReopened, ChannelUpdated, MessageCreated, OwnerChanged},
};
use clock::Clock;
use common::tokens::Tokens;
use ids::{ChannelId, TurnId};
use testkit::Keys;
use tokio::{net::TcpListener, sync::watch};
use url::Url;

use super::{channels, replies};

/// What a socket would show.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Frame {
    Delta {
        turn: TurnId,
        epoch: i64,
        offset: u64,
        text: String,
    },
    Aborted {
        turn: TurnId,
    },
    Entry(Box<Entry>),
}

/// One channel.
pub(crate) struct Room {
    pub(crate) open: OpenChannel,
    pub(crate) channel: Channel,
    pub(crate) entries: Vec<Entry>,
    pub(crate) frames: Vec<Frame>,
    /// The highest epoch that a reply came with.
    pub(crate) epoch: i64,
    /// Changes with the owner and with each reply, so that an older reply stops.
    pub(crate) moved: watch::Sender<(i64, i64)>,
    pub(crate) escalated: bool,
}

#[derive(Default)]
pub(crate) struct Rooms {
    pub(crate) rooms: HashMap<ChannelId, Room>,
    /// What callers did that the contract forbids.
    pub(crate) violations: Vec<String>,
    /// Replies that were begun.
    pub(crate) replies: usize,
    /// Commits that are kept, but whose answer is lost.
    pub(crate) lose_answers: usize,
    pub(crate) held_events: Option<Vec<Event>>,
    /// Changes of owner by the agent fail, as while chat is going down.
    pub(crate) refuse_owner_changes: bool,
}

#[derive(Clone, FromRef)]
pub(crate) struct App {
    pub(crate) tokens: Tokens,
    pub(crate) clock: Clock,
    pub(crate) bus: Bus,
    pub(crate) state: Arc<Mutex<Rooms>>,
}

pub(crate) struct FakeChat {
    pub(crate) url: Url,
    app: App,
}

impl FakeChat {
    pub(crate) async fn start(keys: &Keys, bus: Bus) -> Self {
        let app = App {
            tokens: keys.tokens("chat"),
            clock: Clock::system(),
            bus,
            state: Arc::default(),
        };
        let router = Router::new()
            .route(
                "/internal/channels/{id}",
                put(channels::open).get(channels::channel),
            )
            .route("/internal/channels/{id}/log", get(channels::log))
            .route("/internal/channels/{id}/owner", post(channels::set_owner))
            .route("/internal/channels/{id}/replies", post(replies::reply))
            .with_state(app.clone());
        Self {
            url: serve(router).await,
            app,
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, Rooms> {
        self.app.state.lock().unwrap()
    }

    /// The customer says something; answers its place.
    pub(crate) async fn say(&self, id: ChannelId, text: &str) -> i64 {
        let (seq, event) = {
            let mut state = self.state();
            let room = state.rooms.get_mut(&id).unwrap();
            let visitor = room.channel.visitor_id.to_string();
            let sender = Sender {
                kind: SenderKind::Visitor,
                id: Some(visitor),
                name: None,
            };
            let entry = room.append(
                &self.app.clock,
                (sender, Some(Body::text(text)), None, None),
            );
            (entry.seq, room.said(&self.app.clock, &entry))
        };
        self.tell(event).await;
        seq
    }

    /// Somebody of the company changes who answers.
    pub(crate) async fn set_owner(&self, id: ChannelId, owner: OwnerState) {
        let events = {
            let mut state = self.state();
            let room = state.rooms.get_mut(&id).unwrap();
            let sender = Sender {
                kind: SenderKind::User,
                id: None,
                name: None,
            };
            room.change(&self.app.clock, sender, (owner, None))
        };
        for event in events {
            self.tell(event).await;
        }
    }

    /// Somebody of the company opens a closed channel again.
    pub(crate) async fn reopen(&self, id: ChannelId, owner: OwnerState) {
        let event = {
            let mut state = self.state();
            let room = state.rooms.get_mut(&id).unwrap();
            room.reopen(&self.app.clock, owner)
        };
        self.tell(event).await;
    }

    /// The customer gives a message another text, or takes it back.
    pub(crate) async fn revise(&self, id: ChannelId, seq: i64, text: Option<&str>) {
        let event = {
            let mut state = self.state();
            let room = state.rooms.get_mut(&id).unwrap();
            room.revise(&self.app.clock, seq, text)
        };
        self.tell(event).await;
    }

    /// Tells of something again that was told long ago.
    pub(crate) async fn tell_again<T: EventData>(&self, id: ChannelId, data: &T) {
        let event = self.state().rooms[&id].event(&self.app.clock, data);
        self.tell(event).await;
    }

    /// Keeps events back until [`FakeChat::release_events`].
    pub(crate) fn hold_events(&self) {
        self.state().held_events = Some(Vec::new());
    }

    pub(crate) async fn release_events(&self) {
        let held = self.state().held_events.take().unwrap_or_default();
        for event in held {
            self.tell(event).await;
        }
    }

    async fn tell(&self, event: Event) {
        tell(&self.app, event).await;
    }

    pub(crate) fn entries(&self, id: ChannelId) -> Vec<Entry> {
        self.state().rooms[&id].entries.clone()
    }

    /// The AI's messages.
    pub(crate) fn answers(&self, id: ChannelId) -> Vec<Entry> {
        let is_answer =
            |entry: &Entry| entry.sender.kind == SenderKind::Agent && entry.body.is_some();
        self.entries(id).into_iter().filter(is_answer).collect()
    }

    /// Waits until the AI has said so much.
    pub(crate) async fn answered(&self, id: ChannelId, count: usize) -> Vec<Entry> {
        testkit::eventually("the customer has an answer", || async {
            let answers = self.answers(id);
            (answers.len() >= count).then_some(answers)
        })
        .await
    }

    pub(crate) fn frames(&self, id: ChannelId) -> Vec<Frame> {
        self.state().rooms[&id].frames.clone()
    }

    /// The streamed text as a widget shows it now, by the rules of the socket; none when nothing streams.
    pub(crate) fn shown(&self, id: ChannelId) -> Option<String> {
        let mut shown: Option<(TurnId, i64, String)> = None;
        for frame in self.frames(id) {
            match frame {
                Frame::Delta {
                    turn,
                    epoch,
                    offset,
                    text,
                } => match &mut shown {
                    Some((_, known, _)) if epoch < *known => {}
                    Some((_, known, so_far)) if offset > 0 => {
                        assert_eq!(
                            offset,
                            so_far.encode_utf16().count() as u64,
                            "a gap in the text"
                        );
                        *known = epoch;
                        so_far.push_str(&text);
                    }
                    _ => {
                        assert_eq!(offset, 0, "a text that begins in the middle");
                        shown = Some((turn, epoch, text));
                    }
                },
                Frame::Aborted { turn } => shown = shown.filter(|(known, ..)| *known != turn),
                Frame::Entry(entry) => {
                    if entry.turn_id.is_some() || entry.kind == EntryKind::State {
                        shown = None;
                    }
                }
            }
        }
        shown.map(|(.., text)| text)
    }
}

impl Drop for FakeChat {
    fn drop(&mut self) {
        let violations = self
            .app
            .state
            .lock()
            .map(|state| state.violations.clone())
            .unwrap_or_default();
        assert!(
            violations.is_empty() || std::thread::panicking(),
            "the agent broke the contract: {violations:#?}"
        );
    }
}

pub(crate) async fn serve(router: Router) -> Url {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let app = common::server::finish(router, "internal");
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

pub(crate) async fn tell(app: &App, event: Event) {
    let held = {
        let mut state = app.state.lock().unwrap();
        match &mut state.held_events {
            Some(held) => {
                held.push(event.clone());
                true
            }
            None => false,
        }
    };
    if !held {
        // The relay of a real chat tries again; the broker may have been cut by the test.
        testkit::eventually("the broker takes it", || async {
            app.bus.publish(&event).await.ok()
        })
        .await;
    }
}

type Draft = (Sender, Option<Body>, Option<OwnerState>, Option<TurnId>);

impl Room {
    /// Appends an entry, and shows it.
    pub(crate) fn append(&mut self, clock: &Clock, (sender, body, owner, turn_id): Draft) -> Entry {
        let seq = self.channel.head_seq + 1;
        self.channel.head_seq = seq;
        self.channel.last_activity_at = clock.now();
        if let Some(owner) = owner {
            self.channel.owner = owner;
            self.channel.owner_version = seq;
            self.escalated |= matches!(owner, OwnerState::Queued | OwnerState::Human);
            self.moved.send_modify(|moved| moved.0 = seq);
        }
        let kind = if owner.is_some() {
            EntryKind::State
        } else {
            EntryKind::Message
        };
        let (place, version) = ((self.channel.id, seq), self.channel.owner_version);
        let entry = Entry {
            body,
            owner,
            episode: owner.map(|_| self.channel.episode),
            turn_id,
            ..Entry::new(place, kind, sender, version, clock.now())
        };
        self.entries.push(entry.clone());
        self.frames.push(Frame::Entry(Box::new(entry.clone())));
        entry
    }

    /// The event of a message.
    pub(crate) fn said(&self, clock: &Clock, entry: &Entry) -> Event {
        let data = MessageCreated {
            channel_id: self.channel.id,
            seq: entry.seq,
            sender_kind: entry.sender.kind,
            agent_id: self.channel.agent_id,
            visitor_id: self.channel.visitor_id,
            owner: self.channel.owner,
            owner_version: self.channel.owner_version,
            created_at: entry.created_at,
        };
        self.event(clock, &data)
    }

    fn event<T: EventData>(&self, clock: &Clock, data: &T) -> Event {
        Event::new(clock, self.open.workspace_id, data)
    }

    /// Opens it again; answers the event. The AI begins anew.
    fn reopen(&mut self, clock: &Clock, owner: OwnerState) -> Event {
        assert_eq!(self.channel.owner, OwnerState::Closed);
        let sender = Sender {
            kind: SenderKind::User,
            id: None,
            name: None,
        };
        self.channel.episode += 1;
        self.channel.closed_at = None;
        let entry = self.append(clock, (sender, None, Some(owner), None));
        self.channel.answered_seq = entry.seq;
        let data = ChannelReopened {
            channel_id: self.channel.id,
            seq: entry.seq,
            episode: self.channel.episode,
            agent_id: self.channel.agent_id,
            visitor_id: self.channel.visitor_id,
            owner,
            reopened_by: SenderKind::User,
            reopened_at: entry.created_at,
        };
        self.event(clock, &data)
    }

    /// Changes what a message says, or takes it back; answers the event.
    fn revise(&mut self, clock: &Clock, of_seq: i64, text: Option<&str>) -> Event {
        let index = usize::try_from(of_seq - 1).unwrap();
        let body = text.map(Body::text);
        let message = &mut self.entries[index];
        let (sender, changed_by) = (message.sender.clone(), message.sender.kind);
        message.body.clone_from(&body);
        if body.is_some() {
            message.edited_at = Some(clock.now());
        } else {
            message.deleted_at = Some(clock.now());
        }
        let kind = if body.is_some() {
            EntryKind::Edit
        } else {
            EntryKind::Delete
        };
        let seq = self.channel.head_seq + 1;
        self.channel.head_seq = seq;
        let (place, version) = ((self.channel.id, seq), self.channel.owner_version);
        self.entries.push(Entry {
            body,
            of_seq: Some(of_seq),
            ..Entry::new(place, kind, sender, version, clock.now())
        });
        let data = ChannelUpdated {
            channel_id: self.channel.id,
            seq,
            kind,
            what: None,
            of_seq: Some(of_seq),
            agent_id: self.channel.agent_id,
            visitor_id: self.channel.visitor_id,
            changed_by,
            changed_at: clock.now(),
        };
        self.event(clock, &data)
    }

    /// Changes who answers; answers the events.
    pub(crate) fn change(
        &mut self,
        clock: &Clock,
        sender: Sender,
        (owner, reason): (OwnerState, Option<String>),
    ) -> Vec<Event> {
        let changed_by = sender.kind;
        let entry = self.append(clock, (sender, None, Some(owner), None));
        let count = |kind| {
            let said = |entry: &&Entry| entry.sender.kind == kind && entry.body.is_some();
            i64::try_from(self.entries.iter().filter(said).count()).unwrap()
        };
        if owner == OwnerState::Closed {
            self.channel.closed_at = Some(clock.now());
            let closed = ChannelClosed {
                channel_id: self.channel.id,
                seq: entry.seq,
                agent_id: self.channel.agent_id,
                visitor_id: self.channel.visitor_id,
                closed_by: changed_by,
                escalated: self.escalated,
                visitor_messages: count(SenderKind::Visitor),
                agent_messages: count(SenderKind::Agent),
                user_messages: count(SenderKind::User),
                opened_at: self.channel.created_at,
                closed_at: clock.now(),
            };
            return vec![self.event(clock, &closed)];
        }
        let changed = OwnerChanged {
            channel_id: self.channel.id,
            seq: entry.seq,
            owner,
            agent_id: self.channel.agent_id,
            changed_by,
            reason,
            changed_at: clock.now(),
        };
        vec![self.event(clock, &changed)]
    }
}
