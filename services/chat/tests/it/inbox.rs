//! The inbox over HTTP: lists in every view, filter and order, and who sees what.

use std::collections::BTreeSet;

use chat::log::{Act, Actor, Place};
use chat_api::Priority;
use chrono::{DateTime, Duration};
use common::tokens::Role;
use ids::{ChannelId, TeamId, UserId, VisitorId, WorkspaceId};
use reqwest::StatusCode;
use rest::Field;
use serde_json::{Value, json};
use testkit::eventually;

use crate::support::{Conversation, Fleet, Instance, answer, refused};

impl Fleet {
    /// A token of this person, who may do everything.
    pub(crate) fn admin(&self, user: UserId) -> String {
        self.keys.person(self.workspace, user, Role::Admin)
    }

    pub(crate) fn place(&self, channel: ChannelId) -> Place {
        Place {
            workspace: self.workspace,
            channel,
        }
    }
}

impl Instance {
    /// A page of channels.
    pub(crate) async fn channels(&self, token: &str, query: &str) -> Value {
        let (status, page) = answer(self.get(token, &format!("/channels?{query}"))).await;
        assert_eq!(status, StatusCode::OK, "{query}: {page}");
        page
    }

    /// The channel as the inbox of this person has it.
    pub(crate) async fn summary(&self, token: &str, channel: ChannelId) -> Option<Value> {
        let page = self
            .channels(token, "owner=any&snoozed=any&limit=100")
            .await;
        let mut items = page["items"].as_array().unwrap().iter();
        items.find(|item| item["id"] == json!(channel)).cloned()
    }

    /// Does something to a channel, as this person.
    pub(crate) async fn act(&self, fleet: &Fleet, channel: ChannelId, user: UserId, act: Act) {
        let place = fleet.place(channel);
        let acted = self.app.log.act(place, Actor::Person(user), act, None);
        acted.await.unwrap();
    }

    /// Waits until the inbox is as far as the log.
    pub(crate) async fn caught_up(&self, fleet: &Fleet, channel: ChannelId) {
        let token = fleet.admin(UserId::new());
        eventually("the inbox follows the log", async || {
            let head = self.app.log.head(fleet.place(channel)).await.unwrap();
            let row = self.summary(&token, channel).await?;
            (row["head_seq"] == head.seq).then_some(())
        })
        .await;
    }
}

pub(crate) fn ids(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().unwrap().iter();
    items
        .map(|item| item["id"].as_str().unwrap().to_owned())
        .collect()
}

fn set(channels: &[&Conversation]) -> BTreeSet<String> {
    let channels = channels.iter();
    channels.map(|one| one.channel.to_string()).collect()
}

#[tokio::test]
async fn each_view_and_filter_shows_what_it_says() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let (me, other, team) = (UserId::new(), UserId::new(), TeamId::new());
    let token = fleet.admin(me);
    let visitor = VisitorId::new();
    let ai = fleet.open_for(&chat, visitor).await;
    let queued = fleet.open(&chat).await;
    let mine = fleet.open(&chat).await;
    let others = fleet.open(&chat).await;
    let closed = fleet.open_for(&chat, visitor).await;
    let asleep = fleet.open(&chat).await;
    chat.set_owner(&queued.token, queued.channel, "queued")
        .await;
    chat.set_owner(&token, mine.channel, "human").await;
    chat.set_owner(&closed.token, closed.channel, "closed")
        .await;
    let labels = |labels: &[&str]| Act::Label(labels.iter().map(ToString::to_string).collect());
    for (channel, act) in [
        (&ai, labels(&["beta", "vip"])),
        (&queued, labels(&["vip"])),
        (&queued, Act::Prioritise(Priority::Urgent)),
        (
            &others,
            Act::Assign {
                user_id: Field::Value(other),
                team_id: Field::Value(team),
            },
        ),
        (
            &asleep,
            Act::Snooze(Some(fleet.clock.now() + Duration::days(1))),
        ),
    ] {
        chat.act(&fleet, channel.channel, me, act).await;
    }
    let all = [&ai, &queued, &mine, &others, &closed, &asleep];
    for one in all {
        chat.caught_up(&fleet, one.channel).await;
    }
    let agent = fleet.agent;
    for (query, expected) in [
        ("", vec![&ai, &queued, &mine, &others]),
        ("view=all", vec![&ai, &queued, &mine, &others]),
        ("view=mine", vec![&mine]),
        ("view=unassigned", vec![&queued]),
        ("view=mentions", vec![]),
        ("owner=ai", vec![&ai, &others]),
        ("owner=human", vec![&mine]),
        ("owner=closed", vec![&closed]),
        ("owner=any", vec![&ai, &queued, &mine, &others, &closed]),
        ("owner=any&snoozed=any", all.to_vec()),
        ("snoozed=only", vec![&asleep]),
        ("snoozed=none", vec![&ai, &queued, &mine, &others]),
        ("assignee_id=none", vec![&ai, &queued]),
        ("assignee_id=me", vec![&mine]),
        (format!("assignee_id={other}").as_str(), vec![&others]),
        (format!("team_id={team}").as_str(), vec![&others]),
        ("label=vip", vec![&ai, &queued]),
        ("label=vip&label=beta", vec![&ai]),
        ("label=absent", vec![]),
        ("priority=urgent", vec![&queued]),
        ("priority=normal&view=unassigned", vec![]),
        (format!("visitor_id={visitor}").as_str(), vec![&ai]),
        (
            &format!("visitor_id={visitor}&owner=any"),
            vec![&ai, &closed],
        ),
        (
            format!("agent_id={agent}&owner=queued").as_str(),
            vec![&queued],
        ),
    ] {
        let shown: BTreeSet<String> = ids(&chat.channels(&token, query).await)
            .into_iter()
            .collect();
        assert_eq!(shown, set(&expected), "{query}");
    }
    let (_, counts) = answer(chat.get(&token, "/channels/counts")).await;
    let expected = json!({
        "mine": 1, "unassigned": 1, "all": 4, "mentions": 0, "unread": 0, "views": [],
    });
    assert_eq!(counts, expected);
    let row = chat.summary(&token, queued.channel).await.unwrap();
    assert_eq!(
        (&row["priority"], &row["labels"]),
        (&json!("urgent"), &json!(["vip"]))
    );
    assert!(row["waiting_since"].is_string(), "{row}");
    for (query, name) in [
        ("owner=open", "owner"),
        ("view=yours", "view"),
        ("label=", "label"),
    ] {
        let (status, problem) = answer(chat.get(&token, &format!("/channels?{query}"))).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(problem["errors"][0]["parameter"], name, "{problem}");
    }
}

#[tokio::test]
async fn every_order_gives_each_channel_once_over_its_pages() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let me = UserId::new();
    let token = fleet.admin(me);
    let mut channels = Vec::new();
    for number in 0..7_usize {
        let one = fleet.open(&chat).await;
        if number % 3 == 0 {
            chat.say(&one.token, one.channel, "is anybody there?").await;
            chat.set_owner(&one.token, one.channel, "queued").await;
        }
        if number % 2 == 0 {
            let priority = Priority::ALL[number % Priority::ALL.len()];
            chat.act(&fleet, one.channel, me, Act::Prioritise(priority))
                .await;
        }
        channels.push(one);
    }
    for one in &channels {
        chat.caught_up(&fleet, one.channel).await;
    }
    for (sort, key) in [
        ("last_activity", "last_activity_at"),
        ("waiting", "waiting_since"),
        ("priority", "priority"),
        ("created", "created_at"),
    ] {
        for order in ["asc", "desc"] {
            let query = format!("sort={sort}&order={order}");
            let whole = chat.channels(&token, &format!("{query}&limit=100")).await;
            let mut pages = Vec::new();
            let mut cursor = String::new();
            loop {
                let page = chat
                    .channels(&token, &format!("{query}&limit=2{cursor}"))
                    .await;
                pages.extend(ids(&page));
                match page["next_cursor"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            assert_eq!(pages, ids(&whole), "{query}");
            assert_eq!(pages.len(), channels.len(), "{query}");
            let ranks = ["low", "normal", "high", "urgent"];
            let rank = |text: &str| match ranks.iter().position(|rank| *rank == text) {
                Some(rank) => i64::try_from(rank).unwrap(),
                None => DateTime::parse_from_rfc3339(text)
                    .unwrap()
                    .timestamp_micros(),
            };
            let items = whole["items"].as_array().unwrap();
            // Those that wait for nobody come last both ways.
            let mut keys: Vec<i64> = items
                .iter()
                .filter_map(|item| item[key].as_str())
                .map(rank)
                .collect();
            if order == "desc" {
                keys.reverse();
            }
            assert!(keys.is_sorted(), "{query}: {keys:?}");
            if sort == "waiting" {
                let (waiting, rest) = items.split_at(keys.len());
                assert!(!waiting.is_empty() && rest.iter().all(|item| item[key].is_null()));
            }
        }
    }
    let page = chat.channels(&token, "sort=created&limit=2").await;
    let cursor = page["next_cursor"].as_str().unwrap();
    let other = format!("/channels?sort=waiting&cursor={cursor}");
    refused(
        answer(chat.get(&token, &other)).await,
        400,
        "invalid_cursor",
    );
}

#[tokio::test]
async fn visitors_see_their_own_and_workspaces_nothing_of_each_other() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let me = UserId::new();
    let token = fleet.admin(me);
    let visitor = VisitorId::new();
    let first = fleet.open_for(&chat, visitor).await;
    chat.set_owner(&first.token, first.channel, "closed").await;
    let second = fleet.open_for(&chat, visitor).await;
    let foreign = fleet.open(&chat).await;
    let sleep = Act::Snooze(Some(fleet.clock.now() + Duration::days(1)));
    for act in [
        Act::Label(vec!["rude".to_owned()]),
        Act::Prioritise(Priority::Low),
        sleep,
    ] {
        chat.act(&fleet, second.channel, me, act).await;
    }
    for one in [&first, &second, &foreign] {
        chat.caught_up(&fleet, one.channel).await;
    }
    let own = chat.channels(&first.token, "limit=1").await;
    assert_eq!(ids(&own), [second.channel.to_string()], "the newest first");
    let seen = &own["items"][0];
    assert_eq!(
        (&seen["labels"], &seen["priority"], &seen["snoozed_until"]),
        (&json!([]), &json!("normal"), &Value::Null)
    );
    let next = own["next_cursor"].as_str().unwrap();
    let rest = chat
        .channels(&first.token, &format!("limit=1&cursor={next}"))
        .await;
    assert_eq!(ids(&rest), [first.channel.to_string()]);
    assert_eq!(rest["next_cursor"], Value::Null);
    let all = answer(chat.get(&first.token, "/channels?view=all")).await;
    refused(all, 400, "invalid_query");
    for path in ["/channels/counts", "/views"] {
        let (status, _) = answer(chat.get(&first.token, path)).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
    }

    let stranger = fleet
        .keys
        .person(WorkspaceId::new(), UserId::new(), Role::Admin);
    let theirs = chat.channels(&stranger, "owner=any&snoozed=any").await;
    assert_eq!(theirs["items"], json!([]));
    let (_, counts) = answer(chat.get(&stranger, "/channels/counts")).await;
    assert_eq!(counts["all"], 0);
    let place = format!("/channels/{}/queue", foreign.channel);
    refused(answer(chat.get(&stranger, &place)).await, 404, "not_found");
    refused(
        answer(chat.get(&first.token, &place)).await,
        404,
        "not_found",
    );
    let (status, _) = answer(chat.get(&token, &place)).await;
    assert_eq!(status, StatusCode::OK);
}
