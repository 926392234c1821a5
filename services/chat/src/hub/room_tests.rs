//! A room under everything that can happen to hints: they come late, twice, in any order, or never.

use std::sync::Arc;

use axum::extract::ws::Message;
use chat_api::{Entry, EntryKind, OwnerState, Sender, SenderKind, socket::ServerFrame};
use chrono::DateTime;
use futures::FutureExt;
use ids::{AgentId, ChannelId, TurnId, VisitorId, WorkspaceId};

use super::{
    frames,
    outbox::Outbox,
    room::{Audience, Room, Standing, Stop},
    stream::{Delta, Origin},
};
use crate::log::{Head, Place};

/// A small generator: the same numbers on every run (Knuth's MMIX constants).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        let next = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = next.wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

/// What the log and the running reply are, apart from who has heard of them.
struct World {
    place: Place,
    log: Vec<Entry>,
    turn: TurnId,
    epoch: i64,
    length: u64,
}

impl World {
    fn new() -> Self {
        let place = Place {
            workspace: WorkspaceId::new(),
            channel: ChannelId::new(),
        };
        let mut world = Self {
            place,
            log: Vec::new(),
            turn: TurnId::new(),
            epoch: 1,
            length: 0,
        };
        world.append(Some(OwnerState::Ai), false);
        world
    }

    fn append(&mut self, owner: Option<OwnerState>, of_the_ai: bool) -> Entry {
        let seq = self.log.len() as i64 + 1;
        let kind = if owner.is_some() {
            EntryKind::State
        } else {
            EntryKind::Message
        };
        let sender = Sender {
            kind: if of_the_ai {
                SenderKind::Agent
            } else {
                SenderKind::Visitor
            },
            id: None,
            name: None,
        };
        let version = if owner.is_some() { seq } else { self.owner().1 };
        let at = DateTime::UNIX_EPOCH;
        let mut entry = Entry::new((self.place.channel, seq), kind, sender, version, at);
        entry.owner = owner;
        entry.turn_id = of_the_ai.then_some(self.turn);
        self.log.push(entry.clone());
        if owner.is_some() || of_the_ai {
            self.turn = TurnId::new();
            self.epoch += 1;
            self.length = 0;
        }
        entry
    }

    fn owner(&self) -> (OwnerState, i64) {
        let last = self
            .log
            .iter()
            .rev()
            .find_map(|entry| Some((entry.owner?, entry.seq)));
        last.unwrap_or((OwnerState::Ai, 1))
    }

    fn head(&self) -> Head {
        let (owner, owner_version) = self.owner();
        Head {
            seq: self.log.len() as i64,
            owner,
            owner_version,
            ..Head::new(AgentId::new(), VisitorId::new(), DateTime::UNIX_EPOCH)
        }
    }

    fn piece(&mut self) -> Delta {
        let offset = self.length;
        self.length += 1;
        Delta {
            turn: self.turn,
            epoch: self.epoch,
            owner_version: self.owner().1,
            offset,
            text: "x".to_owned(),
            origin: Origin(1),
        }
    }
}

/// A socket, and what its client makes of the frames.
struct Client {
    number: u64,
    outbox: Arc<Outbox>,
    have: i64,
    /// The end of the log when it joined.
    target: i64,
    version: i64,
    text: Option<(TurnId, u64)>,
    pieces: usize,
}

impl Client {
    /// Joins as a socket does: it is told of the head, and reads the log up to it.
    fn join(room: &Room, world: &World, number: u64) -> Self {
        let outbox = Arc::new(Outbox::default());
        room.observe(&world.head());
        room.subscribe(number, outbox.clone(), Audience::People);
        Self {
            number,
            outbox,
            have: 0,
            target: world.head().seq,
            version: world.owner().1,
            text: None,
            pieces: 0,
        }
    }

    /// Reads the log a little further, and goes live when there is no more.
    fn read(&mut self, room: &Room, world: &World) -> bool {
        let upto = room.head().unwrap_or_default().max(self.target);
        let upto = upto.min(self.have + 3).min(world.head().seq);
        while self.have < upto {
            let entry = world.log[usize::try_from(self.have).unwrap()].clone();
            self.have = entry.seq;
            if entry.owner.is_some() {
                self.version = self.version.max(entry.seq);
            }
            self.outbox.push(&frames::encode(&entry.into()));
        }
        let done = self.have >= self.target
            && room.go_live(self.number, self.have, self.version) == Standing::Live;
        if done {
            // From here on the frames say what it has.
            (self.have, self.version) = (0, 0);
        }
        done
    }

    /// Checks every frame that came, in the order in which it came.
    fn check(&mut self) {
        let mut batch = Vec::new();
        while let Some(Ok(())) = self.outbox.take(&mut batch).now_or_never() {}
        for message in batch {
            let Message::Text(text) = message else {
                panic!("{message:?}")
            };
            match serde_json::from_str(text.as_str()).unwrap() {
                ServerFrame::Message(entry) | ServerFrame::State(entry) => {
                    assert_eq!(entry.seq, self.have + 1, "missing, doubled or out of order");
                    self.have = entry.seq;
                    if entry.owner.is_some() {
                        self.version = entry.seq;
                        self.text = None;
                    } else {
                        // The next answer's first words may be faster than this one's message.
                        self.text.take_if(|(turn, _)| entry.turn_id == Some(*turn));
                    }
                }
                ServerFrame::MessageDelta {
                    turn_id,
                    owner_version,
                    offset,
                    delta,
                    ..
                } => {
                    assert_eq!(owner_version, self.version, "a word under another owner");
                    let before = self.text.filter(|(turn, _)| *turn == turn_id);
                    assert_eq!(
                        offset,
                        if offset == 0 { 0 } else { before.unwrap().1 },
                        "a hole"
                    );
                    self.text = Some((turn_id, offset + delta.len() as u64));
                    self.pieces += 1;
                }
                ServerFrame::MessageAborted { .. } => self.text = None,
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn whatever_happens_to_hints_each_socket_gets_each_entry_once_and_no_word_too_late() {
    let mut dice = Dice(11);
    let mut pieces = 0;
    for _ in 0..400 {
        let mut world = World::new();
        let room = Room::new(world.place);
        // What has happened, and not yet been heard of here.
        let mut entries: Vec<Entry> = Vec::new();
        let mut deltas: Vec<Delta> = Vec::new();
        let mut clients: Vec<Client> = vec![Client::join(&room, &world, 0)];
        let mut joining: Vec<usize> = vec![0];
        for step in 1..120 {
            match dice.roll(12) {
                0 | 1 => entries.push(world.append(None, false)),
                2 => {
                    let owner =
                        [OwnerState::Ai, OwnerState::Queued, OwnerState::Human][dice.roll(3)];
                    entries.push(world.append(Some(owner), false));
                }
                3 if world.owner().0 != OwnerState::Human => entries.push(world.append(None, true)),
                4..=6 if world.owner().0 != OwnerState::Human => deltas.push(world.piece()),
                // A hint arrives, the oldest or any; now and then it will come again.
                7 | 8 if !entries.is_empty() => {
                    let index = if dice.roll(3) == 0 {
                        dice.roll(entries.len())
                    } else {
                        0
                    };
                    let entry = if dice.roll(4) == 0 {
                        entries[index].clone()
                    } else {
                        entries.remove(index)
                    };
                    if room.entry(frames::placed(entry)).gap && dice.roll(2) == 0 {
                        catch_up(&room, &world);
                    }
                }
                9 if !deltas.is_empty() => {
                    let delta = deltas.remove(0);
                    // Now and then a piece is lost.
                    if dice.roll(8) != 0 {
                        room.delta(&delta, || frames::delta(world.place.channel, &delta));
                    }
                }
                10 => {
                    let number = clients.len();
                    clients.push(Client::join(&room, &world, number as u64));
                    joining.push(number);
                }
                _ if step % 3 == 0 => catch_up(&room, &world),
                _ => {}
            }
            joining.retain(|number| !clients[*number].read(&room, &world));
        }
        catch_up(&room, &world);
        while !joining.is_empty() {
            joining.retain(|number| !clients[*number].read(&room, &world));
        }
        for client in &mut clients {
            client.check();
            assert_eq!(client.have, world.log.len() as i64, "something never came");
            pieces += client.pieces;
        }
    }
    assert!(pieces > 1_000, "hardly a piece was delivered: {pieces}");
}

fn catch_up(room: &Room, world: &World) {
    let head = usize::try_from(room.head().unwrap()).unwrap();
    for entry in &world.log[head.min(world.log.len())..] {
        room.entry(frames::placed(entry.clone()));
    }
}

#[test]
fn a_reply_is_stopped_by_a_takeover_even_one_that_came_before_it_began() {
    let mut world = World::new();
    let room = Room::new(world.place);
    room.observe(&world.head());
    let mut first = room.begin_reply(TurnId::new(), 1, 1).unwrap();
    assert!((&mut first.stopped).now_or_never().is_none());
    room.entry(frames::placed(world.append(Some(OwnerState::Human), false)));
    assert_eq!(
        (&mut first.stopped).now_or_never(),
        Some(Ok(Stop::OwnerChanged))
    );
    let mut late = room.begin_reply(TurnId::new(), 2, 1).unwrap();
    assert_eq!(
        (&mut late.stopped).now_or_never(),
        Some(Ok(Stop::OwnerChanged))
    );
    assert!(!room.end_reply(late.number));
}

#[test]
fn a_later_attempt_takes_the_place_of_an_earlier_one_and_never_the_other_way() {
    let world = World::new();
    let room = Room::new(world.place);
    room.observe(&world.head());
    let turn = TurnId::new();
    let mut low = room.begin_reply(turn, 3, 1).unwrap();
    assert!(low.aborted.is_none());
    let high = room.begin_reply(turn, 4, 1).unwrap();
    assert_eq!(high.aborted, Some((turn, 3)));
    assert_eq!(
        (&mut low.stopped).now_or_never(),
        Some(Ok(Stop::Superseded))
    );
    assert!(room.begin_reply(turn, 3, 1).is_none());
    assert!(room.end_reply(high.number));
}
