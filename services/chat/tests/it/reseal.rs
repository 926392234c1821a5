//! `chat vault rotate`: everything that is sealed is sealed again, and nobody notices.

use std::{collections::BTreeSet, time::Duration};

use chat::reseal::{COLUMNS, Rotated, rotate};
use clock::Clock;
use ids::{ChannelId, ScheduledMessageId, UserId};
use secrecy::ExposeSecret;
use serde_json::Value;
use sqlx::{query, query_scalar};
use vault::{Context, Scope, Sealed};

use crate::support::{Fleet, no_broker};

/// Columns of bytes that hold no sealed value.
const NOT_SEALED: [&str; 3] = [
    "_sqlx_migrations.checksum",
    "data_keys.wrapped",
    "idempotency_keys.request_hash",
];

#[tokio::test]
async fn every_sealed_column_is_known_to_the_rotation() {
    let fleet = Fleet::start().await;
    let columns: Vec<String> = query_scalar(
        "SELECT table_name || '.' || column_name FROM information_schema.columns
         WHERE table_schema = 'chat' AND data_type = 'bytea'",
    )
    .fetch_all(&fleet.postgres.pool)
    .await
    .unwrap();
    let mut expected: BTreeSet<String> = COLUMNS
        .iter()
        .map(|column| format!("{}.{}", column.table, column.name))
        .collect();
    expected.extend(NOT_SEALED.map(str::to_owned));
    assert_eq!(columns.into_iter().collect::<BTreeSet<_>>(), expected);
}

/// A draft of somebody, kept as the service keeps it.
async fn keep_draft(fleet: &Fleet, channel: ChannelId, text: &str) -> Context {
    let context = Context {
        field: "chat.drafts.text",
        row: ScheduledMessageId::new().as_uuid(),
    };
    let pool = &fleet.postgres.pool;
    let scope = Scope::workspace(fleet.workspace);
    let vault = fleet.vault(pool.clone());
    let sealed = vault.seal(scope, &context, text.as_bytes()).await.unwrap();
    query(
        "INSERT INTO chat.drafts (workspace_id, channel_id, user_id, id, kind, text_sealed, updated_at)
         VALUES ($1, $2, $3, $4, 'message', $5, $6)",
    )
    .bind(fleet.workspace)
    .bind(channel)
    .bind(UserId::new())
    .bind(context.row)
    .bind(sealed)
    .bind(fleet.clock.now())
    .execute(pool)
    .await
    .unwrap();
    context
}

#[tokio::test]
async fn a_rotation_seals_rows_and_the_log_again_and_everything_still_opens() {
    let clock = Clock::manual("2026-11-23T10:00:00Z".parse().unwrap());
    let fleet = Fleet::with(clock, no_broker()).await;
    let chat = fleet.instance().await;
    let conversation = fleet.open(&chat).await;
    let channel = conversation.channel;
    chat.say(&conversation.token, channel, "hello").await;
    let context = keep_draft(&fleet, channel, "a draft").await;
    let pool = fleet.postgres.pool.clone();
    let vault = fleet.vault(pool.clone());

    let sealed_again = async || {
        rotate(&pool, &fleet.database, &vault, &fleet.clock)
            .await
            .unwrap()
    };
    // Another replica may still seal under the old key.
    let first = Rotated { values: 2, keys: 0 };
    assert_eq!(sealed_again().await, first);
    fleet.clock.advance(Duration::from_secs(900));
    let second = Rotated { values: 2, keys: 1 };
    assert_eq!(sealed_again().await, second);

    let log = fleet.log(&chat, channel).await;
    let said: Vec<Value> = log
        .iter()
        .map(|entry| serde_json::to_value(entry).unwrap()["body"]["text"].clone())
        .collect();
    assert!(said.contains(&"hello".into()), "{said:?}");
    let draft: Sealed = query_scalar("SELECT text_sealed FROM chat.drafts")
        .fetch_one(&pool)
        .await
        .unwrap();
    let scope = Scope::workspace(fleet.workspace);
    assert!(vault.is_current(scope, &draft).await.unwrap());
    let text = vault.open_text(scope, &context, &draft).await.unwrap();
    assert_eq!(text.expose_secret(), "a draft");
}
