//! `auth vault rotate`: everything that is sealed is sealed again, and nobody notices.

use std::{collections::BTreeSet, sync::Arc};

use auth::reseal::{COLUMNS, rotate};
use http::StatusCode;
use serde_json::json;
use sqlx::query_scalar;
use vault::{EnvKeys, Vault};

use crate::fixture::{Auth, vault_config};

/// Columns of bytes that hold no sealed value: hashes, blind indexes, public keys, wrapped keys.
const NOT_SEALED: [&str; 13] = [
    "_sqlx_migrations.checksum",
    "data_keys.wrapped",
    "identities.subject",
    "invites.email_index",
    "invites.hash",
    "keys.hash",
    "passkeys.credential_id",
    "refresh_tokens.hash",
    "refresh_tokens.successor",
    "tickets.hash",
    "users.email_index",
    "visitors.external_index",
    "visitor_secrets.hash",
];

#[tokio::test]
async fn every_sealed_column_is_known_to_the_rotation() {
    let auth = Auth::start().await;
    let columns: Vec<String> = query_scalar(
        "SELECT table_name || '.' || column_name FROM information_schema.columns
         WHERE table_schema = 'auth' AND data_type = 'bytea'",
    )
    .fetch_all(&auth.database.pool)
    .await
    .unwrap();
    let mut expected: BTreeSet<String> = COLUMNS
        .iter()
        .map(|column| format!("{}.{}", column.table, column.name))
        .collect();
    expected.extend(NOT_SEALED.map(str::to_owned));
    // Nothing reads it any more; a later migration drops it.
    expected.insert("visitors.secret_hash".to_owned());
    assert_eq!(columns.into_iter().collect::<BTreeSet<_>>(), expected);
}

#[tokio::test]
async fn a_rotation_seals_everything_again_and_everything_still_opens() {
    let auth = Auth::start().await;
    let ada = auth.register("ada@example.com").await;
    let bob = auth.register_unverified("bob@example.com").await;
    let link = auth.letter_to("bob@example.com").await.token();
    let wrapper = Arc::new(EnvKeys::read(&vault_config()).unwrap());
    let pool = auth.database.pool.clone();
    let vault = Vault::new("auth", pool.clone(), wrapper, auth.clock.clone());

    let first = rotate(&pool, &vault, &auth.clock).await.unwrap();
    // Two addresses, a link, and the key that signs.
    assert_eq!(first.values, 4);
    assert_eq!(first.keys, 0, "another replica may still seal under it");
    let me = auth.get("/auth/me", &ada.access).await;
    assert_eq!(me.expect(StatusCode::OK)["email"], "ada@example.com");
    auth.post("/auth/email/verify", json!({ "token": link }))
        .await
        .expect(StatusCode::NO_CONTENT);
    auth::signing::load(&auth.app).await.unwrap();
    auth.login("bob@example.com").await;

    auth.advance(900);
    let second = rotate(&pool, &vault, &auth.clock).await.unwrap();
    assert_eq!((second.values, second.keys), (3, 1));
    auth.login("ada@example.com").await;
    let body = json!({ "refresh_token": bob.refresh });
    auth.post("/auth/refresh", body)
        .await
        .expect(StatusCode::OK);
}
