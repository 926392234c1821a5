//! Keys: made, listed and revoked.

use http::StatusCode;
use ids::{AgentId, KeyId};
use serde_json::{Value, json};

use crate::fixture::{Answer, Auth, SHOP, Tokens, pointers, text};

fn body() -> Value {
    json!({ "name": "Shop", "agent_id": AgentId::new(), "allowed_origins": [SHOP] })
}

fn secret(scopes: &[&str]) -> Value {
    json!({ "kind": "secret", "name": "Importer", "scopes": scopes })
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
    let with = |mut body: Value, field: &str, value: Value| {
        body[field] = value;
        body
    };
    let many: Vec<_> = (0..21).map(|n| format!("https://{n}.example")).collect();
    let reads = || secret(&["keys:read"]);
    let ends = |text: &str| with(reads(), "expires_at", json!(text));
    for (body, expected) in [
        (with(body(), "kind", json!("master")), "/kind"),
        (with(body(), "name", json!("")), "/name"),
        (with(body(), "agent_id", json!("x")), "/agent_id"),
        (with(body(), "agent_id", Value::Null), "/agent_id"),
        (
            with(body(), "allowed_origins", json!([])),
            "/allowed_origins",
        ),
        (
            with(body(), "allowed_origins", json!(many)),
            "/allowed_origins",
        ),
        (
            with(body(), "allowed_origins", json!([SHOP, "*"])),
            "/allowed_origins/1",
        ),
        (
            with(body(), "allowed_origins", json!(["https://shop.example/"])),
            "/allowed_origins/0",
        ),
        (with(body(), "scopes", json!(["keys:read"])), "/scopes"),
        (
            with(body(), "expires_at", json!("2026-12-01T00:00:00Z")),
            "/expires_at",
        ),
        (secret(&[]), "/scopes"),
        (secret(&["keys:read", "keys:burn"]), "/scopes/1"),
        (secret(&["keys:read", "keys:read"]), "/scopes/1"),
        (
            with(reads(), "agent_id", json!(AgentId::new())),
            "/agent_id",
        ),
        (
            with(reads(), "allowed_origins", json!([SHOP])),
            "/allowed_origins",
        ),
        (ends("tomorrow"), "/expires_at"),
        (ends("2026-11-23T10:00:00Z"), "/expires_at"),
        (ends("2027-11-24T10:00:02Z"), "/expires_at"),
        (with(body(), "owner", json!("me")), "/owner"),
    ] {
        let answer = auth
            .post_as(&owner.access, "/auth/keys", body.clone())
            .await;
        let problem = answer.problem("validation_failed");
        assert_eq!(pointers(&problem), [expected], "{body}");
    }
    assert_eq!(auth.count("SELECT count(*) FROM auth.keys").await, 0);
}

#[tokio::test]
async fn a_secret_key_is_shown_once_with_what_it_may_do() {
    let auth = Auth::start().await;
    let owner = auth.register("ada@example.com").await;
    let mut wanted = secret(&["contacts:read", "contacts:write"]);
    wanted["expires_at"] = json!("2027-01-01T00:00:00.7Z");
    let answer = auth.post_as(&owner.access, "/auth/keys", wanted).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let mut created = answer.expect(StatusCode::CREATED);
    let key = text(&created, "key");
    assert!(key.starts_with("sk_") && key.len() == 46, "{key}");
    created.as_object_mut().unwrap().remove("key");
    let id = text(&created, "id");
    assert_eq!(
        created,
        json!({
            "id": id, "kind": "secret", "name": "Importer", "agent_id": null, "allowed_origins": [],
            "scopes": ["contacts:read", "contacts:write"], "expires_at": "2027-01-01T00:00:00Z",
            "prefix": key[..11], "created_at": "2026-11-23T10:00:00.500Z", "last_used_at": null,
        })
    );
    let (_, publishable) = auth.key(&owner.access, AgentId::new()).await;
    for (query, expected) in [
        ("", vec![publishable.as_str(), id.as_str()]),
        ("?kind=secret", vec![id.as_str()]),
        ("?kind=publishable", vec![publishable.as_str()]),
        ("?kind=secret&limit=1", vec![id.as_str()]),
    ] {
        let path = format!("/auth/keys{query}");
        let page = auth.get(&path, &owner.access).await.expect(StatusCode::OK);
        let ids: Vec<_> = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| text(item, "id"))
            .collect();
        assert_eq!(ids, expected, "{query}");
    }
    let wrong = auth.get("/auth/keys?kind=master", &owner.access).await;
    wrong.problem("invalid_query");
}

#[tokio::test]
async fn nobody_gives_a_key_more_than_they_have() {
    let auth = Auth::start().await;
    let owner = auth.register("ada@example.com").await;
    auth.execute(
        "DELETE FROM auth.permissions WHERE role = 'owner' AND permission = 'contacts:write'",
    )
    .await;
    let more = secret(&["contacts:read", "contacts:write"]);
    let problem = auth
        .post_as(&owner.access, "/auth/keys", more)
        .await
        .problem("forbidden");
    assert_eq!(pointers(&problem), ["/scopes/1"]);
    let enough = secret(&["contacts:read"]);
    auth.post_as(&owner.access, "/auth/keys", enough)
        .await
        .expect(StatusCode::CREATED);
}

#[tokio::test]
async fn what_is_done_with_keys_is_in_the_audit_log() {
    let auth = Auth::start().await;
    let owner = auth.register("ada@example.com").await;
    let created = auth
        .post_as(&owner.access, "/auth/keys", secret(&["keys:read"]))
        .await
        .expect(StatusCode::CREATED);
    let id = text(&created, "id");
    auth.delete_as(&owner.access, &format!("/auth/keys/{id}"), Value::Null)
        .await
        .expect(StatusCode::NO_CONTENT);
    let log = auth
        .get(&format!("/auth/audit?target_id={id}"), &owner.access)
        .await
        .expect(StatusCode::OK);
    let told = json!({
        "kind": "secret", "prefix": created["prefix"], "agent_id": null, "allowed_origins": [],
        "scopes": ["keys:read"], "expires_at": null,
    });
    let (revoked, made) = (&log["items"][0], &log["items"][1]);
    assert_eq!(
        (&revoked["action"], &revoked["before"]),
        (&json!("key.revoked"), &told)
    );
    assert_eq!(
        (&made["action"], &made["after"]),
        (&json!("key.created"), &told)
    );
    assert_eq!(log["items"].as_array().unwrap().len(), 2);
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
async fn who_has_not_verified_their_address_makes_no_keys() {
    let auth = Auth::start().await;
    let owner = auth.register_unverified("ada@example.com").await;
    auth.get("/auth/keys", &owner.access)
        .await
        .expect(StatusCode::OK);
    for body in [body(), secret(&["keys:read"])] {
        auth.post_as(&owner.access, "/auth/keys", body)
            .await
            .problem("email_not_verified");
    }
    assert_eq!(auth.count("SELECT count(*) FROM auth.keys").await, 0);
    auth.execute("UPDATE auth.users SET email_verified_at = created_at")
        .await;
    auth.post_as(&owner.access, "/auth/keys", body())
        .await
        .expect(StatusCode::CREATED);
}
