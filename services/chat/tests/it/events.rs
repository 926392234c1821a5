//! What other services hear of a conversation.

use std::{sync::Arc, time::Duration};

use bus::{Event, topology::ANALYTICS_INGEST};
use chat_api::{
    SenderKind,
    events::{ChannelClosed, ChannelOpened, MessageCreated, OwnerChanged},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::support::Fleet;

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_told_without_a_word_of_what_was_said() {
    let broker = testkit::Broker::start().await;
    let fleet = Fleet::with(clock::Clock::system(), broker.config.clone()).await;
    let chat = fleet.instance().await;
    let (heard, mut events) = mpsc::unbounded_channel::<Event>();
    let stop = CancellationToken::new();
    let consumer = broker.bus("test").consumer(ANALYTICS_INGEST, stop.clone());
    let heard = Arc::new(heard);
    tokio::spawn(consumer.run(move |event| {
        let heard = heard.clone();
        async move {
            heard
                .send(event)
                .map_err(|_| bus::Failure::Passing(anyhow::anyhow!("the test is over")))
        }
    }));
    let conversation = fleet.open(&chat).await;
    let channel = conversation.channel;
    chat.say(&conversation.token, channel, "my secret").await;
    let header = fleet.reply(1, 1, 2);
    let body = chat_api::Body::text("an answer");
    chat.chat
        .reply(channel, &header)
        .unwrap()
        .commit(chat_api::ReplyCommit { body })
        .await
        .unwrap();
    chat.say(&fleet.person(), channel, "I am here").await;
    chat.set_owner(&conversation.token, channel, "closed").await;

    let mut told: Vec<Event> = Vec::new();
    while told.len() < 6 {
        let event = tokio::time::timeout(Duration::from_secs(20), events.recv()).await;
        told.push(event.expect("six events").unwrap());
    }
    stop.cancel();
    // No order is promised; the version of the subject tells it.
    told.sort_by_key(|event| event.subjectversion);
    for (index, event) in told.iter().enumerate() {
        assert_eq!(event.subjectversion, Some(index as i64 + 1));
        assert_eq!(
            (event.subject.clone(), event.workspaceid),
            (channel.to_string(), fleet.workspace)
        );
        assert_eq!(event.source, "/chat");
        let text = serde_json::to_string(event).unwrap();
        for word in ["secret", "answer\"", "I am here", "Ada"] {
            assert!(!text.contains(word), "{text}");
        }
    }
    let opened: ChannelOpened = told[0].read().unwrap();
    assert_eq!(
        (opened.channel_id, opened.visitor_id),
        (channel, conversation.visitor)
    );
    let asked: MessageCreated = told[1].read().unwrap();
    assert_eq!(
        (asked.seq, asked.sender_kind, asked.owner_version),
        (2, SenderKind::Visitor, 1)
    );
    let answered: MessageCreated = told[2].read().unwrap();
    assert_eq!((answered.seq, answered.sender_kind), (3, SenderKind::Agent));
    let taken: OwnerChanged = told[3].read().unwrap();
    assert_eq!(
        (taken.seq, taken.changed_by, taken.reason.as_deref()),
        (4, SenderKind::User, Some("person_wrote"))
    );
    assert_eq!(
        told[4].read::<MessageCreated>().unwrap().sender_kind,
        SenderKind::User
    );
    let closed: ChannelClosed = told[5].read().unwrap();
    assert_eq!(
        (
            closed.visitor_messages,
            closed.agent_messages,
            closed.user_messages
        ),
        (1, 1, 1)
    );
    assert_eq!(
        (closed.closed_by, closed.escalated),
        (SenderKind::Visitor, true)
    );
}
