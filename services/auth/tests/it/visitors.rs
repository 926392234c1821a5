//! Visitors of the widget.

use futures::future::join_all;
use http::StatusCode;
use ids::{AgentId, SessionId};
use serde_json::{Value, json};

use crate::fixture::{Answer, Auth, SHOP, pointers, text};

async fn session_of(auth: &Auth, visitor: &Value) -> SessionId {
    auth.claims(&text(visitor, "access_token")).await.sid
}

#[tokio::test]
async fn a_page_opens_a_session_for_its_agent_and_its_origin() {
    let auth = Auth::start().await;
    let owner = auth.register("ada@example.com").await;
    let agent = AgentId::new();
    let (key, _) = auth.key(&owner.access, agent).await;
    let answer = auth.visit(json!({ "key": key }), Some(SHOP)).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert!(
        answer.cookies().is_empty(),
        "the widget's routes use no cookies"
    );
    let visitor = answer.expect(StatusCode::OK);
    assert_eq!(visitor["agent_id"], json!(agent));
    assert_eq!(
        (&visitor["token_type"], &visitor["expires_in"]),
        (&json!("Bearer"), &json!(3600))
    );
    assert!(text(&visitor, "visitor_secret").starts_with("vs_"));

    let claims = auth.claims(&text(&visitor, "access_token")).await;
    assert_eq!(claims.aud, "syntera-widget");
    assert_eq!(claims.sub.to_string(), text(&visitor, "visitor_id"));
    assert_eq!(claims.wid, auth.claims(&owner.access).await.wid);
    assert_eq!(
        (claims.agent, claims.origin.as_deref()),
        (Some(agent), Some(SHOP))
    );
    assert_eq!((claims.role, claims.scope.as_str()), (None, ""));
    assert_eq!(claims.exp - claims.iat, 3600);
    // It is for the widget only.
    auth.get("/auth/me", &text(&visitor, "access_token"))
        .await
        .problem("forbidden");
}

#[tokio::test]
async fn other_sites_are_refused_and_programs_have_none() {
    let auth = Auth::start().await;
    let owner = auth.register("ada@example.com").await;
    let (key, _) = auth.key(&owner.access, AgentId::new()).await;
    let body = json!({ "key": key });
    for origin in [
        "https://evil.example",
        "http://shop.example",
        "https://shop.example.evil.example",
        "null",
        "",
    ] {
        auth.visit(body.clone(), Some(origin))
            .await
            .problem("origin_not_allowed");
    }
    assert_eq!(auth.count("SELECT count(*) FROM auth.visitors").await, 0);
    let program = auth.visit(body, None).await.expect(StatusCode::OK);
    assert_eq!(
        auth.claims(&text(&program, "access_token")).await.origin,
        None
    );
}

#[tokio::test]
async fn the_secret_makes_it_the_same_visitor() {
    let auth = Auth::start().await;
    let owner = auth.register("ada@example.com").await;
    let (key, _) = auth.key(&owner.access, AgentId::new()).await;
    let first = auth
        .visit(json!({ "key": key }), Some(SHOP))
        .await
        .expect(StatusCode::OK);
    auth.advance(3000);
    let renew = json!({ "key": key, "visitor_secret": first["visitor_secret"] });
    let again = auth
        .visit(renew.clone(), Some(SHOP))
        .await
        .expect(StatusCode::OK);
    assert_eq!(again["visitor_id"], first["visitor_id"]);
    assert_eq!(again["visitor_secret"], first["visitor_secret"]);
    assert_eq!(
        session_of(&auth, &again).await,
        session_of(&auth, &first).await
    );
    assert_ne!(again["access_token"], first["access_token"]);
    // The secret is no key to other sites.
    auth.visit(renew, Some("https://evil.example"))
        .await
        .problem("origin_not_allowed");
    // Without it, it is somebody else.
    let other = auth
        .visit(json!({ "key": key }), Some(SHOP))
        .await
        .expect(StatusCode::OK);
    assert_ne!(other["visitor_id"], first["visitor_id"]);
}

#[tokio::test]
async fn tabs_that_renew_at_once_share_a_session() {
    let auth = Auth::start().await;
    let owner = auth.register("ada@example.com").await;
    let (key, _) = auth.key(&owner.access, AgentId::new()).await;
    let first = auth
        .visit(json!({ "key": key }), None)
        .await
        .expect(StatusCode::OK);
    let body = json!({ "key": key, "visitor_secret": first["visitor_secret"] });
    auth.execute("DELETE FROM auth.sessions WHERE visitor_id IS NOT NULL")
        .await;
    let tabs = join_all((0..8).map(|_| auth.visit(body.clone(), None))).await;
    let mut sessions = Vec::new();
    for tab in tabs {
        sessions.push(session_of(&auth, &tab.expect(StatusCode::OK)).await);
    }
    sessions.dedup();
    assert_eq!(sessions.len(), 1, "{sessions:?}");
}

#[tokio::test]
async fn unknown_keys_and_secrets_are_refused() {
    let auth = Auth::start().await;
    let (ada, bob) = (
        auth.register("ada@example.com").await,
        auth.register("bob@example.com").await,
    );
    let (key, _) = auth.key(&ada.access, AgentId::new()).await;
    let (other_key, _) = auth.key(&bob.access, AgentId::new()).await;
    let visitor = auth
        .visit(json!({ "key": key }), None)
        .await
        .expect(StatusCode::OK);
    let secret = &visitor["visitor_secret"];
    auth.visit(json!({ "key": "pk_unknown" }), None)
        .await
        .problem("invalid_credentials");
    let wrong = json!({ "key": key, "visitor_secret": "vs_unknown" });
    auth.visit(wrong, None).await.problem("invalid_credentials");
    // A visitor of one workspace is nobody in another.
    let elsewhere = json!({ "key": other_key, "visitor_secret": secret });
    auth.visit(elsewhere, None)
        .await
        .problem("invalid_credentials");
    for (body, pointer) in [
        (json!({}), "/key"),
        (json!({ "key": 7 }), "/key"),
        (json!({ "key": "" }), "/key"),
        (
            json!({ "key": key, "visitor_secret": "" }),
            "/visitor_secret",
        ),
        (json!({ "key": key, "name": "x" }), "/name"),
    ] {
        let problem = auth.visit(body, None).await.problem("validation_failed");
        assert_eq!(pointers(&problem), [pointer]);
    }
}

#[tokio::test]
async fn a_revoked_key_lets_nobody_in_and_ends_whom_it_let_in() {
    let auth = Auth::start().await;
    let owner = auth.register("ada@example.com").await;
    let agent = AgentId::new();
    let (key, id) = auth.key(&owner.access, agent).await;
    let (other_key, _) = auth.key(&owner.access, agent).await;
    let visitor = auth
        .visit(json!({ "key": key }), None)
        .await
        .expect(StatusCode::OK);
    let bystander = auth
        .visit(json!({ "key": other_key }), None)
        .await
        .expect(StatusCode::OK);
    let start = auth.clock.now();
    let delete = auth
        .server
        .delete(&format!("/auth/keys/{id}"))
        .bearer_auth(&owner.access);
    Answer::of(delete).await.expect(StatusCode::NO_CONTENT);

    auth.visit(json!({ "key": key }), None)
        .await
        .problem("invalid_credentials");
    let ended = session_of(&auth, &visitor).await;
    assert_eq!(auth.revocations(start).await, [ended]);
    // By another key of the workspace the visitor comes back, in a new session.
    let body = json!({ "key": other_key, "visitor_secret": visitor["visitor_secret"] });
    let back = auth.visit(body, None).await.expect(StatusCode::OK);
    assert_eq!(back["visitor_id"], visitor["visitor_id"]);
    assert_ne!(session_of(&auth, &back).await, ended);
    assert_ne!(back["visitor_id"], bystander["visitor_id"]);
}

#[tokio::test]
async fn nobody_slips_in_while_the_key_is_revoked() {
    let auth = Auth::start().await;
    let owner = auth.register("ada@example.com").await;
    let (key, id) = auth.key(&owner.access, AgentId::new()).await;
    let start = auth.clock.now();
    let visits = join_all((0..12).map(|_| auth.visit(json!({ "key": key }), None)));
    let delete = Answer::of(
        auth.server
            .delete(&format!("/auth/keys/{id}"))
            .bearer_auth(&owner.access),
    );
    let (visits, deleted) = tokio::join!(visits, delete);
    deleted.expect(StatusCode::NO_CONTENT);
    let revoked = auth.revocations(start).await;
    let mut let_in = 0;
    for visit in visits {
        if visit.status == StatusCode::OK {
            assert!(
                revoked.contains(&session_of(&auth, &visit.body).await),
                "a session outlived its key"
            );
            let_in += 1;
        } else {
            visit.problem("invalid_credentials");
        }
    }
    assert_eq!(revoked.len(), let_in);
}

#[tokio::test]
async fn the_use_of_a_key_is_noted_to_the_minute() {
    let auth = Auth::start().await;
    let owner = auth.register("ada@example.com").await;
    let (key, _) = auth.key(&owner.access, AgentId::new()).await;
    let used = async || {
        let page = auth
            .get("/auth/keys", &owner.access)
            .await
            .expect(StatusCode::OK);
        page["items"][0]["last_used_at"].clone()
    };
    let visit = || auth.visit(json!({ "key": key }), None);
    assert_eq!(used().await, Value::Null);
    visit().await.expect(StatusCode::OK);
    assert_eq!(used().await, "2026-11-23T10:00:00.500Z");
    auth.advance(60);
    visit().await.expect(StatusCode::OK);
    assert_eq!(used().await, "2026-11-23T10:00:00.500Z", "not yet a minute");
    auth.advance(1);
    visit().await.expect(StatusCode::OK);
    assert_eq!(used().await, "2026-11-23T10:01:01.500Z");
}
