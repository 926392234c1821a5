//! The keys that sign access tokens, and their rotation.

use std::sync::Arc;

use auth::{
    app::{App, Connections},
    signing::{self, Error, Rotated, Rotation},
};
use bus::Bus;
use futures::future::join_all;
use http::StatusCode;
use ids::AgentId;
use serde_json::json;
use testkit::Server;
use vault::{EnvKeys, Vault};

use crate::{
    fixture::{Answer, Auth, Wish, nobodys_redis, parts, text, vault_config},
    replica::Replica,
};

const MINUTE: u64 = 60;

/// What the command does.
async fn rotate(auth: &Auth, rotation: Rotation) -> Result<Rotated, Error> {
    let keys = EnvKeys::read(&vault_config()).unwrap();
    let pool = &auth.database.pool;
    let vault = Vault::new("auth", pool.clone(), Arc::new(keys), auth.clock.clone());
    signing::rotate(pool, &vault, rotation, auth.clock.now()).await
}

/// The ids of the published keys, the signing one first.
async fn published(server: &Server) -> Vec<String> {
    let set = Answer::of(server.get("/.well-known/jwks.json")).await;
    let set = set.expect(StatusCode::OK);
    let keys = set["keys"].as_array().unwrap().iter();
    keys.map(|key| text(key, "kid")).collect()
}

/// The key that a token names.
fn kid(token: &str) -> String {
    jsonwebtoken::decode_header(token).unwrap().kid.unwrap()
}

async fn me(server: &Server, token: &str) -> Answer {
    Answer::of(server.get("/auth/me").bearer_auth(token)).await
}

#[tokio::test]
async fn a_new_key_takes_over_and_nobody_notices() {
    let auth = Auth::start().await;
    let ada = auth.register("ada@example.com").await;
    let old = kid(&ada.access);
    assert_eq!(published(&auth.server).await, std::slice::from_ref(&old));

    let rotated = rotate(&auth, Rotation::Smooth).await.unwrap();
    let new = rotated.kid;
    signing::load(&auth.app).await.unwrap();
    // Everybody may know it, and it does not sign yet.
    assert_eq!(published(&auth.server).await, [old.clone(), new.clone()]);
    auth.advance(6 * MINUTE - 1);
    let last = auth.login("ada@example.com").await.access;
    assert_eq!(kid(&last), old);
    auth.advance(1);
    assert_eq!(auth.clock.now(), rotated.signs_from);
    let first = auth.login("ada@example.com").await.access;
    assert_eq!(kid(&first), new);
    assert_eq!(published(&auth.server).await, [new.clone(), old.clone()]);

    // What the old key signed is good for as long as it said, and no longer.
    auth.advance(10 * MINUTE - 2);
    me(&auth.server, &last).await.expect(StatusCode::OK);
    auth.advance(1);
    me(&auth.server, &last).await.problem("token_expired");
    me(&auth.server, &first).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn an_old_key_stays_for_its_longest_token_and_then_goes() {
    let auth = Auth::start().await;
    let owner = auth.register("ada@example.com").await;
    let (key, _) = auth.key(&owner.access, AgentId::new()).await;
    let rotated = rotate(&auth, Rotation::Smooth).await.unwrap();
    signing::load(&auth.app).await.unwrap();
    auth.advance(6 * MINUTE - 1);
    let visitor = auth.visit(json!({ "key": key }), None).await;
    let token = text(&visitor.expect(StatusCode::OK), "access_token");
    auth.advance(60 * MINUTE - 1);
    signing::load(&auth.app).await.unwrap();
    // A visitor's token is not enough here, which says that it is good.
    me(&auth.server, &token).await.problem("forbidden");
    auth.advance(1);
    me(&auth.server, &token).await.problem("token_expired");

    auth.advance(10 * MINUTE);
    assert_eq!(published(&auth.server).await.len(), 2);
    auth.advance(1);
    assert_eq!(auth.clock.now(), rotated.others_retire_at);
    assert_eq!(published(&auth.server).await, [rotated.kid]);
    signing::load(&auth.app).await.unwrap();
    me(&auth.server, &token).await.problem("unauthenticated");
    let count = "SELECT count(*) FROM auth.signing_keys";
    assert_eq!(auth.count(count).await, 2);
    auth.advance(10 * MINUTE + 1);
    signing::load(&auth.app).await.unwrap();
    assert_eq!(auth.count(count).await, 1);
}

#[tokio::test]
async fn replicas_change_over_together() {
    let auth = Auth::start().await;
    let ada = auth.register("ada@example.com").await;
    let other = Replica::beside(&auth).await;
    assert_eq!(published(&other.server).await, [kid(&ada.access)]);
    me(&other.server, &ada.access).await.expect(StatusCode::OK);

    let rotated = rotate(&auth, Rotation::Smooth).await.unwrap();
    for app in [&auth.app, &other.app] {
        signing::load(app).await.unwrap();
    }
    auth.advance(6 * MINUTE);
    let renewed = Answer::of(other.server.post("/auth/refresh").json(&json!({
        "refresh_token": ada.refresh,
    })));
    let renewed = renewed.await.expect(StatusCode::OK);
    let here = auth.login("ada@example.com").await.access;
    for (token, server) in [
        (text(&renewed, "access_token"), &auth.server),
        (here, &other.server),
    ] {
        assert_eq!(kid(&token), rotated.kid);
        me(server, &token).await.expect(StatusCode::OK);
    }
    assert_eq!(
        published(&auth.server).await,
        published(&other.server).await
    );
}

#[tokio::test]
async fn replicas_that_start_at_once_make_one_key() {
    let auth = Auth::start().await;
    auth.execute("DELETE FROM auth.signing_keys").await;
    let replicas = join_all((0..4).map(|_| Replica::beside(&auth))).await;
    let mut sets = Vec::new();
    for replica in &replicas {
        sets.push(published(&replica.server).await);
    }
    sets.dedup();
    assert_eq!(sets.len(), 1, "{sets:?}");
    assert_eq!(sets[0].len(), 1);
    assert_eq!(
        auth.count("SELECT count(*) FROM auth.signing_keys").await,
        1
    );
}

#[tokio::test]
async fn a_second_rotation_waits_for_the_first() {
    let auth = Auth::start().await;
    let rotated = rotate(&auth, Rotation::Smooth).await.unwrap();
    auth.advance(6 * MINUTE - 1);
    let refused = rotate(&auth, Rotation::Smooth).await;
    assert!(
        matches!(refused, Err(Error::UnderWay(until)) if until == rotated.signs_from),
        "{refused:?}"
    );
    assert_eq!(
        auth.count("SELECT count(*) FROM auth.signing_keys").await,
        2
    );
    auth.advance(1);
    let next = rotate(&auth, Rotation::Smooth).await.unwrap();
    signing::load(&auth.app).await.unwrap();
    let published = published(&auth.server).await;
    assert_eq!(published.len(), 3);
    assert_eq!((&published[0], &published[2]), (&rotated.kid, &next.kid));
}

#[tokio::test]
async fn what_a_withdrawn_key_signed_is_refused() {
    let auth = Auth::start().await;
    let ada = auth.register("ada@example.com").await;
    // One is under way: that one may have leaked, too.
    rotate(&auth, Rotation::Smooth).await.unwrap();
    let rotated = rotate(&auth, Rotation::AtOnce).await.unwrap();
    signing::load(&auth.app).await.unwrap();
    auth.advance(29);
    me(&auth.server, &ada.access).await.expect(StatusCode::OK);
    auth.advance(1);
    signing::load(&auth.app).await.unwrap();
    assert_eq!(
        published(&auth.server).await,
        std::slice::from_ref(&rotated.kid)
    );
    me(&auth.server, &ada.access)
        .await
        .problem("unauthenticated");
    // She is not signed out: her refresh token gets her another one.
    let renewed = auth.refresh(&ada.refresh).await.expect(StatusCode::OK);
    let access = text(&renewed, "access_token");
    assert_eq!(kid(&access), rotated.kid);
    me(&auth.server, &access).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn a_key_outlives_the_process_and_lies_sealed() {
    let auth = Auth::start().await;
    let ada = auth.register("ada@example.com").await;
    let again = Replica::beside(&auth).await;
    me(&again.server, &ada.access).await.expect(StatusCode::OK);
    // A private key in PKCS#8 names its algorithm and its curve (RFC 5915): 1.2.840.10045.2.1,
    // 1.2.840.10045.3.1.7.
    let rows = "SELECT count(*) FROM auth.signing_keys
                WHERE position('\\x2a8648ce3d0201'::bytea IN sealed) > 0
                   OR position('\\x2a8648ce3d030107'::bytea IN sealed) > 0";
    assert_eq!(auth.count(rows).await, 0);
    // Who can write to the table cannot make a key of their own: it does not open.
    auth.execute("UPDATE auth.signing_keys SET sealed = '\\x00'")
        .await;
    let stranger = App::new(
        Connections {
            pool: auth.database.pool.clone(),
            redis: nobodys_redis(),
            bus: Bus::new("auth", &Wish::default().bus),
        },
        parts(auth.folder(), &auth.clock, &Wish::default()),
    );
    let failed = signing::load(&stranger.unwrap()).await;
    assert!(matches!(failed, Err(Error::Vault(_))), "{failed:?}");
    // Those who know the key already sign on.
    signing::load(&auth.app).await.unwrap();
    auth.login("ada@example.com").await;
}
