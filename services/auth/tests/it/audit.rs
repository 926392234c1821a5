//! The audit log: written with what it tells of, filtered, paged and exported.

use http::StatusCode;
use serde_json::{Value, json};

use crate::fixture::{Answer, Auth, PASSWORD, Tokens, pointers, text};

async fn entries(auth: &Auth, tokens: &Tokens, query: &str) -> Vec<Value> {
    let path = format!("/auth/audit?{query}");
    let page = auth.get(&path, &tokens.access).await.expect(StatusCode::OK);
    page["items"].as_array().unwrap().clone()
}

fn actions(entries: &[Value]) -> Vec<&str> {
    entries
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn it_says_who_did_what_and_from_where() {
    let auth = Auth::start().await;
    let tokens = auth.register("ada@example.com").await;
    let body = json!({ "name": "Ada Lovelace" });
    let request = auth
        .server
        .patch("/auth/me")
        .bearer_auth(&tokens.access)
        .header("x-forwarded-for", "192.0.2.7")
        .header("user-agent", "browser/1.0")
        .json(&body);
    let me = Answer::of(request).await.expect(StatusCode::OK);
    let all = entries(&auth, &tokens, "").await;
    assert_eq!(
        actions(&all),
        [
            "account.updated",
            "email.verified",
            "session.created",
            "workspace.created"
        ]
    );
    let newest = &all[0];
    assert_eq!(newest["actor_kind"], "user");
    assert_eq!(newest["actor_id"], me["id"]);
    assert_eq!(
        (&newest["target_kind"], &newest["target_id"]),
        (&json!("user"), &me["id"])
    );
    assert_eq!(
        (&newest["address"], &newest["user_agent"]),
        (&json!("192.0.2.7"), &json!("browser/1.0"))
    );
    assert!(
        !json!(all).to_string().contains("Lovelace"),
        "names and addresses stay out: {all:?}"
    );
}

#[tokio::test]
async fn it_filters_and_pages() {
    let auth = Auth::start().await;
    let tokens = auth.register("ada@example.com").await;
    for _ in 0..4 {
        auth.advance(60);
        auth.login("ada@example.com").await;
    }
    let found = entries(&auth, &tokens, "action=session.created").await;
    assert_eq!(found.len(), 5);
    let me = text(&found[0], "actor_id");
    assert_eq!(
        entries(&auth, &tokens, &format!("actor_id={me}"))
            .await
            .len(),
        7
    );
    let target = text(&found[0], "target_id");
    let one = entries(&auth, &tokens, &format!("target_id={target}")).await;
    assert_eq!(one, found[..1]);
    let recent = "from=2026-11-23T10:02:00Z&to=2026-11-23T10:04:00Z";
    assert_eq!(entries(&auth, &tokens, recent).await.len(), 2);

    let mut seen = Vec::new();
    let mut path = "/auth/audit?limit=3".to_owned();
    loop {
        let page = auth.get(&path, &tokens.access).await.expect(StatusCode::OK);
        seen.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/auth/audit?limit=3&cursor={next}");
    }
    assert_eq!(seen, entries(&auth, &tokens, "").await);
}

#[tokio::test]
async fn it_is_exported_as_csv() {
    let auth = Auth::start().await;
    let tokens = auth.register("ada@example.com").await;
    let request = auth
        .server
        .get("/auth/audit/export?action=session.created")
        .bearer_auth(&tokens.access);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let kind = response.headers()["content-type"].to_str().unwrap();
    assert!(kind.starts_with("text/csv"), "{kind}");
    let lines = response.text().await.unwrap();
    let lines: Vec<_> = lines.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("id,at,actor_kind,"), "{lines:?}");
    assert!(lines[1].contains(",session.created,session,"), "{lines:?}");
}

#[tokio::test]
async fn it_is_for_those_who_may_and_for_their_workspace() {
    let auth = Auth::start().await;
    let ada = auth.register("ada@example.com").await;
    let bob = auth.register("bob@example.com").await;
    let ada_id = auth.claims(&ada.access).await.sub;
    let of_ada = entries(&auth, &bob, &format!("actor_id={ada_id}")).await;
    assert!(of_ada.is_empty(), "{of_ada:?}");
    auth.execute("UPDATE auth.memberships SET role = 'supervisor'")
        .await;
    for path in ["/auth/audit", "/auth/audit/export"] {
        let problem = auth.get(path, &ada.access).await.problem("forbidden");
        assert!(text(&problem, "detail").contains("audit:read"), "{problem}");
    }
}

#[tokio::test]
async fn odd_filters_are_refused() {
    let auth = Auth::start().await;
    let tokens = auth.register("ada@example.com").await;
    for query in [
        "actor_id=me",
        "from=yesterday",
        "action=",
        "limit=0",
        "cursor=x",
        "role=owner",
    ] {
        let path = format!("/auth/audit?{query}");
        let answer = auth.get(&path, &tokens.access).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(pointers(&answer.body).is_empty());
    }
}

#[tokio::test]
async fn a_change_that_fails_leaves_no_entry() {
    let auth = Auth::start().await;
    let tokens = auth.register("ada@example.com").await;
    let before = entries(&auth, &tokens, "").await.len();
    let wrong = json!({ "current_password": "wrong password", "new_password": PASSWORD });
    auth.post_as(&tokens.access, "/auth/password/change", wrong)
        .await
        .problem("invalid_credentials");
    auth.delete_as(&tokens.access, "/auth/me", json!({ "password": PASSWORD }))
        .await
        .problem("last_owner");
    assert_eq!(entries(&auth, &tokens, "").await.len(), before);
}
