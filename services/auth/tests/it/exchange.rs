//! Secret keys at work: what the gateway gets for one, and when it gets nothing any more.

use std::collections::BTreeSet;

use futures::future::join_all;
use http::StatusCode;
use reqwest::Method;
use serde_json::{Value, json};

use crate::fixture::{Answer, Auth, text};

/// Asks for a token as `service` does.
async fn exchange_as(auth: &Auth, service: &'static str, key: &str) -> Answer {
    let request = auth
        .server
        .internal_request(Method::POST, "/internal/keys/exchange")
        .bearer_auth(auth.service_token(service, "auth"))
        .json(&json!({ "key": key, "address": "192.0.2.7" }));
    Answer::of(request).await
}

pub(crate) async fn exchange(auth: &Auth, key: &str) -> Answer {
    exchange_as(auth, "gateway", key).await
}

/// A secret key with these scopes; answers it and its id.
pub(crate) async fn secret_key(
    auth: &Auth,
    token: &str,
    scopes: &[&str],
    ends: Value,
) -> (String, String) {
    let body =
        json!({ "kind": "secret", "name": "Importer", "scopes": scopes, "expires_at": ends });
    let created = auth
        .post_as(token, "/auth/keys", body)
        .await
        .expect(StatusCode::CREATED);
    (text(&created, "key"), text(&created, "id"))
}

#[tokio::test]
async fn a_key_gives_a_token_with_its_scopes_and_nothing_more() {
    let auth = Auth::start().await;
    let owner = auth.register("ada@example.com").await;
    let (key, id) = secret_key(
        &auth,
        &owner.access,
        &["keys:read", "audit:read"],
        Value::Null,
    )
    .await;
    let answer = exchange(&auth, &key).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let token = answer.expect(StatusCode::OK);
    assert_eq!(token["expires_in"], 600);

    let access = text(&token, "access_token");
    let claims = auth.claims(&access).await;
    assert_eq!(claims.aud, "syntera");
    assert_eq!(claims.sub.to_string(), id);
    assert_eq!(claims.wid, auth.claims(&owner.access).await.wid);
    assert_eq!(claims.role.unwrap().as_str(), "program");
    assert_eq!(claims.scope, "keys:read audit:read");
    assert_eq!(claims.exp - claims.iat, 600);
    // It is a caller like others: within its scopes, without an account of its own.
    let page = auth.get("/auth/keys", &access).await.expect(StatusCode::OK);
    assert_eq!(page["items"][0]["id"], json!(id));
    let more = auth
        .delete_as(&access, &format!("/auth/keys/{id}"), Value::Null)
        .await;
    more.problem("forbidden");
    auth.get("/auth/me", &access).await.problem("forbidden");
}

#[tokio::test]
async fn all_tokens_of_a_key_name_one_session() {
    let auth = Auth::start().await;
    let owner = auth.register("ada@example.com").await;
    let (key, _) = secret_key(&auth, &owner.access, &["keys:read"], Value::Null).await;
    let answers = join_all((0..8).map(|_| exchange(&auth, &key))).await;
    let mut sessions = BTreeSet::new();
    for answer in answers {
        let token = text(&answer.expect(StatusCode::OK), "access_token");
        sessions.insert(auth.claims(&token).await.sid);
    }
    auth.advance(3000);
    let later = exchange(&auth, &key).await.expect(StatusCode::OK);
    sessions.insert(auth.claims(&text(&later, "access_token")).await.sid);
    assert_eq!(sessions.len(), 1, "{sessions:?}");
    let address: String =
        sqlx::query_scalar("SELECT address FROM auth.sessions WHERE key_id IS NOT NULL")
            .fetch_one(&auth.database.pool)
            .await
            .unwrap();
    assert_eq!(address, "192.0.2.7");
}

#[tokio::test]
async fn a_revoked_key_is_refused_and_its_session_ends() {
    let auth = Auth::start().await;
    let owner = auth.register("ada@example.com").await;
    let (key, id) = secret_key(&auth, &owner.access, &["keys:read"], Value::Null).await;
    let token = exchange(&auth, &key).await.expect(StatusCode::OK);
    let access = text(&token, "access_token");
    let start = auth.clock.now();
    auth.delete_as(&owner.access, &format!("/auth/keys/{id}"), Value::Null)
        .await
        .expect(StatusCode::NO_CONTENT);
    exchange(&auth, &key).await.problem("invalid_credentials");
    assert_eq!(
        auth.revocations(start).await,
        [auth.claims(&access).await.sid]
    );
    auth.get("/auth/keys", &access)
        .await
        .problem("session_revoked");
}

#[tokio::test]
async fn no_token_outlives_the_revoking_of_its_key() {
    let auth = Auth::start().await;
    let owner = auth.register("ada@example.com").await;
    let (key, id) = secret_key(&auth, &owner.access, &["keys:read"], Value::Null).await;
    let start = auth.clock.now();
    let exchanges = join_all((0..12).map(|_| exchange(&auth, &key)));
    let path = format!("/auth/keys/{id}");
    let (exchanges, deleted) =
        tokio::join!(exchanges, auth.delete_as(&owner.access, &path, Value::Null));
    deleted.expect(StatusCode::NO_CONTENT);
    let revoked = auth.revocations(start).await;
    for answer in exchanges {
        if answer.status == StatusCode::OK {
            let claims = auth.claims(&text(&answer.body, "access_token")).await;
            assert!(revoked.contains(&claims.sid), "a session outlived its key");
        } else {
            answer.problem("invalid_credentials");
        }
    }
}

#[tokio::test]
async fn a_key_ends_at_its_time_and_so_do_its_tokens() {
    let auth = Auth::start().await;
    let owner = auth.register("ada@example.com").await;
    // The clock stands at 10:00:00.5.
    let ends = json!("2026-11-23T10:15:00.9Z");
    let (key, _) = secret_key(&auth, &owner.access, &["keys:read"], ends).await;
    let token = exchange(&auth, &key).await.expect(StatusCode::OK);
    assert_eq!(token["expires_in"], 600);
    auth.advance(600);
    let token = exchange(&auth, &key).await.expect(StatusCode::OK);
    assert_eq!(token["expires_in"], 300);
    let access = text(&token, "access_token");
    auth.advance(299);
    auth.get("/auth/keys", &access).await.expect(StatusCode::OK);
    auth.advance(1);
    auth.get("/auth/keys", &access)
        .await
        .problem("token_expired");
    let over = exchange(&auth, &key).await.problem("invalid_credentials");
    assert!(text(&over, "detail").contains("has ended"), "{over}");
}

#[tokio::test]
async fn a_key_belongs_to_the_workspace_and_dies_with_it() {
    let auth = Auth::start().await;
    let owner = auth.register("ada@example.com").await;
    let (key, _) = secret_key(&auth, &owner.access, &["keys:read"], Value::Null).await;
    auth.execute("UPDATE auth.memberships SET role = 'viewer'")
        .await;
    exchange(&auth, &key).await.expect(StatusCode::OK);
    auth.execute("DELETE FROM auth.memberships").await;
    exchange(&auth, &key).await.expect(StatusCode::OK);
    auth.execute("UPDATE auth.workspaces SET deleted_at = created_at")
        .await;
    exchange(&auth, &key).await.problem("invalid_credentials");
}

#[tokio::test]
async fn only_the_gateway_exchanges_and_only_secret_keys() {
    let auth = Auth::start().await;
    let owner = auth.register("ada@example.com").await;
    let (key, _) = secret_key(&auth, &owner.access, &["keys:read"], Value::Null).await;
    let (publishable, _) = auth.key(&owner.access, ids::AgentId::new()).await;
    exchange_as(&auth, "chat", &key).await.problem("forbidden");
    for unknown in [publishable.as_str(), "sk_unknown", "", "\u{0}"] {
        exchange(&auth, unknown)
            .await
            .problem("invalid_credentials");
    }
    let visit = auth.visit(json!({ "key": key }), None).await;
    visit.problem("invalid_credentials");
    let person = auth
        .server
        .internal_request(Method::POST, "/internal/keys/exchange")
        .bearer_auth(&owner.access)
        .json(&json!({ "key": key }));
    Answer::of(person).await.problem("unauthenticated");
}

#[tokio::test]
async fn the_use_of_a_key_is_noted_to_the_minute() {
    let auth = Auth::start().await;
    let owner = auth.register("ada@example.com").await;
    let (key, _) = secret_key(&auth, &owner.access, &["keys:read"], Value::Null).await;
    let used = async || {
        let page = auth
            .get("/auth/keys", &owner.access)
            .await
            .expect(StatusCode::OK);
        page["items"][0]["last_used_at"].clone()
    };
    assert_eq!(used().await, Value::Null);
    exchange(&auth, &key).await.expect(StatusCode::OK);
    assert_eq!(used().await, "2026-11-23T10:00:00.500Z");
    auth.advance(60);
    exchange(&auth, &key).await.expect(StatusCode::OK);
    assert_eq!(used().await, "2026-11-23T10:00:00.500Z", "not yet a minute");
    auth.advance(1);
    exchange(&auth, &key).await.expect(StatusCode::OK);
    assert_eq!(used().await, "2026-11-23T10:01:01.500Z");
}
