//! The bus against a real broker.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bus::{Event, EventData, Failure, topology};
use clock::Clock;
use ids::WorkspaceId;
use serde::{Deserialize, Serialize};
use testkit::{Broker, eventually};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Closed {
    number: usize,
}

impl EventData for Closed {
    // A type that the table routes to all three queues.
    const TYPE: &'static str = "chat.channel.closed.v1";

    fn subject(&self) -> String {
        self.number.to_string()
    }
}

#[derive(Serialize, Deserialize)]
struct Unheard;

impl EventData for Unheard {
    const TYPE: &'static str = "voice.call.ended.v1";

    fn subject(&self) -> String {
        "nobody".to_owned()
    }
}

fn event(number: usize) -> Event {
    Event::new(&Clock::system(), WorkspaceId::new(), &Closed { number })
}

#[tokio::test]
async fn what_was_published_before_any_consumer_ran_still_arrives() {
    let broker = Broker::start().await;
    let publisher = broker.bus("publisher");
    publisher.publish(&event(7)).await.unwrap();

    let (heard, mut hear) = mpsc::unbounded_channel();
    let stop = CancellationToken::new();
    let consumer = broker
        .bus("consumer")
        .consumer(topology::CRM_TIMELINE, stop.clone());
    tokio::spawn(consumer.run(move |event: Event| {
        let heard = heard.clone();
        async move {
            heard.send(event).unwrap();
            Ok(())
        }
    }));
    assert_eq!(
        hear.recv().await.unwrap().read::<Closed>().unwrap(),
        Closed { number: 7 }
    );
    eventually("the acknowledged event leaves the queue", || async {
        (broker.depth(topology::CRM_TIMELINE.name).await == 0).then_some(())
    })
    .await;
    stop.cancel();
}

#[tokio::test]
async fn an_event_that_nobody_wants_is_no_fault() {
    let broker = Broker::start().await;
    let event = Event::new(&Clock::system(), WorkspaceId::new(), &Unheard);
    broker.bus("publisher").publish(&event).await.unwrap();
}

#[tokio::test]
async fn a_passing_failure_is_tried_again_and_poison_is_kept_for_replay() {
    let broker = Broker::start().await;
    let bus = broker.bus("test");
    let (tries, poisoned) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let stop = CancellationToken::new();
    let counters = (tries.clone(), poisoned.clone());
    tokio::spawn(
        bus.consumer(topology::AGENT_TURNS, stop.clone())
            .run(move |event: Event| {
                let (tries, poisoned) = counters.clone();
                async move {
                    let closed: Closed = event.read()?;
                    match closed.number {
                        0 if tries.fetch_add(1, Ordering::SeqCst) < 2 => {
                            Err(Failure::Passing(std::io::Error::other("down").into()))
                        }
                        1 if poisoned.fetch_add(1, Ordering::SeqCst) < 1 => {
                            Err(Failure::Poison(std::io::Error::other("hopeless").into()))
                        }
                        _ => Ok(()),
                    }
                }
            }),
    );
    for number in 0..2 {
        bus.publish(&event(number)).await.unwrap();
    }
    eventually("the third try succeeds", || async {
        (tries.load(Ordering::SeqCst) == 3).then_some(())
    })
    .await;
    let dead = topology::dead_letters(topology::AGENT_TURNS.name);
    eventually("poison lies in the dead letters", || async {
        (broker.depth(&dead).await == 1).then_some(())
    })
    .await;

    assert_eq!(bus.replay(topology::AGENT_TURNS.name).await.unwrap(), 1);
    eventually("it is handled now", || async {
        (poisoned.load(Ordering::SeqCst) == 2).then_some(())
    })
    .await;
    eventually("no dead letter is left", || async {
        (broker.depth(&dead).await == 0).then_some(())
    })
    .await;
    stop.cancel();
}

#[tokio::test]
async fn a_cut_connection_loses_nothing() {
    let broker = Broker::start().await;
    let bus = broker.bus("publisher");
    let (heard, mut hear) = mpsc::unbounded_channel();
    let stop = CancellationToken::new();
    let consumer = broker
        .bus("consumer")
        .consumer(topology::CRM_TIMELINE, stop.clone());
    tokio::spawn(consumer.run(move |event: Event| {
        let heard = heard.clone();
        async move {
            heard.send(event.read::<Closed>()?.number).unwrap();
            Ok(())
        }
    }));
    let mut expected: std::collections::BTreeSet<_> = (0..60).collect();
    for number in expected.clone() {
        if number % 20 == 10 {
            broker.cut_connections().await;
        }
        eventually("the event is confirmed", || async {
            bus.publish(&event(number)).await.ok()
        })
        .await;
    }
    while !expected.is_empty() {
        // At least once: doubles are fine here, gaps are not.
        let number = eventually("every confirmed event arrives", || {
            let next = hear.try_recv().ok();
            async move { next }
        })
        .await;
        expected.remove(&number);
    }
    stop.cancel();
}
