//! What is unread, and whom notes call.

use chat::log::{Act, Actor, Said};
use chat_api::{Body, Written};
use ids::{ChannelId, UserId, VisitorId};
use serde_json::json;
use testkit::eventually;

use crate::{
    inbox::ids,
    support::{Fleet, Instance, answer},
};

impl Instance {
    /// Writes a note that calls people.
    async fn note(&self, fleet: &Fleet, channel: ChannelId, (by, calls): (UserId, &[UserId])) {
        let said = Said {
            client_id: VisitorId::new().to_string(),
            kind: Written::Note,
            body: Body {
                mentions: calls.to_vec(),
                ..Body::text("have a look")
            },
        };
        let place = fleet.place(channel);
        let note = self.app.log.say(place, Actor::Person(by), said);
        note.await.unwrap();
    }
}

#[tokio::test]
async fn what_is_unread_is_what_others_said_behind_ones_mark() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let (ada, bob) = (UserId::new(), UserId::new());
    let (token, other) = (fleet.admin(ada), fleet.admin(bob));
    let one = fleet.open(&chat).await;
    let (channel, place) = (one.channel, fleet.place(one.channel));
    for text in ["one", "two", "three"] {
        chat.say(&one.token, channel, text).await;
    }
    chat.caught_up(&fleet, channel).await;
    let unread = async |token: &str| chat.summary(token, channel).await.unwrap()["unread"].clone();
    assert_eq!(
        (unread(&token).await, unread(&other).await),
        (json!(3), json!(3))
    );
    assert_eq!(chat.channels(&one.token, "").await["items"][0]["unread"], 0);
    assert!(chat.app.inbox.mark(place, ada, 3).await.unwrap());
    assert!(
        !chat.app.inbox.mark(place, ada, 2).await.unwrap(),
        "marks do not go back"
    );
    assert_eq!(
        (unread(&token).await, unread(&other).await),
        (json!(1), json!(3))
    );
    // One's own words are known; they do not hide what came before them.
    chat.say(&token, channel, "an answer").await;
    chat.caught_up(&fleet, channel).await;
    assert_eq!(
        (unread(&token).await, unread(&other).await),
        (json!(1), json!(4))
    );
    assert_eq!(
        ids(&chat.channels(&token, "unread=true").await),
        [channel.to_string()]
    );
    let (_, counts) = answer(chat.get(&token, "/channels/counts")).await;
    assert_eq!(counts["unread"], 1);
    // What was taken back needs no reading.
    let of = chat.app.log.entry(place, 4).await.unwrap();
    chat.act(&fleet, channel, ada, Act::Delete { of }).await;
    chat.caught_up(&fleet, channel).await;
    assert_eq!(
        (unread(&token).await, unread(&other).await),
        (json!(0), json!(3))
    );
    assert_eq!(
        chat.channels(&token, "unread=true").await["items"],
        json!([])
    );
    assert_eq!(
        ids(&chat.channels(&token, "unread=false").await),
        [channel.to_string()]
    );
    let (_, counts) = answer(chat.get(&token, "/channels/counts")).await;
    assert_eq!(counts["unread"], 0);
    // What a socket has read is written soon.
    let head = chat.app.log.head(place).await.unwrap().seq;
    let mut socket = chat.follow(&other, &[(channel, head)]).await;
    socket
        .send(json!({ "type": "read", "channel": channel, "seq": head }))
        .await;
    eventually("it is noted", async || {
        (unread(&other).await == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_note_calls_people_until_they_have_read_it() {
    let fleet = Fleet::start().await;
    let chat = fleet.instance().await;
    let (ada, bob) = (UserId::new(), UserId::new());
    let (token, other) = (fleet.admin(ada), fleet.admin(bob));
    let one = fleet.open(&chat).await;
    let (channel, place) = (one.channel, fleet.place(one.channel));
    chat.note(&fleet, channel, (ada, &[ada, bob])).await;
    let first = chat.app.log.head(place).await.unwrap().seq;
    chat.caught_up(&fleet, channel).await;
    let mentions =
        async |token: &str| answer(chat.get(token, "/channels/counts")).await.1["mentions"].clone();
    assert_eq!(
        (mentions(&token).await, mentions(&other).await),
        (json!(0), json!(1))
    );
    assert_eq!(
        ids(&chat.channels(&other, "view=mentions").await),
        [channel.to_string()]
    );
    assert_eq!(
        chat.summary(&other, channel).await.unwrap()["unread"],
        0,
        "notes are no messages"
    );
    chat.app.inbox.mark(place, bob, first).await.unwrap();
    assert_eq!(mentions(&other).await, 0);
    assert_eq!(
        chat.channels(&other, "view=mentions&unread=true").await["items"],
        json!([])
    );
    // It stays in the list, and does so when the conversation has ended.
    chat.set_owner(&token, channel, "closed").await;
    chat.caught_up(&fleet, channel).await;
    assert_eq!(
        ids(&chat.channels(&other, "view=mentions").await),
        [channel.to_string()]
    );
    // A note that was taken back calls nobody.
    chat.note(&fleet, channel, (ada, &[bob])).await;
    chat.caught_up(&fleet, channel).await;
    assert_eq!(mentions(&other).await, 1);
    let seq = chat.app.log.head(place).await.unwrap().seq;
    let of = chat.app.log.entry(place, seq).await.unwrap();
    chat.act(&fleet, channel, ada, Act::Delete { of }).await;
    chat.caught_up(&fleet, channel).await;
    assert_eq!(mentions(&other).await, 0);
}
