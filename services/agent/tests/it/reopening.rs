//! Conversations that are opened again, and messages that become something else later.

use chat_api::{
    OwnerState, SenderKind,
    events::{ChannelClosed, ChannelReopened},
};
use ids::{ChannelId, VisitorId};
use llm::fake::Script;
use testkit::eventually;

use crate::support::{QUESTION, World};

/// What the model was told before the question, in its last request.
fn told(world: &World) -> String {
    let seen = world.llm.seen();
    let messages = &seen.last().unwrap().messages;
    let before = messages.iter().map(|message| message.content.as_str());
    before.collect::<Vec<_>>().join("\n")
}

async fn is_open(world: &World, channel: ChannelId) -> bool {
    sqlx::query_scalar("SELECT closed_at IS NULL FROM agent.conversations WHERE channel_id = $1")
        .bind(channel)
        .fetch_one(&world.postgres.pool)
        .await
        .unwrap()
}

async fn owner_becomes(world: &World, channel: ChannelId, owner: &str) {
    eventually("the row knows who answers", || async {
        (world.row(channel).await.owner == owner).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_reopened_conversation_is_answered_without_what_was_said_before() {
    let (world, at) = World::with_instance().await;
    let agent = world.shop(&at).await;
    let visitor = VisitorId::new();
    let channel = world.start_as(&at, agent.id, visitor).await.channel_id;
    world.llm.script(Script::text("You have 60 days. [1]"));
    world.chat.say(channel, QUESTION).await;
    world.chat.answered(channel, 1).await;
    world.chat.set_owner(channel, OwnerState::Closed).await;
    owner_becomes(&world, channel, "closed").await;
    assert!(!is_open(&world, channel).await);

    world.chat.reopen(channel, OwnerState::Ai).await;
    eventually("it is open", || async {
        is_open(&world, channel).await.then_some(())
    })
    .await;
    let again = world.start_as(&at, agent.id, visitor).await;
    assert_eq!(again.channel_id, channel, "it is the open one again");

    world.llm.script(Script::text("It costs $15. [1]"));
    world
        .chat
        .say(channel, "How much does shipping to Canada cost?")
        .await;
    world.chat.answered(channel, 2).await;
    let told = told(&world);
    assert!(told.contains("Canada"), "{told}");
    assert!(!told.contains("unused items?"), "the old question: {told}");
    assert!(
        !told.contains("You have 60 days."),
        "the old answer: {told}"
    );
}

#[tokio::test]
async fn news_of_the_end_and_of_the_reopening_may_come_in_any_order_and_twice() {
    let (world, at) = World::with_instance().await;
    let agent = world.shop(&at).await;
    let channel = world.start(&at, agent.id).await.channel_id;
    let room = world.chat.state().rooms[&channel].channel.clone();
    let closed = |seq| ChannelClosed {
        channel_id: channel,
        seq,
        agent_id: agent.id,
        visitor_id: room.visitor_id,
        closed_by: SenderKind::System,
        escalated: false,
        visitor_messages: 0,
        agent_messages: 0,
        user_messages: 0,
        opened_at: room.created_at,
        closed_at: room.created_at,
    };
    let reopened = ChannelReopened {
        channel_id: channel,
        seq: 3,
        episode: 2,
        agent_id: agent.id,
        visitor_id: room.visitor_id,
        owner: OwnerState::Ai,
        reopened_by: SenderKind::User,
        reopened_at: room.created_at,
    };
    // The reopening overtakes the end.
    world.chat.hold_events();
    world.chat.set_owner(channel, OwnerState::Closed).await;
    world.chat.reopen(channel, OwnerState::Ai).await;
    let held = world.chat.state().held_events.replace(Vec::new()).unwrap();
    for event in held.iter().rev().chain(&held) {
        world
            .chat
            .state()
            .held_events
            .as_mut()
            .unwrap()
            .push(event.clone());
    }
    world.chat.release_events().await;
    world.chat.say(channel, "Hello").await;
    world.chat.answered(channel, 1).await;
    eventually("it is open", || async {
        is_open(&world, channel).await.then_some(())
    })
    .await;
    assert_eq!(world.row(channel).await.owner, "ai");

    // It ends again; the old news comes once more.
    world.chat.set_owner(channel, OwnerState::Closed).await;
    owner_becomes(&world, channel, "closed").await;
    world.chat.tell_again(channel, &reopened).await;
    world.chat.tell_again(channel, &closed(2)).await;
    let after = world.start_as(&at, agent.id, room.visitor_id).await;
    world.chat.say(after.channel_id, "Hello").await;
    world.chat.answered(after.channel_id, 1).await;
    assert_ne!(after.channel_id, channel);
    assert_eq!(world.row(channel).await.owner, "closed");
    assert!(!is_open(&world, channel).await);
}

#[tokio::test]
async fn an_old_conversation_that_is_reopened_beside_a_new_one_is_answered_too() {
    let (world, at) = World::with_instance().await;
    let agent = world.shop(&at).await;
    let visitor = VisitorId::new();
    let old = world.start_as(&at, agent.id, visitor).await.channel_id;
    world.chat.set_owner(old, OwnerState::Closed).await;
    owner_becomes(&world, old, "closed").await;
    let new = world.start_as(&at, agent.id, visitor).await.channel_id;
    world.chat.reopen(old, OwnerState::Ai).await;
    owner_becomes(&world, old, "ai").await;
    for channel in [old, new] {
        world.chat.say(channel, "Hello").await;
        world.chat.answered(channel, 1).await;
    }
    let found = world.start_as(&at, agent.id, visitor).await.channel_id;
    assert_eq!(found, new);
}

#[tokio::test]
async fn the_log_follows_edits_deletions_and_reopenings() {
    let (world, at) = World::with_instance().await;
    let agent = world.shop(&at).await;
    let channel = world.start(&at, agent.id).await.channel_id;
    world.chat.set_owner(channel, OwnerState::Human).await;
    let first = world.chat.say(channel, "My card is 4111").await;
    let second = world.chat.say(channel, "I ment this").await;
    world.chat.set_owner(channel, OwnerState::Closed).await;
    let contents = || async {
        let log = world.log(channel).await;
        let messages = log.first()?.get_array("messages").ok()?.clone();
        let content = |message: &mongodb::bson::Bson| {
            let message = message.as_document().unwrap();
            message.get_str("content").unwrap().to_owned()
        };
        Some(messages.iter().map(content).collect::<Vec<_>>())
    };
    let logged = |expected: &'static [&'static str]| {
        let contents = &contents;
        eventually("the log says so", move || async move {
            (contents().await? == expected).then_some(())
        })
    };
    logged(&["My card is 4111", "I ment this"]).await;
    world.chat.reopen(channel, OwnerState::Human).await;
    world.chat.revise(channel, first, None).await;
    world
        .chat
        .revise(channel, second, Some("I meant this"))
        .await;
    logged(&["I meant this"]).await;
    let log = world.log(channel).await;
    let closed_at = log[0].get("closed_at").unwrap();
    assert_eq!(closed_at.as_null(), Some(()), "it is open again");
}
