//! The rules, tried without any store: a log in memory whose places are taken in any order of events.

use chat_api::{Body, EntryKind, OwnerState, ReplyHeader, SenderKind, SetOwner, Written};
use chrono::{DateTime, Duration, Utc};
use ids::{AgentId, ChannelId, TurnId, UserId, VisitorId, WorkspaceId};

use super::{Head, entry::*, model::*};

struct Model {
    place: Place,
    now: DateTime<Utc>,
    log: Vec<Step>,
}

impl Model {
    fn new() -> Self {
        let place = Place {
            workspace: WorkspaceId::new(),
            channel: ChannelId::new(),
        };
        let now = DateTime::UNIX_EPOCH;
        Self {
            place,
            now,
            log: vec![open(place, AgentId::new(), VisitorId::new(), now)],
        }
    }

    fn head(&self) -> Head {
        self.log.last().unwrap().head.clone()
    }

    fn visitor(&self) -> Actor {
        Actor::Visitor(self.head().visitor_id)
    }

    fn append(&mut self, draft: Draft) -> Step {
        self.now += Duration::seconds(1);
        let written = write(self.place, &self.head(), draft, self.now);
        self.log.push(written.clone());
        written
    }

    /// Says something, with the takeover that it may need.
    fn say(&mut self, actor: Actor) -> Result<Step, Refusal> {
        loop {
            let draft = say(&self.head(), actor, &message())?;
            let written = self.append(draft);
            if written.entry.kind == EntryKind::Message {
                return Ok(written);
            }
        }
    }

    fn set(&mut self, actor: Actor, owner: OwnerState) -> Result<Option<Step>, Refusal> {
        let draft = change_owner(&self.head(), actor, (&change(owner), None))?;
        Ok(draft.map(|draft| self.append(draft)))
    }

    /// The header of a reply that begins now.
    fn reply(&self) -> ReplyHeader {
        let head = self.head();
        ReplyHeader {
            workspace_id: self.place.workspace,
            agent_id: head.agent_id,
            agent_name: "Ada".to_owned(),
            turn_id: TurnId::new(),
            epoch: 1,
            owner_version: head.owner_version,
            answers_to_seq: head.seq,
            answered_seq: Some(head.answered_seq),
        }
    }

    fn commit(&mut self, header: &ReplyHeader) -> Result<Step, Refusal> {
        may_answer(&self.head(), header)?;
        Ok(self.append(Draft::Answer {
            name: header.agent_name.clone(),
            turn: header.turn_id,
            answers_to: header.answers_to_seq,
            body: Body::text("answer"),
        }))
    }
}

fn message() -> Said {
    Said {
        client_id: TurnId::new().to_string(),
        kind: Written::Message,
        body: Body::text("hello"),
    }
}

fn change(owner: OwnerState) -> SetOwner {
    SetOwner {
        owner,
        reason: None,
        if_owner_version: None,
    }
}

fn person() -> Actor {
    Actor::Person(UserId::new())
}

/// A small generator: the same numbers on every run (Knuth's MMIX constants).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

#[test]
fn a_person_who_writes_takes_over_first_and_once() {
    let mut model = Model::new();
    let ada = person();
    model.say(ada).unwrap();
    model.say(ada).unwrap();
    let kinds: Vec<_> = model.log.iter().map(|written| written.entry.kind).collect();
    assert_eq!(
        kinds,
        [
            EntryKind::State,
            EntryKind::State,
            EntryKind::Message,
            EntryKind::Message
        ]
    );
    assert_eq!(model.head().owner, OwnerState::Human);
    assert_eq!(model.head().owner_version, 2);
    // A colleague may speak up without taking it away.
    model.say(person()).unwrap();
    assert_eq!(model.head().owner_version, 2);
}

#[test]
fn nothing_is_said_after_the_end() {
    let mut model = Model::new();
    let reply = model.reply();
    let visitor = model.visitor();
    model.set(visitor, OwnerState::Closed).unwrap().unwrap();
    assert_eq!(model.say(visitor).unwrap_err(), Refusal::Closed);
    assert_eq!(model.say(person()).unwrap_err(), Refusal::Closed);
    assert_eq!(model.commit(&reply).unwrap_err(), Refusal::Closed);
    assert_eq!(
        model.set(person(), OwnerState::Human).unwrap_err(),
        Refusal::Closed
    );
    assert_eq!(
        model.set(visitor, OwnerState::Closed),
        Ok(None),
        "it is so already"
    );
}

#[test]
fn visitors_and_the_agent_may_only_ask_and_end() {
    for wanted in [OwnerState::Ai, OwnerState::Human] {
        let mut model = Model::new();
        let agent = Actor::Agent(model.head().agent_id);
        assert_eq!(model.set(model.visitor(), wanted), Err(Refusal::NotAllowed));
        assert_eq!(model.set(agent, wanted), Err(Refusal::NotAllowed));
    }
    let mut model = Model::new();
    let (visitor, agent) = (model.visitor(), Actor::Agent(model.head().agent_id));
    assert!(model.set(agent, OwnerState::Queued).unwrap().is_some());
    assert_eq!(model.set(visitor, OwnerState::Queued), Ok(None));
    assert_eq!(model.set(agent, OwnerState::Queued), Ok(None));
    assert!(model.set(person(), OwnerState::Human).unwrap().is_some());
    assert_eq!(
        model.set(visitor, OwnerState::Queued),
        Ok(None),
        "a person is there"
    );
    assert_eq!(
        model.set(agent, OwnerState::Closed),
        Err(Refusal::OwnerChanged)
    );
    assert!(model.set(visitor, OwnerState::Closed).unwrap().is_some());
}

#[test]
fn a_colleague_takes_over_from_a_colleague() {
    let mut model = Model::new();
    let (ada, grace) = (person(), person());
    assert!(model.set(ada, OwnerState::Human).unwrap().is_some());
    assert_eq!(model.set(ada, OwnerState::Human), Ok(None));
    assert!(model.set(grace, OwnerState::Human).unwrap().is_some());
    let stale = SetOwner {
        if_owner_version: Some(2),
        ..change(OwnerState::Human)
    };
    assert_eq!(
        change_owner(&model.head(), ada, (&stale, None)),
        Err(Refusal::OwnerChanged)
    );
}

#[test]
fn one_message_is_answered_once() {
    let mut model = Model::new();
    model.say(model.visitor()).unwrap();
    let (first, second) = (model.reply(), model.reply());
    model.commit(&first).unwrap();
    assert_eq!(model.commit(&second).unwrap_err(), Refusal::AlreadyAnswered);
    model.say(model.visitor()).unwrap();
    let next = model.reply();
    assert!(model.commit(&next).is_ok());
    let other = ReplyHeader {
        agent_id: AgentId::new(),
        ..model.reply()
    };
    assert_eq!(model.commit(&other).unwrap_err(), Refusal::WrongAgent);
}

#[test]
fn a_turn_that_does_not_know_of_an_answer_or_of_a_message_must_look_again() {
    let mut model = Model::new();
    let visitor = model.visitor();
    model.say(visitor).unwrap();
    let slow = model.reply();
    model.say(visitor).unwrap();
    assert_eq!(may_begin(&model.head(), &slow), Err(Refusal::Behind));
    // It has begun before the second message came, so it may end.
    let quick = ReplyHeader {
        answers_to_seq: model.head().seq,
        ..model.reply()
    };
    model.commit(&slow).unwrap();
    assert_eq!(may_begin(&model.head(), &quick), Err(Refusal::Behind));
    assert_eq!(model.commit(&quick).unwrap_err(), Refusal::Behind);
    // Somebody who does not say what they know is only held to what they answer.
    let silent = ReplyHeader {
        answered_seq: None,
        ..quick
    };
    assert!(may_begin(&model.head(), &silent).is_ok());
}

#[test]
fn the_ai_may_go_on_while_a_person_is_wanted_but_only_knowing_so() {
    let mut model = Model::new();
    model.say(model.visitor()).unwrap();
    let before = model.reply();
    model.set(model.visitor(), OwnerState::Queued).unwrap();
    assert_eq!(model.commit(&before).unwrap_err(), Refusal::OwnerChanged);
    let after = model.reply();
    assert!(model.commit(&after).is_ok());
    model.set(person(), OwnerState::Human).unwrap();
    let under_a_person = ReplyHeader {
        answers_to_seq: 99,
        ..model.reply()
    };
    assert_eq!(
        model.commit(&under_a_person).unwrap_err(),
        Refusal::OwnerChanged
    );
}

#[test]
fn the_end_counts_what_was_said() {
    let mut model = Model::new();
    let (visitor, ada) = (model.visitor(), person());
    model.say(visitor).unwrap();
    let reply = model.reply();
    model.commit(&reply).unwrap();
    model.say(visitor).unwrap();
    model.say(ada).unwrap();
    let closed = model.set(ada, OwnerState::Closed).unwrap().unwrap();
    let Fact::Closed(event) = closed.fact else {
        panic!("{:?}", closed.fact)
    };
    assert_eq!(
        (
            event.visitor_messages,
            event.agent_messages,
            event.user_messages
        ),
        (2, 1, 1)
    );
    assert_eq!(
        (event.closed_by, event.escalated, event.seq),
        (SenderKind::User, true, 7)
    );
    assert_eq!(
        (event.opened_at, event.closed_at),
        (model.log[0].entry.created_at, closed.entry.created_at)
    );
}

#[test]
fn only_what_is_idle_is_closed_for_idleness() {
    let mut model = Model::new();
    model.say(model.visitor()).unwrap();
    let last = model.head().last_at;
    assert_eq!(close_idle(&model.head(), last), None);
    let draft = close_idle(&model.head(), last + Duration::milliseconds(1)).unwrap();
    let written = model.append(draft);
    assert_eq!(written.entry.sender.kind, SenderKind::System);
    assert_eq!(written.entry.reason.as_deref(), Some("idle"));
    assert_eq!(close_idle(&model.head(), last + Duration::days(1)), None);
}

#[test]
fn time_never_runs_back_in_a_log() {
    let mut model = Model::new();
    model.say(model.visitor()).unwrap();
    model.now -= Duration::hours(1);
    let written = model.say(model.visitor()).unwrap();
    assert_eq!(written.entry.created_at, model.log[1].entry.created_at);
}

/// Whatever happens between the beginning of a reply and its commit: once a person has taken over,
/// nothing that was begun before gets into the log; and every entry says truly who answered.
#[test]
fn after_a_takeover_no_answer_that_was_begun_before() {
    let mut dice = Dice(1);
    let mut refused = 0;
    for _ in 0..2_000 {
        let mut model = Model::new();
        let ada = person();
        let mut replies: Vec<ReplyHeader> = Vec::new();
        for _ in 0..30 {
            let visitor = model.visitor();
            match dice.roll(9) {
                0..=2 => drop(model.say(visitor)),
                3 => drop(model.say(ada)),
                4 => replies.push(model.reply()),
                5 | 6 if !replies.is_empty() => {
                    let index = dice.roll(replies.len() as u64) as usize;
                    refused += u32::from(model.commit(&replies[index]).is_err());
                }
                7 => drop(model.set(ada, OwnerState::Ai)),
                _ if dice.roll(10) == 0 => drop(model.set(visitor, OwnerState::Closed)),
                _ => drop(model.set(visitor, OwnerState::Queued)),
            }
        }
        let (mut owner, mut version, mut answered) = (OwnerState::Ai, 1, 0);
        for (index, Step { entry, head, .. }) in model.log.iter().enumerate() {
            assert_eq!(entry.seq, index as i64 + 1);
            if let Some(new) = entry.owner {
                (owner, version) = (new, entry.seq);
            }
            assert_eq!(
                (entry.owner_version, head.owner, head.owner_version),
                (version, owner, version)
            );
            if entry.sender.kind == SenderKind::Agent {
                assert!(
                    matches!(owner, OwnerState::Ai | OwnerState::Queued),
                    "the ai spoke under {owner:?}"
                );
                let reply = replies
                    .iter()
                    .find(|reply| Some(reply.turn_id) == entry.turn_id)
                    .unwrap();
                assert_eq!(
                    reply.owner_version, version,
                    "it was begun under another owner"
                );
                assert!(reply.answers_to_seq > answered, "answered twice");
                answered = reply.answers_to_seq;
            }
            let after_end = index > 0 && model.log[index - 1].head.owner == OwnerState::Closed;
            assert!(!after_end, "something follows the end");
        }
    }
    assert!(
        refused > 1_000,
        "the races that this is about hardly happened: {refused}"
    );
}
