//! How a channel stands after what is done: asleep, waiting, or gone on in another one.

use chat_api::Change;

use super::*;

#[test]
fn a_sleeping_channel_wakes_when_the_visitor_writes_or_when_it_is_time() {
    let mut model = Model::new();
    let (ada, visitor) = (person(), model.visitor());
    let until = model.now + Duration::hours(1);
    model.done(ada, Act::Snooze(Some(until)));
    assert!(close_idle(&model.head(), until + Duration::days(1)).is_none());
    model.say(ada, Written::Note).unwrap();
    assert_eq!(
        model.head().snoozed_until,
        Some(until),
        "a note wakes nobody"
    );
    model.say(visitor, Written::Message).unwrap();
    let before = &model.log[model.log.len() - 2].entry;
    assert_eq!(before.change, Some(Change::Snoozed { until: None }));
    assert_eq!(
        (before.sender.kind, before.private),
        (SenderKind::System, true)
    );
    assert_eq!(model.head().snoozed_until, None);

    let until = model.now + Duration::hours(1);
    model.done(ada, Act::Snooze(Some(until)));
    assert!(wake(&model.head(), until - Duration::seconds(1)).is_none());
    let draft = wake(&model.head(), until).unwrap();
    model.append(draft);
    assert!(wake(&model.head(), until).is_none());
}

#[test]
fn a_visitor_waits_from_the_first_unanswered_word_until_a_person_writes() {
    let mut model = Model::new();
    let (ada, visitor) = (person(), model.visitor());
    model.say(visitor, Written::Message).unwrap();
    assert_eq!(model.head().waiting_since, None, "the ai answers");
    let queued = model.done(visitor, owner(OwnerState::Queued)).entry;
    assert_eq!(model.head().queued_at, Some(queued.created_at));
    model.say(visitor, Written::Message).unwrap();
    assert_eq!(model.head().waiting_since, Some(queued.created_at));
    model.done(ada, owner(OwnerState::Human));
    assert_eq!(
        (model.head().queued_at, model.head().waiting_since),
        (None, Some(queued.created_at)),
        "somebody is there and has said nothing"
    );
    model.say(ada, Written::Message).unwrap();
    assert_eq!(model.head().waiting_since, None);
    let asked = model.say(visitor, Written::Message).unwrap().entry;
    model.say(visitor, Written::Message).unwrap();
    assert_eq!(model.head().waiting_since, Some(asked.created_at));
}

#[test]
fn a_merged_channel_takes_nothing_until_that_is_undone_and_then_it_is_as_before() {
    let mut model = Model::new();
    let (ada, visitor) = (UserId::new(), model.visitor());
    model.say(Actor::Person(ada), Written::Message).unwrap();
    let into = ChannelId::new();
    model.done(Actor::Person(ada), Act::Merge { into });
    let end = close_merged(&model.head()).unwrap();
    model.append(end);
    assert!(close_merged(&model.head()).is_none());
    assert_eq!(
        model.say(visitor, Written::Message).unwrap_err(),
        Refusal::Merged
    );
    assert_eq!(
        model.say(person(), Written::Note).unwrap_err(),
        Refusal::Merged
    );
    assert_eq!(
        model.act(person(), reopen(OwnerState::Ai, None)),
        Err(Refusal::Merged)
    );
    assert_eq!(
        model.act(visitor, Act::Unmerge { other: into }),
        Err(Refusal::NotYours)
    );
    let (now, merged) = (model.now, model.head());
    model.now += Duration::hours(25);
    assert_eq!(
        model.act(person(), Act::Unmerge { other: into }),
        Err(Refusal::TooLate)
    );
    model.now = now;
    assert!(reopen_unmerged(&merged).is_none());
    model.done(person(), Act::Unmerge { other: into });
    let begin = reopen_unmerged(&model.head()).unwrap();
    model.append(begin);
    let head = model.head();
    assert_eq!(
        (head.owner, head.person, head.episode, head.merged_into),
        (OwnerState::Human, Some(ada), 2, None)
    );
    assert!(reopen_unmerged(&head).is_none());
}

#[test]
fn channels_merge_when_both_are_open_or_closed_or_into_an_open_one_of_the_same_visitor() {
    let (mut one, mut two) = (Model::new(), Model::new());
    assert_eq!(may_merge(&one.head(), &two.head()), Ok(()));
    one.end();
    assert_eq!(may_merge(&one.head(), &two.head()), Err(Refusal::NoMerge));
    let same = Head {
        visitor_id: one.head().visitor_id,
        ..two.head()
    };
    assert_eq!(may_merge(&one.head(), &same), Ok(()));
    assert_eq!(may_merge(&same, &one.head()), Err(Refusal::NoMerge));
    two.end();
    assert_eq!(may_merge(&one.head(), &two.head()), Ok(()));
}
