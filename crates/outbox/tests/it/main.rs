//! Outbox and inbox against a real database and a real broker.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use bus::{Event, EventData, topology};
use clock::Clock;
use ids::WorkspaceId;
use outbox::{Inbox, Outbox};
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, migrate::Migrator};
use testkit::{Broker, Postgres, eventually};
use tokio_util::sync::CancellationToken;

static MIGRATOR: Migrator = sqlx::migrate!("tests/migrations");

#[derive(Serialize, Deserialize)]
struct Closed {
    number: i64,
}

impl EventData for Closed {
    const TYPE: &'static str = "chat.channel.closed.v1";

    fn subject(&self) -> String {
        self.number.to_string()
    }
}

async fn effects(pool: &PgPool) -> Vec<i64> {
    sqlx::query_scalar("SELECT number FROM crm.effects ORDER BY number")
        .fetch_all(pool)
        .await
        .unwrap()
}

async fn waiting(pool: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM crm.outbox")
        .fetch_one(pool)
        .await
        .unwrap()
}

/// Starts a consumer whose effect is a row, once for each event.
fn consume(broker: &Broker, pool: &PgPool, stop: &CancellationToken) {
    let inbox = Inbox::new("crm", topology::CRM_TIMELINE, Clock::system());
    let pool = pool.clone();
    let consumer = broker
        .bus("consumer")
        .consumer(topology::CRM_TIMELINE, stop.clone());
    tokio::spawn(consumer.run(move |event: Event| {
        let (inbox, pool) = (inbox.clone(), pool.clone());
        async move {
            let closed: Closed = event.read()?;
            let mut transaction = pool.begin().await?;
            if inbox.is_first(&mut transaction, &event).await? {
                sqlx::query("INSERT INTO crm.effects (number) VALUES ($1)")
                    .bind(closed.number)
                    .execute(&mut *transaction)
                    .await?;
            }
            transaction.commit().await?;
            Ok(())
        }
    }));
}

#[tokio::test]
async fn a_rolled_back_event_is_never_told_and_a_committed_one_has_its_effect_once() {
    let (database, broker) = (
        Postgres::start(&MIGRATOR, "crm").await,
        Broker::start().await,
    );
    let outbox = Outbox::new(
        "crm",
        database.pool.clone(),
        broker.bus("relay"),
        Clock::system(),
    );
    let stop = CancellationToken::new();
    // Two relays and two consumers, as two replicas run them.
    for _ in 0..2 {
        tokio::spawn(outbox.clone().relay(stop.clone()));
        consume(&broker, &database.pool, &stop);
    }
    for number in 0..50 {
        let mut transaction = database.pool.begin().await.unwrap();
        outbox
            .append(&mut transaction, WorkspaceId::new(), &Closed { number })
            .await
            .unwrap();
        if number % 2 == 0 {
            outbox.commit(transaction).await.unwrap();
        } else {
            transaction.rollback().await.unwrap();
        }
    }
    let expected: Vec<i64> = (0..50).step_by(2).collect();
    eventually("each committed event has its effect", || async {
        (effects(&database.pool).await.len() >= expected.len()).then_some(())
    })
    .await;
    eventually("the outbox is empty", || async {
        (waiting(&database.pool).await == 0).then_some(())
    })
    .await;
    assert_eq!(effects(&database.pool).await, expected);
    stop.cancel();
}

#[tokio::test]
async fn a_second_delivery_has_no_effect() {
    let (database, broker) = (
        Postgres::start(&MIGRATOR, "crm").await,
        Broker::start().await,
    );
    let stop = CancellationToken::new();
    consume(&broker, &database.pool, &stop);
    let bus = broker.bus("publisher");
    let event = Event::new(&Clock::system(), WorkspaceId::new(), &Closed { number: 1 });
    let last = Event::new(&Clock::system(), WorkspaceId::new(), &Closed { number: 2 });
    bus.publish_all(&[event.clone(), event.clone(), event])
        .await
        .into_iter()
        .for_each(Result::unwrap);
    bus.publish(&last).await.unwrap();
    eventually("everything is handled", || async {
        let left = broker.depth(topology::CRM_TIMELINE.name).await;
        (left == 0 && effects(&database.pool).await.contains(&2)).then_some(())
    })
    .await;
    assert_eq!(effects(&database.pool).await, [1, 2]);
    stop.cancel();
}

#[tokio::test]
async fn what_waited_through_an_outage_of_the_broker_is_told_afterwards() {
    let (database, broker) = (
        Postgres::start(&MIGRATOR, "crm").await,
        Broker::start().await,
    );
    let target = url::Url::parse(secrecy::ExposeSecret::expose_secret(
        &broker.config.amqp_url,
    ))
    .unwrap();
    let proxy = testkit::Proxy::start(&target).await;
    proxy.take_down();
    let config = bus::BusConfig {
        amqp_url: String::from(proxy.through(&target)).into(),
    };
    let outbox = Outbox::new(
        "crm",
        database.pool.clone(),
        bus::Bus::new("relay", &config),
        Clock::system(),
    );
    let stop = CancellationToken::new();
    tokio::spawn(outbox.clone().relay(stop.clone()));
    consume(&broker, &database.pool, &stop);
    let mut transaction = database.pool.begin().await.unwrap();
    outbox
        .append(&mut transaction, WorkspaceId::new(), &Closed { number: 3 })
        .await
        .unwrap();
    outbox.commit(transaction).await.unwrap();
    assert_eq!(waiting(&database.pool).await, 1);
    proxy.bring_up();
    eventually("the event has its effect", || async {
        (effects(&database.pool).await == [3]).then_some(())
    })
    .await;
    stop.cancel();
}
