//! Starting conversations, and the agent's own log of them.

use agent_api::Conversation;
use chat_api::OwnerState;
use common::tokens::Role;
use futures::future::join_all;
use ids::{AgentId, UserId, VisitorId};
use llm::fake::Script;
use mongodb::bson::Bson;
use reqwest::{Method, StatusCode};
use serde_json::json;
use testkit::{eventually, eventually_within};

use crate::support::{QUESTION, World, refused};

#[tokio::test]
async fn a_conversation_is_started_once_and_found_again() {
    let (world, at) = World::with_instance().await;
    let agent = world.create_agent(&at, json!({ "name": "Juniper" })).await;
    let token = world
        .keys
        .visitor(world.workspace, VisitorId::new(), agent.id);
    let path = format!("/agents/{}/start", agent.id);
    let start = || {
        world
            .request_as(&at, &token, Method::POST, &path)
            .json(&json!({}))
    };
    let first = start().send().await.unwrap();
    assert_eq!(first.status(), StatusCode::CREATED);
    let first: Conversation = first.json().await.unwrap();
    assert_eq!(
        (first.agent_id, first.agent_name.as_str(), first.owner),
        (agent.id, "Juniper", OwnerState::Ai)
    );
    assert_eq!(
        (first.head_seq, first.conversation_id),
        (1, first.channel_id)
    );
    let again = start().send().await.unwrap();
    assert_eq!(again.status(), StatusCode::OK);
    assert_eq!(again.json::<Conversation>().await.unwrap(), first);
    let without_a_body = world.request_as(&at, &token, Method::POST, &path);
    let without_a_body = without_a_body.send().await.unwrap();
    assert_eq!(without_a_body.status(), StatusCode::OK);
    assert_ne!(
        world.start(&at, agent.id).await.channel_id,
        first.channel_id,
        "another visitor's is another one"
    );
}

#[tokio::test]
async fn starting_at_once_makes_one_conversation() {
    let (world, at) = World::with_instance().await;
    let agent = world.create_agent(&at, json!({ "name": "Juniper" })).await;
    let token = world
        .keys
        .visitor(world.workspace, VisitorId::new(), agent.id);
    let path = format!("/agents/{}/start", agent.id);
    let start = async || {
        let response = world
            .request_as(&at, &token, Method::POST, &path)
            .json(&json!({}))
            .send()
            .await
            .unwrap();
        (
            response.status(),
            response.json::<Conversation>().await.unwrap().channel_id,
        )
    };
    let answers = join_all((0..12).map(|_| start())).await;
    assert!(
        answers.iter().all(|(_, channel)| *channel == answers[0].1),
        "{answers:?}"
    );
    let made = answers
        .iter()
        .filter(|(status, _)| *status == StatusCode::CREATED)
        .count();
    assert_eq!((made, world.chat.state().rooms.len()), (1, 1));
}

#[tokio::test]
async fn who_may_start_one() {
    let (world, at) = World::with_instance().await;
    let agent = world.create_agent(&at, json!({ "name": "Juniper" })).await;
    let path = format!("/agents/{}/start", agent.id);
    let start = |token: &str| {
        world
            .request_as(&at, token, Method::POST, &path)
            .json(&json!({}))
    };

    let of_another = world
        .keys
        .visitor(world.workspace, VisitorId::new(), AgentId::new());
    refused(start(&of_another), StatusCode::FORBIDDEN, "forbidden").await;
    let viewer = world
        .keys
        .person(world.workspace, UserId::new(), Role::Viewer);
    refused(start(&viewer), StatusCode::FORBIDDEN, "forbidden").await;
    let nobody = AgentId::new();
    let token = world
        .keys
        .visitor(world.workspace, VisitorId::new(), nobody);
    let unknown = world
        .request_as(
            &at,
            &token,
            Method::POST,
            &format!("/agents/{nobody}/start"),
        )
        .json(&json!({}));
    refused(unknown, StatusCode::NOT_FOUND, "not_found").await;

    let owner = world.keys.person(world.workspace, world.user, Role::Owner);
    let response = start(&owner).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::CREATED);
    let channel = response.json::<Conversation>().await.unwrap().channel_id;
    let plays = world.chat.state().rooms[&channel].channel.visitor_id;
    assert_eq!(plays.as_uuid(), world.user.as_uuid());
}

#[tokio::test]
async fn a_closed_conversation_is_replaced_even_before_its_event_came() {
    let (world, at) = World::with_instance().await;
    let agent = world.create_agent(&at, json!({ "name": "Juniper" })).await;
    let visitor = VisitorId::new();
    let first = world.start_as(&at, agent.id, visitor).await;
    world.chat.hold_events();
    world
        .chat
        .set_owner(first.channel_id, OwnerState::Closed)
        .await;
    let second = world.start_as(&at, agent.id, visitor).await;
    assert_ne!(second.channel_id, first.channel_id);
    assert_eq!(world.row(first.channel_id).await.owner, "closed");
    world.chat.release_events().await;
    assert_eq!(
        world.start_as(&at, agent.id, visitor).await.channel_id,
        second.channel_id
    );
}

#[tokio::test]
async fn without_chat_no_conversation_begins_and_the_next_try_makes_one() {
    let (world, at) = World::with_instance().await;
    let agent = world.create_agent(&at, json!({ "name": "Juniper" })).await;
    let token = world
        .keys
        .visitor(world.workspace, VisitorId::new(), agent.id);
    let path = format!("/agents/{}/start", agent.id);
    let start = || {
        world
            .request_as(&at, &token, Method::POST, &path)
            .json(&json!({}))
    };
    world.chat_proxy.take_down();
    refused(start(), StatusCode::SERVICE_UNAVAILABLE, "unavailable").await;
    world.chat_proxy.bring_up();
    assert_eq!(start().send().await.unwrap().status(), StatusCode::CREATED);
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM agent.conversations")
        .fetch_one(&world.postgres.pool)
        .await
        .unwrap();
    assert_eq!(rows, 1);
}

#[tokio::test]
async fn the_log_tells_the_whole_conversation_in_the_documented_shape() {
    let (world, at) = World::with_instance().await;
    let agent = world.shop(&at).await;
    world.llm.script(Script::text("You have 60 days. [1]"));
    let visitor = VisitorId::new();
    let channel = world.start_as(&at, agent.id, visitor).await.channel_id;
    world.chat.say(channel, QUESTION).await;
    world.chat.answered(channel, 1).await;
    let log = eventually("the answer is logged", || async {
        world
            .log(channel)
            .await
            .into_iter()
            .next()
            .filter(|log| log.get_array("messages").unwrap().len() == 2)
    })
    .await;
    assert_eq!(log.get_str("_id").unwrap(), channel.to_string());
    assert_eq!(log.get_str("agent_id").unwrap(), agent.id.to_string());
    assert_eq!(
        log.get_str("workspace_id").unwrap(),
        world.workspace.to_string()
    );
    assert_eq!(
        log.get_str("contact_id").unwrap(),
        world.crm.contact_of(visitor).unwrap().to_string()
    );
    let messages = log.get_array("messages").unwrap();
    let message = |at: usize| messages[at].as_document().unwrap();
    let said = |at: usize| {
        let message = message(at);
        (
            message.get_str("role").unwrap(),
            message.get_str("content").unwrap(),
            message.get_i64("seq").unwrap(),
        )
    };
    assert_eq!(said(0), ("user", QUESTION, 2));
    assert_eq!(said(1), ("agent", "You have 60 days. [1]", 3));
    assert!(message(0).get_datetime("timestamp").is_ok());
    assert_eq!(message(1).get_array("sources").unwrap().len(), 1);
    assert_eq!(message(1).get_str("outcome").unwrap(), "answered");
    assert_eq!(
        message(1)
            .get_document("tokens")
            .unwrap()
            .get_i64("prompt")
            .unwrap(),
        120
    );
    let metadata = log.get_document("metadata").unwrap();
    assert_eq!(
        (metadata.get("sentiment"), metadata.get("intent")),
        (Some(&Bson::Null), Some(&Bson::Null))
    );
    assert!(!metadata.get_bool("escalated").unwrap());

    world.chat.set_owner(channel, OwnerState::Human).await;
    world.chat.say(channel, "Thank you, person").await;
    world.chat.set_owner(channel, OwnerState::Closed).await;
    let log = eventually("the end is logged", || async {
        world
            .log(channel)
            .await
            .into_iter()
            .next()
            .filter(|log| log.get_datetime("closed_at").is_ok())
    })
    .await;
    let said: Vec<_> = log
        .get_array("messages")
        .unwrap()
        .iter()
        .map(|m| m.as_document().unwrap().get_i64("seq").unwrap())
        .collect();
    assert_eq!(said, [2, 3, 5]);
    assert!(
        log.get_document("metadata")
            .unwrap()
            .get_bool("escalated")
            .unwrap()
    );
    assert_eq!(world.row(channel).await.logged_seq, 6);
}

#[tokio::test]
async fn a_long_conversation_goes_on_in_further_buckets() {
    let (world, at) = World::with_instance().await;
    let agent = world.create_agent(&at, json!({ "name": "Juniper" })).await;
    let channel = world.start(&at, agent.id).await.channel_id;
    world.chat.set_owner(channel, OwnerState::Human).await;
    for n in 0..230 {
        world.chat.say(channel, &format!("message {n}")).await;
    }
    world.chat.set_owner(channel, OwnerState::Closed).await;
    let log = eventually_within(
        std::time::Duration::from_secs(30),
        "everything is logged",
        || async {
            let log = world.log(channel).await;
            let count: usize = log
                .iter()
                .map(|bucket| bucket.get_array("messages").unwrap().len())
                .sum();
            (count == 230).then_some(log)
        },
    )
    .await;
    let sizes: Vec<_> = log
        .iter()
        .map(|bucket| bucket.get_array("messages").unwrap().len())
        .collect();
    // The first two entries are changes of owner.
    assert_eq!(sizes, [98, 100, 32]);
    let ids: Vec<_> = log
        .iter()
        .map(|bucket| bucket.get_str("_id").unwrap().to_owned())
        .collect();
    assert_eq!(
        ids,
        [
            channel.to_string(),
            format!("{channel}:1"),
            format!("{channel}:2")
        ]
    );
    let seqs: Vec<_> = log
        .iter()
        .flat_map(|bucket| bucket.get_array("messages").unwrap())
        .map(|message| message.as_document().unwrap().get_i64("seq").unwrap())
        .collect();
    assert_eq!(seqs, (3..233).collect::<Vec<_>>());
}

#[tokio::test]
async fn logging_again_changes_nothing() {
    let (world, at) = World::with_instance().await;
    let agent = world.create_agent(&at, json!({ "name": "Juniper" })).await;
    let channel = world.start(&at, agent.id).await.channel_id;
    world.chat.say(channel, "Hello").await;
    world.chat.answered(channel, 1).await;
    let logged = || async {
        world
            .log(channel)
            .await
            .into_iter()
            .next()
            .filter(|log| log.get_array("messages").unwrap().len() == 2)
    };
    let before = eventually("it is logged", logged).await;
    // As after a crash between the two stores.
    sqlx::query("UPDATE agent.conversations SET logged_seq = 0, log_due_at = clock_timestamp()")
        .execute(&world.postgres.pool)
        .await
        .unwrap();
    eventually("it is logged again", || async {
        (world.row(channel).await.logged_seq == 3).then_some(())
    })
    .await;
    assert_eq!(world.log(channel).await, [before]);
}
