//! What happens when messages, answers and people come at the same time.

use std::sync::Arc;

use agent_api::Agent;
use chat_api::{Entry, OwnerState};
use ids::ChannelId;
use llm::fake::{Script, Step};
use testkit::eventually;
use tokio::sync::Notify;

use crate::support::{Instance, QUESTION, World, chat::Frame};

async fn shop() -> (World, Instance, Agent, ChannelId) {
    let (world, at) = World::with_instance().await;
    let agent = world.shop(&at).await;
    let channel = world.start(&at, agent.id).await.channel_id;
    (world, at, agent, channel)
}

fn texts(entries: &[Entry]) -> Vec<&str> {
    entries
        .iter()
        .map(|entry| entry.body.as_ref().unwrap().text.expose().as_str())
        .collect()
}

/// Waits until the model was asked this often.
async fn asked(world: &World, count: usize) {
    eventually("the model is asked", || async {
        (world.llm.seen().len() >= count).then_some(())
    })
    .await;
}

/// Waits until the customer sees this much.
async fn shown(world: &World, channel: ChannelId, text: &str) {
    eventually("the text is shown", || async {
        (world.chat.shown(channel).as_deref() == Some(text)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn two_messages_before_the_first_word_get_one_answer_to_both() {
    let (world, _at, _agent, channel) = shop().await;
    let never = Arc::<Notify>::default();
    world
        .llm
        .script(Script::held(&never, "never said"))
        .script(Script::text("Both: 60 days. [1]"));
    world.chat.say(channel, QUESTION).await;
    asked(&world, 1).await;
    world.chat.say(channel, "And for used gear?").await;
    assert_eq!(
        texts(&world.chat.answered(channel, 1).await),
        ["Both: 60 days. [1]"]
    );
    assert_eq!(
        world.llm.seen()[1].question(),
        format!("{QUESTION}\nAnd for used gear?")
    );
    let turns = world.turns_done(channel, 1).await;
    assert_eq!((turns.len(), turns[0].answers_to_seq), (1, 3));
    // Nothing of the first attempt was ever shown.
    let deltas = world
        .chat
        .frames(channel)
        .iter()
        .filter(|frame| matches!(frame, Frame::Delta { offset: 0, .. }))
        .count();
    assert_eq!(deltas, 1);
    let row = world.row(channel).await;
    assert_eq!((row.wanted_seq, row.answered_seq), (3, 3));
}

#[tokio::test]
async fn messages_whose_events_come_late_are_answered_together_and_once() {
    let (world, _at, _agent, channel) = shop().await;
    world.llm.script(Script::text("Both: 60 days. [1]"));
    world.chat.hold_events();
    world.chat.say(channel, QUESTION).await;
    world.chat.say(channel, "And for used gear?").await;
    world.chat.release_events().await;
    world.chat.answered(channel, 1).await;
    eventually("both are answered", || async {
        (world.row(channel).await.wanted_seq == 3).then_some(())
    })
    .await;
    let row = world.row(channel).await;
    assert_eq!(
        (row.answered_seq, world.chat.answers(channel).len()),
        (3, 1)
    );
}

#[tokio::test]
async fn a_message_after_the_first_word_gets_the_next_answer() {
    let (world, _at, _agent, channel) = shop().await;
    let hold = Arc::<Notify>::default();
    world.llm.script(Script::Stream(vec![
        Step::Delta("First: ".to_owned()),
        Step::Hold(hold.clone()),
        Step::Delta("60 days. [1]".to_owned()),
        Step::Finish("stop"),
    ]));
    world.llm.script(Script::text("Second: 7 days. [1]"));
    world.chat.say(channel, QUESTION).await;
    shown(&world, channel, "First:").await;
    world
        .chat
        .say(channel, "How many days does shipping to Canada take?")
        .await;
    eventually("the second is wanted", || async {
        (world.row(channel).await.wanted_seq == 3).then_some(())
    })
    .await;
    hold.notify_one();
    let answers = world.chat.answered(channel, 2).await;
    assert_eq!(
        texts(&answers),
        ["First: 60 days. [1]", "Second: 7 days. [1]"]
    );
    let turns = world.turns_done(channel, 2).await;
    assert_eq!(
        turns
            .iter()
            .map(|turn| turn.answers_to_seq)
            .collect::<Vec<_>>(),
        [2, 3]
    );
    let second = &world.llm.seen()[1];
    assert_eq!(
        second.question(),
        "How many days does shipping to Canada take?"
    );
    assert!(
        second
            .messages
            .iter()
            .any(|message| message.content == "First: 60 days.")
    );
}

#[tokio::test]
async fn many_quick_messages_end_with_every_one_answered() {
    let (world, _at, _agent, channel) = shop().await;
    world.llm.otherwise(|_| Script::text("60 days. [1]"));
    for _ in 0..10 {
        world.chat.say(channel, QUESTION).await;
    }
    eventually("all are answered", || async {
        (world.row(channel).await.answered_seq >= 11).then_some(())
    })
    .await;
    let answers = world.chat.answers(channel);
    assert!((1..=10).contains(&answers.len()), "{}", answers.len());
    assert!(
        world
            .chat
            .entries(channel)
            .last()
            .unwrap()
            .turn_id
            .is_some(),
        "the last word is an answer"
    );
}

#[tokio::test]
async fn a_takeover_in_mid_answer_ends_it_silently() {
    let (world, _at, _agent, channel) = shop().await;
    let hold = Arc::<Notify>::default();
    world.llm.script(Script::Stream(vec![
        Step::Delta("I will now tell you ".to_owned()),
        Step::Hold(hold.clone()),
        Step::Delta("everything [1]".to_owned()),
        Step::Finish("stop"),
    ]));
    world.chat.say(channel, QUESTION).await;
    shown(&world, channel, "I will now tell you").await;
    world.chat.set_owner(channel, OwnerState::Human).await;
    eventually("the message is not wanted any more", || async {
        let row = world.row(channel).await;
        (row.owner == "human" && row.answered_seq == 2 && !row.leased).then_some(())
    })
    .await;
    hold.notify_one();
    // Back to the AI: it answers what comes from now on, and nothing from before.
    world.chat.set_owner(channel, OwnerState::Ai).await;
    world.llm.script(Script::text("60 days. [1]"));
    world.chat.say(channel, QUESTION).await;
    let answers = world.chat.answered(channel, 1).await;
    assert_eq!(texts(&answers), ["60 days. [1]"]);
    let frames = world.chat.frames(channel);
    let takeover = frames
        .iter()
        .position(
            |frame| matches!(frame, Frame::Entry(entry) if entry.owner == Some(OwnerState::Human)),
        )
        .unwrap();
    let back = frames
        .iter()
        .position(|frame| matches!(frame, Frame::Entry(entry) if entry.seq == 4))
        .unwrap();
    assert!(
        !frames[takeover..back]
            .iter()
            .any(|frame| matches!(frame, Frame::Delta { .. })),
        "{frames:?}"
    );
}

#[tokio::test]
async fn a_takeover_before_the_first_word_means_no_word() {
    let (world, _at, _agent, channel) = shop().await;
    let never = Arc::<Notify>::default();
    world.llm.script(Script::held(&never, "never said"));
    world.chat.say(channel, QUESTION).await;
    asked(&world, 1).await;
    world.chat.set_owner(channel, OwnerState::Queued).await;
    eventually("the message is not wanted any more", || async {
        let row = world.row(channel).await;
        (row.answered_seq == 2 && !row.leased).then_some(())
    })
    .await;
    assert!(world.chat.answers(channel).is_empty());
    assert_eq!(world.chat.shown(channel), None);
}

#[tokio::test]
async fn a_conversation_that_ends_in_mid_answer_stays_ended() {
    let (world, at, agent, channel) = shop().await;
    let hold = Arc::<Notify>::default();
    world.llm.script(Script::Stream(vec![
        Step::Delta("I will".to_owned()),
        Step::Hold(hold.clone()),
        Step::Finish("stop"),
    ]));
    world.chat.say(channel, QUESTION).await;
    shown(&world, channel, "I will").await;
    world.chat.set_owner(channel, OwnerState::Closed).await;
    eventually("the row is closed and settled", || async {
        let row = world.row(channel).await;
        (row.owner == "closed" && row.answered_seq == 2 && !row.leased).then_some(())
    })
    .await;
    hold.notify_one();
    // A conversation elsewhere is answered meanwhile; in this one nothing more is said.
    world.llm.script(Script::text("60 days. [1]"));
    let other = world.start(&at, agent.id).await.channel_id;
    world.chat.say(other, QUESTION).await;
    world.chat.answered(other, 1).await;
    assert!(world.chat.answers(channel).is_empty());
}

#[tokio::test]
async fn what_is_said_to_a_person_is_never_answered_by_the_agent() {
    let (world, _at, _agent, channel) = shop().await;
    world.chat.set_owner(channel, OwnerState::Human).await;
    world.chat.say(channel, QUESTION).await;
    world.chat.set_owner(channel, OwnerState::Ai).await;
    world.chat.say(channel, "Hello").await;
    world.chat.answered(channel, 1).await;
    let row = world.row(channel).await;
    assert_eq!((row.wanted_seq, row.owner.as_str()), (5, "ai"));
    assert!(world.llm.seen().is_empty());
    assert_eq!(world.turns_done(channel, 1).await[0].answers_to_seq, 5);
}

#[tokio::test]
async fn events_that_come_twice_and_in_any_order_change_nothing() {
    let (world, _at, _agent, channel) = shop().await;
    world.chat.hold_events();
    world.chat.set_owner(channel, OwnerState::Human).await;
    world.chat.set_owner(channel, OwnerState::Ai).await;
    world.chat.say(channel, "Hello").await;
    {
        let mut state = world.chat.state();
        let held = state.held_events.as_mut().unwrap();
        held.reverse();
        let twice = held.clone();
        held.extend(twice);
    }
    world.chat.release_events().await;
    world.chat.answered(channel, 1).await;
    world.turns_done(channel, 1).await;
    eventually("the queue is empty", || async {
        (world.broker.depth("agent.turns").await == 0).then_some(())
    })
    .await;
    let row = world.row(channel).await;
    assert_eq!(
        (
            row.owner.as_str(),
            row.answered_seq,
            world.chat.answers(channel).len()
        ),
        ("ai", 4, 1)
    );
}
