//! What the store holds of what people say, and what becomes of it when they change their minds.

use std::time::Duration;

use chat::{
    hub::Audience,
    log::{Act, Actor, History, Place, Said, reseal},
};
use chat_api::{Body, Entry, EntryKind, Written};
use futures::TryStreamExt;
use ids::{TurnId, UserId};
use mongodb::bson::{Document, doc, serialize_to_vec};
use testkit::{eventually, eventually_within};

use crate::support::{Conversation, Fleet, Instance};

/// A word that is nowhere else.
const WORD: &str = "Zanzibar";

fn place_of(fleet: &Fleet, conversation: &Conversation) -> Place {
    Place {
        workspace: fleet.workspace,
        channel: conversation.channel,
    }
}

async fn documents(fleet: &Fleet) -> Vec<Document> {
    let log = fleet.database.collection::<Document>("messages");
    let found = log.find(doc! {}).sort(doc! { "seq": 1 }).await.unwrap();
    found.try_collect().await.unwrap()
}

async fn unset(fleet: &Fleet, seq: i64, fields: Document) {
    let log = fleet.database.collection::<Document>("messages");
    let update = doc! { "$unset": fields };
    log.update_one(doc! { "seq": seq }, update).await.unwrap();
}

async fn say(chat: &Instance, place: Place, actor: Actor, text: &str) -> i64 {
    let said = Said {
        client_id: TurnId::new().to_string(),
        kind: Written::Message,
        body: Body::text(text),
    };
    let (entry, created) = chat.app.log.say(place, actor, said).await.unwrap();
    assert!(created);
    entry.seq
}

async fn edit(chat: &Instance, place: Place, actor: Actor, (seq, text): (i64, &str)) {
    let of = chat.app.log.entry(place, seq).await.unwrap();
    let body = Body::text(text);
    let acted = chat.app.log.act(place, actor, Act::Edit { of, body }, None);
    acted.await.unwrap().entry.unwrap();
}

async fn all(chat: &Instance, place: Place) -> Vec<Entry> {
    let page = chat
        .app
        .log
        .page(place, History::After(0), 100, Audience::People);
    page.await.unwrap().0
}

fn text(entry: &Entry) -> Option<&str> {
    entry.body.as_ref().map(|body| body.text.expose().as_str())
}

#[tokio::test]
async fn no_document_has_a_word_of_what_was_said_and_every_instance_reads_it() {
    let fleet = Fleet::start().await;
    let (chat, other) = (fleet.instance().await, fleet.instance().await);
    let conversation = fleet.open(&chat).await;
    let place = place_of(&fleet, &conversation);
    let visitor = Actor::Visitor(conversation.visitor);
    say(&chat, place, visitor, WORD).await;
    edit(&chat, place, visitor, (2, &format!("{WORD} again"))).await;
    let rating = Act::Rate {
        score: 4,
        body: Some(Body::text(WORD)),
    };
    let log = &chat.app.log;
    log.act(place, visitor, rating, None).await.unwrap();
    let ada = Actor::Person(UserId::new());
    let note = Said {
        client_id: "note".to_owned(),
        kind: Written::Note,
        body: Body::text(WORD),
    };
    log.say(place, ada, note).await.unwrap();

    let kept = documents(&fleet).await;
    assert_eq!(kept.len(), 5);
    for document in &kept {
        let bytes = serialize_to_vec(document).unwrap();
        let found = bytes
            .windows(WORD.len())
            .any(|bytes| bytes == WORD.as_bytes());
        assert!(!found, "{document}");
    }
    let entries = all(&other, place).await;
    let again = format!("{WORD} again");
    let texts: Vec<Option<&str>> = entries.iter().map(text).collect();
    assert_eq!(
        texts,
        [None, Some(&*again), Some(&*again), Some(WORD), Some(WORD)]
    );
    assert!(entries[1].edited_at.is_some());
}

#[tokio::test]
async fn what_an_earlier_version_wrote_is_read_and_sealed_by_the_next_rotation() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let place = place_of(&fleet, &conversation);
    let visitor = Actor::Visitor(conversation.visitor);
    say(&chat, place, visitor, "hello").await;
    unset(&fleet, 2, doc! { "sealed": "" }).await;
    let log = fleet.database.collection::<Document>("messages");
    let plain =
        doc! { "$set": { "body": { "text": WORD, "sources": [], "offers_person": false } } };
    log.update_one(doc! { "seq": 2 }, plain).await.unwrap();
    assert_eq!(text(&all(&chat, place).await[1]), Some(WORD));
    let vault = fleet.vault(fleet.postgres.pool.clone());
    let again = async || {
        reseal(&fleet.database, &vault, fleet.workspace)
            .await
            .unwrap()
    };
    assert_eq!(again().await, 1);
    assert_eq!(again().await, 0, "it is sealed");
    assert!(!documents(&fleet).await[1].contains_key("body"));
    assert_eq!(text(&all(&chat, place).await[1]), Some(WORD));
}

#[tokio::test]
async fn what_was_taken_back_is_nowhere_any_more_and_everybody_is_told_so() {
    let fleet = Fleet::start().await;
    let instances = [fleet.instance().await, fleet.instance().await];
    let [chat, other] = &instances;
    let conversation = fleet.open(chat).await;
    let (place, channel) = (place_of(&fleet, &conversation), conversation.channel);
    let visitor = Actor::Visitor(conversation.visitor);
    say(chat, place, visitor, "first").await;
    let mut socket = other.follow(&fleet.person(), &[(channel, 2)]).await;
    edit(chat, place, visitor, (2, "second")).await;
    assert_eq!(socket.until("edit").await["body"]["text"], "second");
    // Whoever comes back finds the message as it stands, and then what was done with it.
    let mut resumed = other.follow(&conversation.token, &[(channel, 1)]).await;
    let frames = resumed.up_to(3).await;
    let texts: Vec<_> = frames.iter().map(|frame| &frame["body"]["text"]).collect();
    assert_eq!(texts, ["second", "second"]);
    assert!(frames[0]["edited_at"].is_string());

    let of = chat.app.log.entry(place, 2).await.unwrap();
    let delete = Act::Delete { of };
    let log = &other.app.log;
    log.act(place, visitor, delete, None).await.unwrap();
    assert_eq!(socket.until("delete").await["of_seq"], 2);
    let entries = all(chat, place).await;
    assert_eq!(entries.len(), 4);
    assert!(entries.iter().all(|entry| entry.body.is_none()));
    assert!(entries[1].deleted_at.is_some());
    for document in documents(&fleet).await {
        assert!(!document.contains_key("sealed") && !document.contains_key("current"));
    }
    // Again, by somebody who has not heard of it: the message tells.
    let of = log.entry(place, 2).await.unwrap();
    assert!(of.deleted);
    let again = log.act(place, visitor, Act::Delete { of }, None).await;
    assert!(again.unwrap().entry.is_none());
}

#[tokio::test]
async fn of_two_edits_the_later_stands_whatever_order_they_come_to_the_message_in() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let place = place_of(&fleet, &conversation);
    let visitor = Actor::Visitor(conversation.visitor);
    say(&chat, place, visitor, "one").await;
    for text in ["two", "three"] {
        edit(&chat, place, visitor, (2, text)).await;
    }
    let entries = all(&chat, place).await;
    let texts: Vec<Option<&str>> = entries.iter().map(text).collect();
    assert_eq!(texts, [None, Some("three"), Some("two"), Some("three")]);
    let kinds: Vec<EntryKind> = entries.iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds[2..], [EntryKind::Edit, EntryKind::Edit]);
}

/// The instance dies between the entry of an edit and the message that it changes.
#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_a_crash_kept_from_its_message_comes_to_it_later() {
    let mut fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let place = place_of(&fleet, &conversation);
    let visitor = Actor::Visitor(conversation.visitor);
    say(&chat, place, visitor, "one").await;
    edit(&chat, place, visitor, (2, "two")).await;
    let fields = doc! { "current": "", "edited_seq": "", "edited_at": "" };
    unset(&fleet, 2, fields).await;
    assert_eq!(text(&all(&chat, place).await[1]), Some("one"));
    let broker = testkit::Broker::start().await;
    fleet.bus = broker.config.clone();
    let next = fleet.instance().await;
    eventually_within(Duration::from_secs(20), "the edit is there", || async {
        (text(&all(&next, place).await[1]) == Some("two")).then_some(())
    })
    .await;
    eventually("nothing waits any more", || async {
        let waits = |document: &Document| document.contains_key("pending_event");
        (!documents(&fleet).await.iter().any(waits)).then_some(())
    })
    .await;
}
