//! Publishable keys.

use auth::config::EmailVerification;
use http::StatusCode;
use ids::{AgentId, KeyId};
use serde_json::{Value, json};

use crate::fixture::{Answer, Auth, SHOP, Tokens, Wish, pointers, text};

fn body() -> Value {
    json!({ "name": "Shop", "agent_id": AgentId::new(), "allowed_origins": [SHOP] })
}

#[tokio::test]
async fn a_key_is_shown_once_and_listed_by_its_beginning() {
    let auth = Auth::start().await;
    let owner = auth.register("ada@example.com").await;
    let wanted = body();
    let request = auth
        .server
        .post("/auth/keys")
        .bearer_auth(&owner.access)
        .json(&wanted);
    let answer = Answer::of(request).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let created = answer.expect(StatusCode::CREATED);
    let key = text(&created, "key");
    assert!(key.starts_with("pk_") && key.len() == 46, "{key}");
    assert_eq!(created["prefix"], key[..11]);
    assert_eq!(created["kind"], "publishable");

    let page = auth
        .get("/auth/keys", &owner.access)
        .await
        .expect(StatusCode::OK);
    let mut expected = created.clone();
    expected.as_object_mut().unwrap().remove("key");
    assert_eq!(page, json!({ "items": [expected], "next_cursor": null }));
    for field in ["name", "agent_id", "allowed_origins"] {
        assert_eq!(page["items"][0][field], wanted[field]);
    }
}

#[tokio::test]
async fn a_long_list_comes_in_pages() {
    let auth = Auth::start().await;
    let owner = auth.register("ada@example.com").await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.insert(0, auth.key(&owner.access, AgentId::new()).await.1);
    }
    let (mut seen, mut path) = (Vec::new(), "/auth/keys?limit=2".to_owned());
    loop {
        let page = auth.get(&path, &owner.access).await.expect(StatusCode::OK);
        seen.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| text(item, "id")),
        );
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/auth/keys?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, made);
    auth.get("/auth/keys?limit=0", &owner.access)
        .await
        .problem("invalid_query");
    auth.get("/auth/keys?page=2", &owner.access)
        .await
        .problem("invalid_query");
    auth.get("/auth/keys?cursor=x", &owner.access)
        .await
        .problem("invalid_cursor");
}

#[tokio::test]
async fn every_fault_of_a_key_is_named() {
    let auth = Auth::start().await;
    let owner = auth.register("ada@example.com").await;
    let with = |field: &str, value: Value| {
        let mut body = body();
        body[field] = value;
        body
    };
    let many: Vec<_> = (0..21).map(|n| format!("https://{n}.example")).collect();
    for (body, expected) in [
        (with("name", json!("")), "/name"),
        (with("agent_id", json!("x")), "/agent_id"),
        (with("allowed_origins", json!([])), "/allowed_origins"),
        (with("allowed_origins", json!(many)), "/allowed_origins"),
        (
            with("allowed_origins", json!([SHOP, "*"])),
            "/allowed_origins/1",
        ),
        (
            with("allowed_origins", json!(["https://shop.example/"])),
            "/allowed_origins/0",
        ),
        (with("scopes", json!([])), "/scopes"),
    ] {
        let request = auth
            .server
            .post("/auth/keys")
            .bearer_auth(&owner.access)
            .json(&body);
        let problem = Answer::of(request).await.problem("validation_failed");
        assert_eq!(pointers(&problem), [expected], "{body}");
    }
}

#[tokio::test]
async fn a_key_is_revoked_once_and_by_its_own_workspace() {
    let auth = Auth::start().await;
    let owner = auth.register("ada@example.com").await;
    let stranger = auth.register("bob@example.com").await;
    let (_, id) = auth.key(&owner.access, AgentId::new()).await;
    let delete = |id: &str, token: &str| {
        Answer::of(
            auth.server
                .delete(&format!("/auth/keys/{id}"))
                .bearer_auth(token),
        )
    };
    delete(&id, &stranger.access).await.problem("not_found");
    let page = auth
        .get("/auth/keys", &stranger.access)
        .await
        .expect(StatusCode::OK);
    assert_eq!(page["items"], json!([]));

    delete(&id, &owner.access)
        .await
        .expect(StatusCode::NO_CONTENT);
    delete(&id, &owner.access).await.problem("not_found");
    delete(&KeyId::new().to_string(), &owner.access)
        .await
        .problem("not_found");
    delete("none", &owner.access).await.problem("not_found");
    let page = auth
        .get("/auth/keys", &owner.access)
        .await
        .expect(StatusCode::OK);
    assert_eq!(page["items"], json!([]));
}

#[tokio::test]
async fn the_role_decides_and_so_does_the_session() {
    let auth = Auth::start().await;
    let owner = auth.register("ada@example.com").await;
    let (key, id) = auth.key(&owner.access, AgentId::new()).await;
    let try_all = async |token: &str| {
        let list = auth.get("/auth/keys", token).await;
        let create = Answer::of(
            auth.server
                .post("/auth/keys")
                .bearer_auth(token)
                .json(&body()),
        )
        .await;
        let delete = auth
            .server
            .delete(&format!("/auth/keys/{}", KeyId::new()))
            .bearer_auth(token);
        (list, create, Answer::of(delete).await)
    };
    auth.execute("UPDATE auth.memberships SET role = 'viewer'")
        .await;
    let viewer = Tokens::of(auth.refresh(&owner.refresh).await.expect(StatusCode::OK));
    let (list, create, delete) = try_all(&viewer.access).await;
    list.expect(StatusCode::OK);
    create.problem("forbidden");
    delete.problem("forbidden");

    auth.execute("UPDATE auth.memberships SET role = 'agent'")
        .await;
    let agent = Tokens::of(auth.refresh(&viewer.refresh).await.expect(StatusCode::OK));
    auth.get("/auth/keys", &agent.access)
        .await
        .problem("forbidden");

    let visitor = auth
        .visit(json!({ "key": key }), None)
        .await
        .expect(StatusCode::OK);
    let (list, create, delete) = try_all(&text(&visitor, "access_token")).await;
    for answer in [list, create, delete] {
        answer.problem("forbidden");
    }

    // The owner's first token is good for minutes, but its session is not.
    let logout = auth
        .server
        .post("/auth/logout")
        .json(&json!({ "refresh_token": agent.refresh }));
    Answer::of(logout).await.expect(StatusCode::NO_CONTENT);
    let (list, create, delete) = try_all(&owner.access).await;
    for answer in [list, create, delete] {
        answer.problem("session_revoked");
    }
    let revoked = auth
        .server
        .delete(&format!("/auth/keys/{id}"))
        .bearer_auth(&owner.access);
    Answer::of(revoked).await.problem("session_revoked");
    auth.visit(json!({ "key": key }), None)
        .await
        .expect(StatusCode::OK);
}

#[tokio::test]
async fn where_addresses_must_be_verified_keys_wait_for_it() {
    let wish = Wish {
        email_verification: EmailVerification::Required,
        ..Wish::default()
    };
    let auth = Auth::wished(wish).await;
    let owner = auth.register("ada@example.com").await;
    let me = auth
        .get("/auth/me", &owner.access)
        .await
        .expect(StatusCode::OK);
    assert_eq!(me["email_verified"], false);
    auth.get("/auth/keys", &owner.access)
        .await
        .expect(StatusCode::OK);
    let create = || {
        auth.server
            .post("/auth/keys")
            .bearer_auth(&owner.access)
            .json(&body())
    };
    let problem = Answer::of(create()).await.problem("forbidden");
    assert!(
        text(&problem, "detail").contains("verify your e-mail address"),
        "{problem}"
    );
    let delete = auth
        .server
        .delete(&format!("/auth/keys/{}", KeyId::new()))
        .bearer_auth(&owner.access);
    Answer::of(delete).await.problem("forbidden");

    auth.execute("UPDATE auth.users SET email_verified_at = created_at")
        .await;
    let me = auth
        .get("/auth/me", &owner.access)
        .await
        .expect(StatusCode::OK);
    assert_eq!(me["email_verified"], true);
    Answer::of(create()).await.expect(StatusCode::CREATED);
}
