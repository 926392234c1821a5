//! Channels that go on in others, that open again, and that sleep.

use std::time::Duration;

use chat::{
    hub::Audience,
    log::{Act, Acted, Actor, History, Place, Said},
};
use chat_api::{Body, Change, Entry, OwnerState, Written};
use chrono::DateTime;
use clock::Clock;
use common::ErrorCode;
use ids::{ChannelId, TurnId, UserId, VisitorId};
use testkit::eventually_within;

use crate::support::{Fleet, Instance, no_broker};

const SOON: Duration = Duration::from_secs(15);

fn said(text: &str) -> Said {
    Said {
        client_id: TurnId::new().to_string(),
        kind: Written::Message,
        body: Body::text(text),
    }
}

/// Two open channels of one visitor.
async fn two(fleet: &Fleet, chat: &Instance) -> (VisitorId, [Place; 2]) {
    let visitor = VisitorId::new();
    let mut places = Vec::new();
    for _ in 0..2 {
        places.push(Place {
            workspace: fleet.workspace,
            channel: fleet.open_for(chat, visitor).await.channel,
        });
    }
    (visitor, [places[0], places[1]])
}

fn changes(log: &[Entry]) -> Vec<Change> {
    log.iter()
        .filter_map(|entry| entry.change.clone())
        .collect()
}

fn merged(into: ChannelId) -> Change {
    Change::Merged { into }
}

fn absorbed(from: ChannelId) -> Change {
    Change::Absorbed { from }
}

#[tokio::test]
async fn a_merge_is_in_both_logs_and_undoing_it_gives_the_channel_back() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let (visitor, [one, two]) = two(&fleet, &chat).await;
    let (workspace, log) = (fleet.workspace, &chat.app.log);
    let ada = Actor::Person(UserId::new());
    log.say(one, ada, said("hello")).await.unwrap();
    let merge = async || log.merge(workspace, one.channel, two.channel, ada).await;
    let head = merge().await.unwrap();
    assert_eq!(
        (head.owner, head.merged_into),
        (OwnerState::Closed, Some(two.channel))
    );
    assert_eq!(merge().await.unwrap(), head, "it is so already");
    let logs = [
        fleet.log(&chat, one.channel).await,
        fleet.log(&chat, two.channel).await,
    ];
    assert_eq!(changes(&logs[0]), [merged(two.channel)]);
    assert_eq!(changes(&logs[1]), [absorbed(one.channel)]);
    assert_eq!(
        logs[0].last().unwrap().reason.as_deref(),
        Some("merged"),
        "the source has ended"
    );
    let refused = log
        .say(one, Actor::Visitor(visitor), said("is anybody there"))
        .await
        .unwrap_err();
    let problem = common::Problem::from(refused);
    assert_eq!(problem.code(), ErrorCode::ChannelClosed);

    let head = log.unmerge(workspace, one.channel, ada).await.unwrap();
    assert_eq!(
        (head.owner, head.person, head.episode),
        (OwnerState::Human, ada.person(), 2)
    );
    let unmerged = |other| Change::Unmerged { other };
    let last = |log: &[Entry]| changes(log).pop();
    assert_eq!(
        last(&fleet.log(&chat, one.channel).await),
        Some(unmerged(two.channel))
    );
    assert_eq!(
        last(&fleet.log(&chat, two.channel).await),
        Some(unmerged(one.channel))
    );
    log.say(one, Actor::Visitor(visitor), said("here I am"))
        .await
        .unwrap();
}

/// The instance dies right after the entry that decides.
#[tokio::test]
async fn a_merge_that_a_crash_left_half_done_is_ended_once() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let (_, [one, two]) = two(&fleet, &chat).await;
    let ada = Actor::Person(UserId::new());
    let act = Act::Merge { into: two.channel };
    chat.app.log.act(one, ada, act, None).await.unwrap();
    // Any number of instances may see it.
    let (next, _another) = (fleet.instance().await, fleet.instance().await);
    eventually_within(SOON, "both logs say so", || async {
        let source = next.app.log.head(one).await.unwrap();
        let target = fleet.log(&next, two.channel).await;
        let done = source.owner == OwnerState::Closed && !changes(&target).is_empty();
        done.then_some(())
    })
    .await;
    let log = next.app.log.clone();
    log.merge(fleet.workspace, one.channel, two.channel, ada)
        .await
        .unwrap();
    let target = fleet.log(&next, two.channel).await;
    assert_eq!(changes(&target), [absorbed(one.channel)], "once");
    let source = fleet.log(&next, one.channel).await;
    assert_eq!(source.len(), 3, "opened, merged, closed");
}

#[tokio::test]
async fn two_channels_that_are_merged_into_each_other_at_once_do_not_both_vanish() {
    let fleet = Fleet::start().await;
    let instances = [fleet.instance().await, fleet.instance().await];
    for _ in 0..10 {
        let (_, [one, two]) = two(&fleet, &instances[0]).await;
        let ada = Actor::Person(UserId::new());
        let merge = |instance: usize, from: Place, into: Place| {
            let log = instances[instance].app.log.clone();
            async move {
                log.merge(from.workspace, from.channel, into.channel, ada)
                    .await
            }
        };
        let _ = futures::join!(merge(0, one, two), merge(1, two, one));
        let log = &instances[0].app.log;
        let gone = [
            log.head(one).await.unwrap().merged_into,
            log.head(two).await.unwrap().merged_into,
        ];
        assert!(gone.contains(&None), "neither can be written in: {gone:?}");
    }
}

#[tokio::test]
async fn a_channel_opens_again_and_its_episode_is_told() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let (channel, token) = (conversation.channel, &conversation.token);
    let place = Place {
        workspace: fleet.workspace,
        channel,
    };
    chat.say(token, channel, "hello").await;
    chat.set_owner(token, channel, "closed").await;
    let mut socket = chat.follow(token, &[(channel, 3)]).await;
    let reopen = Act::Reopen {
        owner: OwnerState::Ai,
        within: None,
    };
    let visitor = Actor::Visitor(conversation.visitor);
    let once = Some("again".to_owned());
    let log = &chat.app.log;
    let Acted { head, entry } = log
        .act(place, visitor, reopen.clone(), once.clone())
        .await
        .unwrap();
    assert_eq!((head.episode, head.episode_seq), (2, 4));
    assert_eq!(socket.until("state").await["episode"], 2);
    let repeated = log.act(place, visitor, reopen, once).await.unwrap();
    assert_eq!(repeated.entry, entry, "the same one");
    // The AI answers what is asked from here on, and nothing from before.
    chat.say(token, channel, "me again").await;
    let stale = fleet.reply(1, 4, 2);
    let reply = chat.chat.reply(channel, &stale).unwrap();
    assert!(reply.commit(crate::replies::commit("late")).await.is_err());
    let reply = chat.chat.reply(channel, &fleet.reply(2, 4, 5)).unwrap();
    let answer = reply.commit(crate::replies::commit("welcome back")).await;
    assert_eq!(answer.unwrap().seq, 6);
}

#[tokio::test]
async fn a_sleeping_channel_wakes_in_time_and_is_not_closed_for_idleness_before() {
    let start = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    let clock = Clock::manual(start);
    let fleet = Fleet::with(clock.clone(), no_broker()).await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let place = Place {
        workspace: fleet.workspace,
        channel: conversation.channel,
    };
    let log = &chat.app.log;
    let ada = Actor::Person(UserId::new());
    let until = start + chrono::Duration::hours(3);
    log.act(place, ada, Act::Snooze(Some(until)), None)
        .await
        .unwrap();
    clock.advance(Duration::from_secs(3 * 3600));
    eventually_within(SOON, "it wakes", || async {
        let head = log.head(place).await.unwrap();
        head.snoozed_until.is_none().then_some(())
    })
    .await;
    let page = log.page(place, History::After(0), 100, Audience::People);
    let (entries, _) = page.await.unwrap();
    let woken = entries
        .iter()
        .find(|entry| entry.change == Some(Change::Snoozed { until: None }))
        .unwrap();
    assert_eq!(woken.seq, 3, "{entries:#?}");
}
