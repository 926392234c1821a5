//! What breaks while an answer is made: processes, chat, the model, the CRM, PostgreSQL.

use std::{sync::Arc, time::Duration};

use agent_api::Agent;
use chat_api::{Entry, OwnerState};
use ids::ChannelId;
use llm::fake::{Script, Step};
use testkit::{Proxy, eventually, eventually_within};
use tokio::sync::Notify;
use url::Url;

use crate::support::{Instance, Options, QUESTION, World, chat::Frame};

async fn shop() -> (World, Instance, Agent, ChannelId) {
    let (world, at) = World::with_instance().await;
    let agent = world.shop(&at).await;
    let channel = world.start(&at, agent.id).await.channel_id;
    (world, at, agent, channel)
}

fn text(entry: &Entry) -> &str {
    entry.body.as_ref().unwrap().text.expose()
}

/// Half an answer, then silence until the test lets go.
fn half(hold: &Arc<Notify>) -> Script {
    Script::Stream(vec![
        Step::Delta("Half an answer ".to_owned()),
        Step::Hold(hold.clone()),
        Step::Delta("and the rest [1]".to_owned()),
        Step::Finish("stop"),
    ])
}

async fn shown(world: &World, channel: ChannelId, text: &str) {
    eventually("the text is shown", || async {
        (world.chat.shown(channel).as_deref() == Some(text)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_killed_process_leaves_its_answer_to_another_within_ten_seconds() {
    let (world, first, _agent, channel) = shop().await;
    let hold = Arc::<Notify>::default();
    world
        .llm
        .script(half(&hold))
        .script(Script::text("60 days, said anew. [1]"));
    world.chat.say(channel, QUESTION).await;
    shown(&world, channel, "Half an answer").await;
    first.kill();
    let _second = Instance::start(&world).await;
    // `answered` waits for ten seconds at most.
    let answers = world.chat.answered(channel, 1).await;
    assert_eq!(
        (answers.len(), text(&answers[0])),
        (1, "60 days, said anew. [1]")
    );
    let starts: Vec<_> = world
        .chat
        .frames(channel)
        .into_iter()
        .filter_map(|frame| match frame {
            Frame::Delta {
                turn,
                epoch,
                offset: 0,
                ..
            } => Some((turn, epoch)),
            _ => None,
        })
        .collect();
    let [(turn, epoch), (next_turn, next_epoch)] = starts[..] else {
        panic!("{starts:?}")
    };
    assert!(
        turn == next_turn && next_epoch > epoch,
        "the same turn begins anew: {starts:?}"
    );
    let turns = world.turns_done(channel, 1).await;
    assert_eq!((turns.len(), turns[0].outcome.as_str()), (1, "answered"));
}

#[tokio::test]
async fn of_two_processes_only_one_answers() {
    let (world, _first, agent, _) = shop().await;
    let _second = Instance::start(&world).await;
    world
        .llm
        .otherwise(|_| Script::text("60 days. [1]").after(Step::Wait(Duration::from_millis(50))));
    let mut channels = Vec::new();
    for _ in 0..12 {
        channels.push(world.start(&_first, agent.id).await.channel_id);
    }
    for channel in &channels {
        world.chat.say(*channel, QUESTION).await;
    }
    for channel in &channels {
        world.chat.answered(*channel, 1).await;
        let turns = world.turns_done(*channel, 1).await;
        assert_eq!(
            (turns.len(), turns[0].epoch),
            (1, 1),
            "one lease was enough"
        );
    }
    let state = world.chat.state();
    assert_eq!(state.replies, channels.len(), "nobody else even tried");
    drop(state);
    assert_eq!(world.llm.seen().len(), channels.len());
}

#[tokio::test]
async fn chat_that_goes_away_in_mid_answer_is_told_again_from_the_beginning() {
    let (world, _at, _agent, channel) = shop().await;
    let hold = Arc::<Notify>::default();
    world.llm.script(half(&hold));
    world.chat.say(channel, QUESTION).await;
    shown(&world, channel, "Half an answer").await;
    world.chat_proxy.take_down();
    eventually("the customer's text is taken back", || async {
        world.chat.shown(channel).is_none().then_some(())
    })
    .await;
    hold.notify_one();
    world.chat_proxy.bring_up();
    let answers = world.chat.answered(channel, 1).await;
    assert_eq!(text(&answers[0]), "Half an answer and the rest [1]");
    assert_eq!(world.llm.seen().len(), 1, "the model was asked once");
    let turns = world.turns_done(channel, 1).await;
    assert_eq!(
        (turns[0].outcome.as_str(), turns[0].seq),
        ("answered", Some(answers[0].seq))
    );
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_found_in_the_log() {
    let (world, _at, _agent, channel) = shop().await;
    world.llm.script(Script::text("60 days. [1]"));
    world.chat.state().lose_answers = 1;
    world.chat.say(channel, QUESTION).await;
    let turns = world.turns_done(channel, 1).await;
    assert_eq!(
        (turns[0].outcome.as_str(), turns[0].seq),
        ("answered", Some(3))
    );
    assert_eq!(world.chat.answers(channel).len(), 1);
}

#[tokio::test]
async fn an_answer_that_nobody_recorded_is_recorded_by_the_next() {
    let (world, first, _agent, channel) = shop().await;
    world.llm.script(Script::text("60 days. [1]"));
    // PostgreSQL refuses the record, as it would be while it is down, until the process is killed.
    sqlx::query("ALTER TABLE agent.turns ADD CONSTRAINT refused CHECK (outcome = '')")
        .execute(&world.postgres.pool)
        .await
        .unwrap();
    world.chat.say(channel, QUESTION).await;
    world.chat.answered(channel, 1).await;
    first.kill();
    sqlx::query("ALTER TABLE agent.turns DROP CONSTRAINT refused")
        .execute(&world.postgres.pool)
        .await
        .unwrap();
    let _second = Instance::start(&world).await;
    let turns = world.turns_done(channel, 1).await;
    assert_eq!(
        (turns[0].outcome.as_str(), turns[0].seq),
        ("answered", Some(3))
    );
    assert_eq!(
        (world.chat.answers(channel).len(), world.llm.seen().len()),
        (1, 1)
    );
    assert_eq!(world.row(channel).await.answered_seq, 2);
}

#[tokio::test]
async fn a_person_who_was_promised_is_called_by_the_next_process() {
    let (world, first, _agent, channel) = shop().await;
    world.chat.state().refuse_owner_changes = true;
    world.chat.say(channel, "human please").await;
    world.chat.answered(channel, 1).await;
    first.kill();
    world.chat.state().refuse_owner_changes = false;
    let _second = Instance::start(&world).await;
    eventually("a person is called", || async {
        (world.chat.state().rooms[&channel].channel.owner == OwnerState::Queued).then_some(())
    })
    .await;
    assert_eq!(world.turns_done(channel, 1).await[0].outcome, "handed_off");
    assert_eq!(world.chat.answers(channel).len(), 1);
}

#[tokio::test]
async fn without_the_crm_the_answer_comes_all_the_same() {
    let (world, _at, _agent, channel) = shop().await;
    world.crm.set_down(true);
    world.llm.script(Script::text("60 days. [1]"));
    world.chat.say(channel, QUESTION).await;
    world.chat.answered(channel, 1).await;
    assert!(!world.llm.seen()[0].system().contains("Ada"));
    assert_eq!(world.row(channel).await.contact_id, None);
    // The log finds the contact later.
    world.crm.set_down(false);
    world.chat.set_owner(channel, OwnerState::Closed).await;
    eventually("the contact is known", || async {
        world.row(channel).await.contact_id
    })
    .await;
}

#[tokio::test]
async fn while_chat_is_down_messages_wait() {
    let (world, _at, _agent, channel) = shop().await;
    world.llm.script(Script::text("60 days. [1]"));
    world.chat_proxy.take_down();
    world.chat.say(channel, QUESTION).await;
    eventually("more than one attempt", || async {
        (world.row(channel).await.epoch >= 3).then_some(())
    })
    .await;
    world.chat_proxy.bring_up();
    assert_eq!(
        text(&world.chat.answered(channel, 1).await[0]),
        "60 days. [1]"
    );
}

/// Asks once, and answers what the customer sees in the end, with how often the model was asked.
async fn with_model(scripts: Vec<Script>) -> (Entry, usize, Option<String>) {
    let world = World::new().await;
    let options = Options::of(&world);
    with_options(world, options, scripts).await
}

async fn with_options(
    world: World,
    options: Options,
    scripts: Vec<Script>,
) -> (Entry, usize, Option<String>) {
    let at = Instance::with(&world, options).await;
    let agent = world.shop(&at).await;
    let channel = world.start(&at, agent.id).await.channel_id;
    for script in scripts {
        world.llm.script(script);
    }
    world.chat.say(channel, QUESTION).await;
    let answer = world.chat.answered(channel, 1).await.remove(0);
    let turn = world.turns_done(channel, 1).await.remove(0);
    let failed = answer.body.as_ref().unwrap().offers_person;
    assert_eq!(turn.outcome, if failed { "failed" } else { "answered" });
    (answer, world.llm.seen().len(), turn.error)
}

const SORRY: &str =
    "I am sorry, I cannot answer right now. Please try again in a moment, or ask for a person.";

#[tokio::test]
async fn a_model_that_fails_once_is_asked_again() {
    for fault in [
        Script::Status(500, "server_error", None),
        Script::Status(429, "rate_limit_exceeded", Some(1)),
        Script::Html,
        Script::Stream(vec![Step::Garbage]),
        Script::Stream(vec![Step::Finish("stop")]),
    ] {
        let (answer, asked, error) = with_model(vec![fault, Script::text("60 days. [1]")]).await;
        assert_eq!((text(&answer), asked, error), ("60 days. [1]", 2, None));
    }
}

#[tokio::test]
async fn a_model_that_breaks_off_is_asked_again_and_the_half_is_taken_back() {
    let half = Script::Stream(vec![Step::Delta("Half an ".to_owned()), Step::Cut]);
    let (answer, asked, error) = with_model(vec![half, Script::text("60 days. [1]")]).await;
    assert_eq!((text(&answer), asked, error), ("60 days. [1]", 2, None));
}

#[tokio::test]
async fn a_model_that_keeps_failing_gets_the_customer_a_plain_word() {
    let (answer, asked, error) = with_model(vec![Script::Status(503, "overloaded", None); 3]).await;
    assert_eq!((text(&answer), asked), (SORRY, 3));
    assert!(error.unwrap().contains("503"));

    let cut = Script::Stream(vec![Step::Delta("Half an ".to_owned()), Step::Cut]);
    let (answer, asked, error) = with_model(vec![cut; 3]).await;
    assert_eq!((text(&answer), asked), (SORRY, 3));
    assert!(error.unwrap().contains("broke off"));
}

#[tokio::test]
async fn a_refusal_is_not_tried_again() {
    let (answer, asked, error) =
        with_model(vec![Script::Status(404, "model_not_found", None)]).await;
    assert_eq!((text(&answer), asked), (SORRY, 1));
    assert!(error.unwrap().contains("404 model_not_found"));
    let (answer, asked, _) =
        with_model(vec![Script::Status(429, "rate_limit_exceeded", Some(60))]).await;
    assert_eq!(
        (text(&answer), asked),
        (SORRY, 1),
        "nobody waits a minute for a chat"
    );
}

#[tokio::test]
async fn a_slow_model_is_given_up_by_its_limits_and_by_the_watchdog() {
    let stall = Script::Stream(vec![Step::Stall]);
    let world = World::new().await;
    let mut options = Options::of(&world);
    options.llm.llm_first_delta = Duration::from_millis(300);
    let (answer, asked, error) = with_options(world, options, vec![stall.clone(); 3]).await;
    assert_eq!((text(&answer), asked), (SORRY, 3));
    assert!(error.unwrap().contains("the first word"));

    let world = World::new().await;
    let mut options = Options::of(&world);
    options.turns.turn_seconds = 1;
    options.llm.llm_first_delta = Duration::from_secs(60);
    options.llm.llm_between_deltas = Duration::from_secs(60);
    options.llm.llm_answer = Duration::from_secs(60);
    let at = Instance::with(&world, options).await;
    let agent = world.shop(&at).await;
    for script in [
        stall,
        Script::Stream(vec![Step::Delta("I think ".to_owned()), Step::Stall]),
    ] {
        let channel = world.start(&at, agent.id).await.channel_id;
        world.llm.script(script);
        world.chat.say(channel, QUESTION).await;
        assert_eq!(text(&world.chat.answered(channel, 1).await[0]), SORRY);
        let turn = world.turns_done(channel, 1).await.remove(0);
        assert!(
            turn.error.as_ref().unwrap().contains("the watchdog"),
            "{turn:?}"
        );
    }
}

#[tokio::test]
async fn without_embeddings_the_customer_is_told() {
    let (world, _at, _agent, channel) = shop().await;
    world
        .llm
        .embeddings_down(Script::Status(400, "bad_request", None));
    world.chat.say(channel, QUESTION).await;
    let answer = world.chat.answered(channel, 1).await.remove(0);
    assert_eq!(text(&answer), SORRY);
    assert!(world.llm.seen().is_empty());
}

#[tokio::test]
async fn a_message_that_kills_whoever_tries_it_is_given_up() {
    let (world, _at, _agent, channel) = shop().await;
    let hold = Arc::<Notify>::default();
    world.llm.script(Script::held(&hold, "never said"));
    world.chat.say(channel, QUESTION).await;
    eventually("it is tried", || async {
        (!world.llm.seen().is_empty()).then_some(())
    })
    .await;
    // As five processes would leave it that died over it; the next lease is the sixth.
    sqlx::query("UPDATE agent.conversations SET attempts = 5, epoch = epoch + 1, lease_until = NULL WHERE channel_id = $1")
        .bind(channel)
        .execute(&world.postgres.pool)
        .await
        .unwrap();
    let answer = world.chat.answered(channel, 1).await.remove(0);
    assert_eq!(text(&answer), SORRY);
    assert_eq!(world.llm.seen().len(), 1);
}

#[tokio::test]
async fn a_process_that_lost_its_lease_says_no_more() {
    let (world, _at, _agent, channel) = shop().await;
    let hold = Arc::<Notify>::default();
    world
        .llm
        .script(half(&hold))
        .script(Script::text("By the new holder. [1]"))
        .script(Script::text("The next one. [1]"));
    world.chat.say(channel, QUESTION).await;
    shown(&world, channel, "Half an answer").await;
    // Somebody else takes the lease, as after a pause of this process that was too long.
    sqlx::query("UPDATE agent.conversations SET epoch = epoch + 1, lease_until = NULL WHERE channel_id = $1")
        .bind(channel)
        .execute(&world.postgres.pool)
        .await
        .unwrap();
    let answers = world.chat.answered(channel, 1).await;
    hold.notify_one();
    assert_eq!(text(&answers[0]), "By the new holder. [1]");
    // By the time that another message is answered, the old holder had its chance.
    world.chat.say(channel, QUESTION).await;
    let answers = world.chat.answered(channel, 2).await;
    assert_eq!(text(&answers[1]), "The next one. [1]");
    let turns = world.turns_done(channel, 2).await;
    assert_eq!((turns.len(), world.chat.answers(channel).len()), (2, 2));
}

#[tokio::test]
async fn postgres_that_goes_away_in_mid_answer_costs_nothing() {
    let world = World::new().await;
    let direct = Url::parse(&world.postgres.url("agent")).unwrap();
    let proxy = Proxy::start(&direct).await;
    let options = Options {
        database_url: proxy.through(&direct).into(),
        ..Options::of(&world)
    };
    let at = Instance::with(&world, options).await;
    let agent = world.shop(&at).await;
    let channel = world.start(&at, agent.id).await.channel_id;
    let hold = Arc::<Notify>::default();
    world.llm.script(half(&hold));
    world.chat.say(channel, QUESTION).await;
    shown(&world, channel, "Half an answer").await;
    proxy.take_down();
    hold.notify_one();
    // Chat has it; nobody can record it.
    let answers = world.chat.answered(channel, 1).await;
    assert_eq!(text(&answers[0]), "Half an answer and the rest [1]");
    proxy.bring_up();
    let turns = eventually_within(Duration::from_secs(20), "it is recorded", || async {
        let turns = world.turns(channel).await;
        (!turns.is_empty()).then_some(turns)
    })
    .await;
    assert_eq!((turns.len(), turns[0].outcome.as_str()), (1, "answered"));
    assert_eq!(world.chat.answers(channel).len(), 1);
}

#[tokio::test]
async fn a_broker_that_breaks_its_connections_loses_no_message() {
    let (world, _at, agent, _) = shop().await;
    world.llm.otherwise(|_| Script::text("60 days. [1]"));
    let mut channels = Vec::new();
    for round in 0..6 {
        let channel = world.start(&_at, agent.id).await.channel_id;
        if round == 3 {
            world.broker.cut_connections().await;
        }
        world.chat.say(channel, QUESTION).await;
        channels.push(channel);
    }
    for channel in channels {
        let answers = eventually_within(Duration::from_secs(20), "it is answered", || async {
            let answers = world.chat.answers(channel);
            (!answers.is_empty()).then_some(answers)
        })
        .await;
        assert_eq!(answers.len(), 1);
    }
}
