//! Providers in the settings of a workspace: who may add which.

use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    fixture::{Answer, Auth, pointers, text},
    provider::{CLIENT_SECRET, Provider},
};

const OWNER: &str = "grace@example.com";

#[tokio::test]
async fn a_provider_is_added_when_it_answers_and_is_who_it_says() {
    let auth = Auth::start().await;
    let mut provider = Provider::start(&auth.clock).await;
    let owner = auth.register(OWNER).await;
    let add = async |body: Value| auth.post_as(&owner.access, "/auth/issuers", body).await;
    let with = |field: &str, value: Value| {
        let mut body = provider.entry();
        body[field] = value;
        body
    };
    for (body, pointer) in [
        (with("issuer", json!("https://10.0.0.1")), "/issuer"),
        (with("issuer", json!("http://login.example.com")), "/issuer"),
        (
            with("issuer", json!("http://169.254.169.254/realm")),
            "/issuer",
        ),
        (with("issuer", json!("http://127.0.0.1:1")), "/issuer"),
        (
            with("issuer", json!(format!("{}/other", provider.url))),
            "/issuer",
        ),
        (with("issuer", json!("login")), "/issuer"),
        (with("name", json!("")), "/name"),
        (
            with("email_domains", json!(["gmail.com"])),
            "/email_domains/0",
        ),
        (
            with("email_domains", json!(["example.com", "victim.org"])),
            "/email_domains/1",
        ),
        (with("auto_join_role", json!("owner")), "/auto_join_role"),
    ] {
        let problem = add(body.clone()).await.problem("validation_failed");
        assert_eq!(pointers(&problem), [pointer], "{body}");
    }
    provider.state().calls_itself = Some("https://login.example.org".to_owned());
    let problem = add(provider.entry()).await.problem("validation_failed");
    assert_eq!(pointers(&problem), ["/issuer"]);
    provider.state().calls_itself = None;

    let added = add(provider.entry()).await;
    assert_eq!(added.headers["etag"], "\"1\"");
    let added = added.expect(StatusCode::CREATED);
    assert!(added.get("client_secret").is_none(), "{added}");
    let id = text(&added, "id");
    let way_back = format!("http://localhost:4000/api/v1/auth/oidc/{id}/callback");
    assert_eq!(added["redirect_uri"], way_back);
    assert_eq!(added["email_domains"], json!(["example.com"]));
    let list = auth.get("/auth/issuers", &owner.access).await;
    assert_eq!(list.expect(StatusCode::OK)["items"], json!([added]));
    let path = format!("/auth/issuers/{id}");
    let got = auth.get(&path, &owner.access).await;
    assert_eq!(got.headers["etag"], "\"1\"");
    assert_eq!(got.expect(StatusCode::OK), added);
    let kept: Vec<u8> = sqlx::query_scalar("SELECT client_secret FROM auth.issuers")
        .fetch_one(&auth.database.pool)
        .await
        .unwrap();
    let secret = CLIENT_SECRET.as_bytes();
    assert!(!kept.windows(secret.len()).any(|window| window == secret));

    provider.stop().await;
    let problem = add(provider.entry()).await.problem("validation_failed");
    assert_eq!(pointers(&problem), ["/issuer"]);
}

#[tokio::test]
async fn a_change_says_what_it_changes_and_claims_no_other_domain() {
    let auth = Auth::start().await;
    let provider = Provider::start(&auth.clock).await;
    let owner = auth.register(OWNER).await;
    let added = auth.post_as(&owner.access, "/auth/issuers", provider.entry());
    let added = added.await.expect(StatusCode::CREATED);
    let path = format!("/auth/issuers/{}", text(&added, "id"));
    let patch = async |tag: &str, body: Value| {
        let request = auth.server.patch(&path).bearer_auth(&owner.access);
        Answer::of(request.header("if-match", tag).json(&body)).await
    };
    let body = json!({ "email_domains": ["victim.org"] });
    let problem = patch("\"1\"", body).await.problem("validation_failed");
    assert_eq!(pointers(&problem), ["/email_domains/0"]);
    let body = json!({ "issuer": "https://login.example.org" });
    let problem = patch("\"1\"", body).await.problem("validation_failed");
    assert_eq!(pointers(&problem), ["/issuer"]);
    let body = json!({ "client_secret": "a new one", "email_domains": ["EXAMPLE.com"] });
    let changed = patch("\"1\"", body).await.expect(StatusCode::OK);
    assert_eq!(changed["email_domains"], json!(["example.com"]));
    assert_eq!(changed["client_id"], added["client_id"]);
    patch("\"1\"", json!({ "name": "Login" }))
        .await
        .problem("precondition_failed");
}

#[tokio::test]
async fn providers_are_the_workspaces_own_and_its_admins() {
    let auth = Auth::start().await;
    let provider = Provider::start(&auth.clock).await;
    let owner = auth.register(OWNER).await;
    let eve = auth.register("eve@example.com").await;
    let added = auth.post_as(&owner.access, "/auth/issuers", provider.entry());
    let added = added.await.expect(StatusCode::CREATED);
    let path = format!("/auth/issuers/{}", text(&added, "id"));
    let name = json!({ "name": "Mine" });
    auth.get(&path, &eve.access).await.problem("not_found");
    auth.patch_as(&eve.access, &path, name.clone())
        .await
        .problem("not_found");
    auth.delete_as(&eve.access, &path, json!({}))
        .await
        .problem("not_found");
    let list = auth.get("/auth/issuers", &eve.access).await;
    assert_eq!(list.expect(StatusCode::OK)["items"], json!([]));

    auth.execute("UPDATE auth.memberships SET role = 'supervisor'")
        .await;
    auth.get(&path, &owner.access).await.expect(StatusCode::OK);
    auth.patch_as(&owner.access, &path, name)
        .await
        .problem("forbidden");
    auth.post_as(&owner.access, "/auth/issuers", provider.entry())
        .await
        .problem("forbidden");
    auth.execute("UPDATE auth.memberships SET role = 'viewer'")
        .await;
    auth.get(&path, &owner.access).await.problem("forbidden");

    let unverified = auth.register_unverified("bob@example.com").await;
    auth.post_as(&unverified.access, "/auth/issuers", provider.entry())
        .await
        .problem("email_not_verified");
}

#[tokio::test]
async fn nobody_lets_in_whoever_may_more_than_themselves() {
    let auth = Auth::start().await;
    let provider = Provider::start(&auth.clock).await;
    let owner = auth.register(OWNER).await;
    // A role for the one who looks after signing in, and nothing else.
    let role = json!({ "name": "Gatekeeper", "permissions": ["issuers:read", "issuers:write"] });
    let role = auth.post_as(&owner.access, "/auth/roles", role).await;
    let role = text(&role.expect(StatusCode::CREATED), "id");
    sqlx::query("UPDATE auth.memberships SET role = 'custom', role_id = $1::uuid")
        .bind(role)
        .execute(&auth.database.pool)
        .await
        .unwrap();
    let problem = auth
        .post_as(&owner.access, "/auth/issuers", provider.entry())
        .await
        .problem("validation_failed");
    assert_eq!(pointers(&problem), ["/auto_join_role"]);
    let mut entry = provider.entry();
    entry["auto_join_role"] = Value::Null;
    auth.post_as(&owner.access, "/auth/issuers", entry)
        .await
        .expect(StatusCode::CREATED);
}
