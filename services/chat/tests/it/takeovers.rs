//! The AI's answers, and somebody who takes over.

use std::time::Duration;

use chat_api::{OwnerState, SetOwner};
use common::ErrorCode;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use reqwest::StatusCode;

use crate::{
    replies::{asked, code, commit, until_refused},
    support::{Fleet, seqs},
};

#[tokio::test]
async fn a_takeover_stops_the_reply_at_once() {
    let fleet = Fleet::start().await;
    let instances = [fleet.instance().await, fleet.instance().await];
    // On the same instance, and on another one that only Redis tells.
    for taker in &instances {
        let (conversation, mut socket) = asked(&fleet, &instances[0]).await;
        let mut reply = instances[0]
            .chat
            .reply(conversation.channel, &fleet.reply(1, 1, 2))
            .unwrap();
        reply.delta(0, "The answer".to_owned()).await.unwrap();
        socket.until("message.delta").await;
        let (status, _) = taker
            .set_owner(&fleet.person(), conversation.channel, "human")
            .await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(until_refused(reply, 10).await, ErrorCode::OwnerChanged);
        socket.until("state").await;
        // The next thing to come is what the visitor says.
        instances[0]
            .say(&conversation.token, conversation.channel, "thanks")
            .await;
        assert_eq!(socket.next().await["seq"], 4);
    }
}

/// At a random moment of a streamed reply somebody takes over, hands back, and takes over again. On no
/// socket does a word of the AI follow the `state` frame of a takeover that it was begun before.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_takeover_no_word_of_the_ai_reaches_any_socket() {
    let rounds = testkit::scaled(1_000);
    let fleet = Fleet::start().await;
    let instances = [fleet.instance().await, fleet.instance().await];
    let (mut refused, mut committed) = (0, 0);
    for round in 0..rounds {
        let mut dice = StdRng::seed_from_u64(round);
        let (here, there) = (
            &instances[dice.random_range(0..2)],
            &instances[dice.random_range(0..2)],
        );
        let (conversation, mut near) = asked(&fleet, here).await;
        let channel = conversation.channel;
        let mut far = there.follow(&fleet.person(), &[(channel, 2)]).await;
        let (pieces, moment) = (dice.random_range(1..12), dice.random_range(0..14_000));
        let header = fleet.reply(1, 1, 2);
        let taker = fleet.person();
        let speak = async {
            let mut reply = here.chat.reply(channel, &header).unwrap();
            for offset in 0..pieces {
                if let Err(error) = reply.delta(offset, "x".to_owned()).await {
                    return Err(code(&error));
                }
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
            reply
                .commit(commit("xxx"))
                .await
                .map(|entry| entry.seq)
                .map_err(|error| code(&error))
        };
        let take = async {
            tokio::time::sleep(Duration::from_micros(moment)).await;
            let change = if dice.random_bool(0.5) {
                "human"
            } else {
                "queued"
            };
            let token = if change == "human" {
                &taker
            } else {
                &conversation.token
            };
            assert_eq!(
                there.set_owner(token, channel, change).await.0,
                StatusCode::OK
            );
        };
        let (spoken, ()) = tokio::join!(speak, take);
        match spoken {
            Ok(_) => committed += 1,
            Err(code) => {
                assert_eq!(code, ErrorCode::OwnerChanged);
                refused += 1;
            }
        }
        // Whatever came of it, the visitor has the last word.
        let (_, last) = here.say(&conversation.token, channel, "the end").await;
        let last = last["seq"].as_i64().unwrap();
        for socket in [&mut near, &mut far] {
            let frames = socket.up_to(last).await;
            let entries = seqs(&frames);
            assert_eq!(entries, (3..=last).collect::<Vec<_>>(), "round {round}");
            let mut version = 1;
            for frame in &frames {
                if frame["type"] == "state" {
                    version = frame["seq"].as_i64().unwrap();
                }
                let of_the_ai =
                    frame["type"] == "message.delta" || frame["sender"]["kind"] == "agent";
                if of_the_ai {
                    assert_eq!(
                        frame["owner_version"], version,
                        "round {round}: {frames:#?}"
                    );
                }
            }
        }
    }
    assert!(
        refused > rounds / 10 && committed > rounds / 10,
        "{refused} refused, {committed} committed"
    );
}

#[tokio::test]
async fn the_agent_goes_on_under_the_owner_that_it_knows() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let (conversation, mut socket) = asked(&fleet, &chat).await;
    let channel = conversation.channel;
    let change = SetOwner {
        owner: OwnerState::Queued,
        reason: None,
        if_owner_version: Some(1),
    };
    let queued = chat
        .chat
        .set_owner(fleet.workspace, channel, change)
        .await
        .unwrap();
    assert_eq!(queued.owner_version, 3);
    let mut reply = chat.chat.reply(channel, &fleet.reply(1, 3, 2)).unwrap();
    reply
        .delta(0, "Somebody will come.".to_owned())
        .await
        .unwrap();
    assert_eq!(socket.until("message.delta").await["owner_version"], 3);
    assert_eq!(
        reply
            .commit(commit("Somebody will come."))
            .await
            .unwrap()
            .seq,
        4
    );
}
