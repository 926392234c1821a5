//! The rules of what is done beside saying something, tried without any store.

mod state;

use chat_api::{Body, EntryKind, OwnerState, Priority, SenderKind, SetOwner, Written};
use chrono::{DateTime, Duration, Utc};
use ids::{AgentId, ChannelId, TeamId, UserId, VisitorId, WorkspaceId};
use rest::Field;

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

    fn agent(&self) -> Actor {
        Actor::Agent(self.head().agent_id)
    }

    fn append(&mut self, draft: Draft) -> Step {
        self.now += Duration::seconds(1);
        let step = write(self.place, &self.head(), draft, self.now);
        self.log.push(step.clone());
        step
    }

    fn act(&mut self, actor: Actor, act: Act) -> Result<Option<Step>, Refusal> {
        let draft = decide(&self.head(), actor, (&act, None), self.now)?;
        Ok(draft.map(|draft| self.append(draft)))
    }

    /// Does something that must change something.
    #[track_caller]
    fn done(&mut self, actor: Actor, act: Act) -> Step {
        self.act(actor, act).unwrap().unwrap()
    }

    fn say(&mut self, actor: Actor, kind: Written) -> Result<Step, Refusal> {
        let said = Said {
            client_id: ChannelId::new().to_string(),
            kind,
            body: Body::text("words"),
        };
        loop {
            let draft = say(&self.head(), actor, &said)?;
            let step = self.append(draft);
            if matches!(step.entry.kind, EntryKind::Message | EntryKind::Note) {
                return Ok(step);
            }
        }
    }

    fn end(&mut self) {
        self.done(person(), owner(OwnerState::Closed));
    }
}

fn person() -> Actor {
    Actor::Person(UserId::new())
}

fn of(step: &Step) -> Of {
    Of::entry(step.entry.clone()).unwrap()
}

fn owner(owner: OwnerState) -> Act {
    Act::Owner(SetOwner {
        owner,
        reason: None,
        if_owner_version: None,
    })
}

fn reopen(owner: OwnerState, within: Option<Duration>) -> Act {
    Act::Reopen { owner, within }
}

fn edit(of: &Of) -> Act {
    Act::Edit {
        of: of.clone(),
        body: Body::text("other words"),
    }
}

fn react(of: &Of) -> Act {
    Act::React {
        of: of.clone(),
        emoji: "👍".to_owned(),
        on: true,
    }
}

fn assign(user: UserId) -> Act {
    Act::Assign {
        user_id: Field::Value(user),
        team_id: Field::Absent,
    }
}

#[test]
fn a_note_is_private_takes_nothing_over_and_counts_as_no_message() {
    let mut model = Model::new();
    let step = model.say(person(), Written::Note).unwrap();
    assert!(step.entry.private);
    let head = model.head();
    assert_eq!(
        (head.owner, head.user_messages, head.last_message_seq),
        (OwnerState::Ai, 0, 0)
    );
    assert!(matches!(step.fact, Fact::Updated(event) if event.kind == EntryKind::Note));
    for other in [model.visitor(), model.agent()] {
        assert_eq!(
            model.say(other, Written::Note).unwrap_err(),
            Refusal::NotYours
        );
    }
    model.end();
    assert!(model.say(person(), Written::Note).is_ok(), "after the end");
}

#[test]
fn nobody_edits_what_another_one_wrote_and_nobody_edits_the_ai() {
    let mut model = Model::new();
    let visitor = model.visitor();
    let theirs = of(&model.say(visitor, Written::Message).unwrap());
    let (ada, grace) = (person(), person());
    let hers = of(&model.say(ada, Written::Message).unwrap());
    let note = of(&model.say(ada, Written::Note).unwrap());
    model.done(visitor, edit(&theirs));
    model.done(ada, edit(&hers));
    assert!(
        model.done(ada, edit(&note)).entry.private,
        "an edit of a note is as private as the note"
    );
    for (actor, of) in [(ada, &theirs), (grace, &hers), (visitor, &hers)] {
        assert_eq!(model.act(actor, edit(of)), Err(Refusal::NotYours));
    }
    assert_eq!(
        model.act(visitor, edit(&note)),
        Err(Refusal::Gone),
        "visitors learn of no note"
    );
    assert_eq!(model.act(visitor, react(&note)), Err(Refusal::Gone));
    let answer = Of {
        sender: model.agent().sender(),
        ..theirs.clone()
    };
    for actor in [model.agent(), ada, visitor] {
        assert_eq!(model.act(actor, edit(&answer)), Err(Refusal::NotYours));
    }
    let gone = Of {
        deleted: true,
        ..theirs
    };
    assert_eq!(model.act(visitor, edit(&gone)), Err(Refusal::Gone));
    assert_eq!(model.act(visitor, react(&gone)), Err(Refusal::Gone));
}

#[test]
fn a_visitor_takes_back_only_what_is_theirs_and_people_anything() {
    let mut model = Model::new();
    let visitor = model.visitor();
    let theirs = of(&model.say(visitor, Written::Message).unwrap());
    let ada = person();
    let hers = of(&model.say(ada, Written::Message).unwrap());
    let delete = |of: &Of| Act::Delete { of: of.clone() };
    assert_eq!(model.act(visitor, delete(&hers)), Err(Refusal::NotYours));
    let agent = model.agent();
    assert_eq!(model.act(agent, delete(&hers)), Err(Refusal::NotYours));
    assert_eq!(
        model.done(visitor, delete(&theirs)).entry.of_seq,
        Some(theirs.seq)
    );
    model.end();
    model.done(person(), delete(&hers));
    let gone = Of {
        deleted: true,
        ..hers
    };
    assert_eq!(model.act(person(), delete(&gone)), Ok(None));
}

#[test]
fn a_writer_may_edit_for_as_long_as_the_workspace_lets_them() {
    let mut model = Model::new();
    let visitor = model.visitor();
    let theirs = of(&model.say(visitor, Written::Message).unwrap());
    let within = Duration::minutes(15);
    let at = |minutes| theirs.created_at + Duration::minutes(minutes);
    assert_eq!(may_edit(&theirs, visitor, at(15), within), Ok(()));
    assert_eq!(
        may_edit(&theirs, visitor, at(16), within),
        Err(Refusal::TooLate)
    );
    assert_eq!(
        may_edit(&theirs, visitor, at(0), Duration::zero()),
        Err(Refusal::TooLate),
        "0 is never"
    );
    assert_eq!(
        may_edit(&theirs, person(), at(0), within),
        Err(Refusal::NotYours)
    );
}

#[test]
fn opening_again_begins_a_new_episode_and_forgets_what_was_asked() {
    let mut model = Model::new();
    let visitor = model.visitor();
    model.say(visitor, Written::Message).unwrap();
    model.say(person(), Written::Message).unwrap();
    model.end();
    model.done(
        visitor,
        Act::Rate {
            score: 2,
            body: None,
        },
    );
    let step = model.done(visitor, reopen(OwnerState::Ai, None));
    let (head, seq) = (model.head(), step.entry.seq);
    assert_eq!(
        (head.episode, head.episode_seq, head.owner, head.closed_at),
        (2, seq, OwnerState::Ai, None)
    );
    assert_eq!((head.answered_seq, head.asked_seq), (seq, seq));
    assert_eq!(
        (head.visitor_messages, head.user_messages, head.escalated),
        (0, 0, false)
    );
    assert_eq!(head.rating, None, "each episode has a rating of its own");
    assert_eq!(step.entry.episode, Some(2));
    let Fact::Reopened(event) = step.fact else {
        panic!("{:?}", step.fact)
    };
    assert_eq!((event.episode, event.reopened_by), (2, SenderKind::Visitor));
    assert_eq!(
        model.act(visitor, reopen(OwnerState::Ai, None)),
        Ok(None),
        "it is open"
    );
    model.say(visitor, Written::Message).unwrap();
    let closed = model.done(person(), owner(OwnerState::Closed));
    let Fact::Closed(event) = closed.fact else {
        panic!("{:?}", closed.fact)
    };
    assert_eq!((event.visitor_messages, event.user_messages), (1, 0));
    assert_eq!(event.opened_at, step.entry.created_at);
}

#[test]
fn a_visitor_opens_again_for_the_ai_and_in_time() {
    let mut model = Model::new();
    let visitor = model.visitor();
    model.end();
    assert_eq!(
        model.act(visitor, reopen(OwnerState::Human, None)),
        Err(Refusal::NotAllowed)
    );
    let week = Some(Duration::days(7));
    let never = Some(Duration::zero());
    assert_eq!(
        model.act(visitor, reopen(OwnerState::Ai, never)),
        Err(Refusal::TooLate)
    );
    model.now += Duration::days(8);
    assert_eq!(
        model.act(visitor, reopen(OwnerState::Ai, week)),
        Err(Refusal::TooLate)
    );
    let agent = model.agent();
    assert_eq!(
        model.act(agent, reopen(OwnerState::Ai, None)),
        Err(Refusal::NotYours)
    );
    let ada = UserId::new();
    model.done(Actor::Person(ada), reopen(OwnerState::Human, None));
    assert_eq!(
        (model.head().person, model.head().assignee),
        (Some(ada), Some(ada))
    );
}

#[test]
fn after_the_end_only_what_does_not_go_on_with_it() {
    let mut model = Model::new();
    let visitor = model.visitor();
    let theirs = of(&model.say(visitor, Written::Message).unwrap());
    model.end();
    for act in [
        edit(&theirs),
        react(&theirs),
        assign(UserId::new()),
        Act::Prioritise(Priority::High),
        Act::Snooze(Some(model.now + Duration::hours(1))),
        Act::Join(UserId::new()),
    ] {
        assert!(model.act(visitor, act.clone()).is_err(), "{act:?}");
        assert!(model.act(Actor::System, act.clone()).is_err(), "{act:?}");
    }
    model.done(person(), Act::Label(vec!["refund".to_owned()]));
    model.done(
        visitor,
        Act::Rate {
            score: 5,
            body: None,
        },
    );
    assert_eq!(
        model.act(
            visitor,
            Act::Rate {
                score: 5,
                body: None
            }
        ),
        Ok(None)
    );
}

#[test]
fn what_is_so_already_makes_no_entry() {
    let mut model = Model::new();
    let (ada, user, team) = (person(), UserId::new(), TeamId::new());
    let to_team = Act::Assign {
        user_id: Field::Absent,
        team_id: Field::Value(team),
    };
    let labels = |labels: [&str; 3]| Act::Label(labels.map(str::to_owned).to_vec());
    let until = model.now + Duration::hours(1);
    for act in [
        assign(user),
        to_team.clone(),
        labels([" b", "a ", "a"]),
        Act::Prioritise(Priority::Urgent),
        Act::Snooze(Some(until)),
        Act::Join(user),
    ] {
        assert!(model.act(ada, act.clone()).unwrap().is_some(), "{act:?}");
        assert_eq!(model.act(ada, act.clone()), Ok(None), "{act:?}");
    }
    let head = model.head();
    assert_eq!((head.assignee, head.team), (Some(user), Some(team)));
    assert_eq!(head.labels, ["a", "b"]);
    assert_eq!(
        (head.priority, head.snoozed_until),
        (Priority::Urgent, Some(until))
    );
    model.done(ada, Act::Leave(user));
    assert_eq!(model.act(ada, Act::Leave(user)), Ok(None));
    // The product gives to nobody what somebody has.
    assert_eq!(model.act(Actor::System, assign(UserId::new())), Ok(None));
    // The agent knows teams, not people.
    let agent = model.agent();
    assert_eq!(
        model.act(agent, assign(UserId::new())),
        Err(Refusal::NotYours)
    );
    assert_eq!(model.act(agent, to_team), Ok(None));
}
