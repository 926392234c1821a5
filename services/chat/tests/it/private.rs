//! What people of the company write among themselves: they get it everywhere, visitors nowhere.

use chat::log::{Act, Actor, Place, Said};
use chat_api::{Body, Entry, Written};
use ids::{TurnId, UserId};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Fleet, Instance, answer, seqs};

/// Somebody of the company says something to the log itself.
async fn say(chat: &Instance, place: Place, user: UserId, kind: Written) -> Entry {
    let said = Said {
        client_id: TurnId::new().to_string(),
        kind,
        body: Body::text("between us"),
    };
    let actor = Actor::Person(user);
    chat.app.log.say(place, actor, said).await.unwrap().0
}

#[tokio::test]
async fn private_entries_reach_people_live_and_later_and_visitors_neither_way() {
    let fleet = Fleet::start().await;
    let instances = [fleet.instance().await, fleet.instance().await];
    let conversation = fleet.open(&instances[0]).await;
    let (channel, visitor) = (conversation.channel, &conversation.token);
    let place = Place {
        workspace: fleet.workspace,
        channel,
    };
    let (ada, person) = (UserId::new(), fleet.person());
    let mut visitors = Vec::new();
    let mut people = Vec::new();
    for instance in &instances {
        visitors.push(instance.follow(visitor, &[(channel, 1)]).await);
        people.push(instance.follow(&person, &[(channel, 1)]).await);
    }

    let log = &instances[0].app.log;
    let note = say(&instances[0], place, ada, Written::Note).await;
    assert_eq!((note.seq, note.private), (2, true));
    let labels = Act::Label(vec!["refund".to_owned()]);
    log.act(place, Actor::Person(ada), labels, None)
        .await
        .unwrap();
    let of = log.entry(place, 2).await.unwrap();
    let edit = Act::Edit {
        of,
        body: Body::text("still between us"),
    };
    log.act(place, Actor::Person(ada), edit, None)
        .await
        .unwrap();
    let message = say(&instances[1], place, ada, Written::Message).await;
    assert_eq!(message.seq, 6, "the takeover is before it");

    for socket in &mut people {
        assert_eq!(seqs(&socket.up_to(6).await), [2, 3, 4, 5, 6]);
    }
    for socket in &mut visitors {
        assert_eq!(seqs(&socket.up_to(6).await), [5, 6]);
    }
    for instance in &instances {
        let mut resumed = instance.follow(visitor, &[(channel, 0)]).await;
        assert_eq!(seqs(&resumed.up_to(6).await), [1, 5, 6]);
        let mut resumed = instance.follow(&person, &[(channel, 0)]).await;
        assert_eq!(seqs(&resumed.up_to(6).await), [1, 2, 3, 4, 5, 6]);
    }
}

#[tokio::test]
async fn a_visitors_pages_are_full_and_lead_on_over_whatever_they_do_not_show() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let (channel, visitor) = (conversation.channel, &conversation.token);
    let place = Place {
        workspace: fleet.workspace,
        channel,
    };
    let ada = UserId::new();
    // 1 opened, then four times: three notes and a message of the visitor, at 5, 9, 13 and 17.
    for _ in 0..4 {
        for _ in 0..3 {
            say(&chat, place, ada, Written::Note).await;
        }
        chat.say(visitor, channel, "hello").await;
    }
    let all = async |token: &str, first: &str| {
        let (mut seen, mut query) = (Vec::new(), first.to_owned());
        loop {
            let path = format!("/messages/{channel}?limit=2&{query}");
            let (_, page) = answer(chat.get(token, &path)).await;
            let items = page["items"].as_array().unwrap();
            assert!(!items.is_empty(), "a page that leads nowhere: {page}");
            let seqs = items.iter().map(|entry| entry["seq"].as_i64().unwrap());
            seen.push(seqs.collect::<Vec<i64>>());
            match page["next_cursor"].as_str() {
                Some(cursor) => query = format!("cursor={cursor}"),
                None => return seen,
            }
        }
    };
    assert_eq!(
        all(visitor, "after_seq=0").await,
        [vec![1, 5], vec![9, 13], vec![17]]
    );
    assert_eq!(all(visitor, "").await, [vec![13, 17], vec![5, 9], vec![1]]);
    assert_eq!(all(&fleet.person(), "after_seq=15").await, [vec![16, 17]]);
    let (_, page) = answer(chat.get(visitor, &format!("/messages/{channel}"))).await;
    let leaked = page.to_string().contains("between us");
    assert!(!leaked && page["items"].as_array().unwrap().len() == 5);
}

#[tokio::test]
async fn people_see_who_looks_over_all_instances_and_visitors_do_not() {
    let fleet = Fleet::start().await;
    let instances = [fleet.instance().await, fleet.instance().await];
    let conversation = fleet.open(&instances[0]).await;
    let channel = conversation.channel;
    let mut visitor = instances[1]
        .follow(&conversation.token, &[(channel, 1)])
        .await;
    let (ada, grace) = (UserId::new(), UserId::new());
    let token = |user| {
        fleet
            .keys
            .person(fleet.workspace, user, common::tokens::Role::Admin)
    };
    let mut near = instances[0].follow(&token(ada), &[(channel, 1)]).await;
    let mut far = instances[1].follow(&token(grace), &[(channel, 1)]).await;
    let viewing = json!({ "type": "viewing", "channel": channel, "on": true });
    near.send(viewing.clone()).await;
    let people = |frame: &Value| frame["people"].clone();
    let only_ada = json!([{ "user_id": ada, "typing": false }]);
    assert_eq!(people(&far.until("presence").await), only_ada);
    // An instance that nobody has told anything asks.
    let third = fleet.instance().await;
    let mut late = third.follow(&token(grace), &[(channel, 1)]).await;
    late.send(viewing).await;
    let mut there = people(&late.until("presence").await);
    if there.as_array().unwrap().len() < 2 {
        there = people(&late.until("presence").await);
    }
    assert_eq!(there.as_array().unwrap().len(), 2, "{there}");
    drop(near);
    loop {
        let there = people(&far.until("presence").await);
        let there: Vec<&Value> = there
            .as_array()
            .unwrap()
            .iter()
            .map(|one| &one["user_id"])
            .collect();
        if there == [&json!(grace)] {
            break;
        }
    }
    instances[0]
        .say(&conversation.token, channel, "the end")
        .await;
    for frame in visitor.up_to(2).await {
        assert_ne!(frame["type"], "presence");
    }
}

#[tokio::test]
async fn no_number_tells_a_visitor_that_colleagues_wrote() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let (channel, visitor) = (conversation.channel, &conversation.token);
    let place = Place {
        workspace: fleet.workspace,
        channel,
    };
    chat.say(visitor, channel, "hello").await;
    say(&chat, place, UserId::new(), Written::Note).await;
    let path = format!("/channels/{channel}");
    for (token, end) in [(visitor, 2), (&fleet.person(), 3)] {
        let shown = chat.get(token, &path).send().await.unwrap();
        assert_eq!(shown.headers()["etag"], format!("\"{end}\""));
        assert_eq!(shown.json::<Value>().await.unwrap()["head_seq"], end);
        let mut socket = chat.socket(token).await;
        let resume = json!([{ "channel": channel, "after_seq": end }]);
        socket
            .send(json!({ "type": "hello", "resume": resume }))
            .await;
        assert_eq!(socket.until("subscribed").await["head_seq"], end);
        let beyond = json!({ "type": "subscribe", "channel": channel, "after_seq": end + 1 });
        socket.send(beyond).await;
        let refusal = socket.until("error").await;
        assert_eq!(
            refusal["detail"],
            format!("after_seq is {}, and the log ends at {end}", end + 1)
        );
        let read = json!({ "seq": end + 1 });
        let read = chat.call(Method::POST, token, &format!("{path}/read"), &read);
        let (status, problem) = answer(read).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(
            problem["errors"][0]["detail"],
            format!("the log ends at {end}")
        );
    }
}
