//! Workspaces: their settings, going from one to another, and their end.

use futures::future::join_all;
use http::StatusCode;
use ids::{AgentId, WorkspaceId};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::eventually;

use crate::{
    fixture::{Answer, Auth, PASSWORD, Tokens, pointers, text},
    team::{
        all_pages, assert_signed_out, audited, delete, invitation, invite, items, join, owner,
        role, signed_in,
    },
};

#[tokio::test]
async fn settings_are_read_and_changed_by_version() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "ada@example.com").await;
    let viewer = join(&auth, ada.token(), "viewer@example.com", "viewer").await;
    let answer = auth.get("/auth/workspace", viewer.token()).await;
    assert_eq!(answer.headers["etag"], "\"1\"");
    let settings = answer.expect(StatusCode::OK);
    assert_eq!(
        settings,
        json!({
            "id": settings["id"], "name": "Shop", "created_at": settings["created_at"],
            "enforce_identity": false, "has_identity_secret": false, "require_second_factor": false,
        })
    );
    let change = |etag: &'static str, body: Value| {
        let request = auth.server.patch("/auth/workspace");
        let request = request.bearer_auth(ada.token()).header("if-match", etag);
        Answer::of(request.json(&body))
    };
    let same = change("\"1\"", json!({ "name": "Shop" })).await;
    assert_eq!(same.headers["etag"], "\"1\"");
    let renamed = change("\"1\"", json!({ "name": " Market " })).await;
    assert_eq!(renamed.headers["etag"], "\"2\"");
    assert_eq!(renamed.expect(StatusCode::OK)["name"], "Market");
    let stale = change("\"1\"", json!({ "name": "Mall" })).await;
    assert_eq!(stale.headers["etag"], "\"2\"");
    stale.problem("precondition_failed");
    for (body, pointer) in [
        (json!({ "name": null }), "/name"),
        (json!({ "name": " " }), "/name"),
        (json!({ "enforce_identity": null }), "/enforce_identity"),
        (
            json!({ "require_second_factor": null }),
            "/require_second_factor",
        ),
        (json!({ "id": WorkspaceId::new() }), "/id"),
    ] {
        let problem = change("*", body.clone()).await.problem("validation_failed");
        assert_eq!(pointers(&problem), [pointer], "{body}");
    }
    // Without a secret no visitor could come in any more.
    let problem = change("*", json!({ "enforce_identity": true })).await;
    assert_eq!(
        pointers(&problem.problem("conflict")),
        ["/enforce_identity"]
    );
    auth.patch_as(viewer.token(), "/auth/workspace", json!({ "name": "Mine" }))
        .await
        .problem("forbidden");

    let entries = audited(&auth, ada.token(), "workspace.updated").await;
    assert_eq!(entries.len(), 1, "{entries:?}");
    let told = |name: &str| json!({ "name": name, "enforce_identity": false, "require_second_factor": false });
    assert_eq!(
        (&entries[0]["before"], &entries[0]["after"]),
        (&told("Shop"), &told("Market"))
    );
    let blind = role(&auth, ada.token(), "Blind", &["contacts:read"]).await;
    let bob = join(&auth, ada.token(), "bob@example.com", &blind).await;
    auth.get("/auth/workspace", bob.token())
        .await
        .problem("forbidden");
}

#[tokio::test]
async fn somebody_goes_on_in_another_workspace() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "ada@example.com").await;
    let body = json!({ "name": " Second shop " });
    let second = auth.post_as(ada.token(), "/auth/workspaces", body).await;
    let second = second.expect(StatusCode::CREATED);
    assert_eq!(second["name"], "Second shop");
    let mine = items(&auth, "/auth/workspaces", ada.token()).await;
    let names: Vec<_> = mine
        .iter()
        .map(|one| (text(one, "name"), text(one, "role")))
        .collect();
    let expected = ["Shop", "Second shop"].map(|name| (name.to_owned(), "owner".to_owned()));
    assert_eq!(names, expected);

    auth.advance(1);
    let path = format!("/auth/workspaces/{}/enter", text(&second, "id"));
    let wish = json!({ "return_refresh_token": true });
    let entered = auth.post_as(ada.token(), &path, wish).await;
    assert_eq!(entered.headers["cache-control"], "no-store");
    assert_eq!(entered.cookies().len(), 2);
    let tokens = Tokens::of(entered.expect(StatusCode::OK));
    let claims = auth.claims(&tokens.access).await;
    assert_eq!(json!(claims.wid), second["id"]);
    assert_eq!(
        (json!(claims.role), claims.sub.to_string()),
        (json!("owner"), ada.id.clone())
    );
    assert_signed_out(&auth, &ada).await;
    let sessions = items(&auth, "/auth/sessions", &tokens.access).await;
    let [session] = sessions.as_slice() else {
        panic!("{sessions:?}")
    };
    // Whoever entered proved themselves as before.
    assert_eq!(session["methods"], json!(["password"]));
    // Signing in leads to where one was last.
    auth.advance(1);
    let again = signed_in(&auth, auth.login("ada@example.com").await).await;
    assert_eq!(json!(auth.claims(again.token()).await.wid), second["id"]);
    let path = format!("/auth/workspaces/{}/enter", text(&mine[0], "id"));
    // A browser sends no body, and gets cookies only.
    let entered = Answer::of(auth.server.post(&path).bearer_auth(again.token())).await;
    assert!(entered.cookie("syntera_refresh").starts_with("rt_"));
    assert!(
        entered
            .expect(StatusCode::OK)
            .get("refresh_token")
            .is_none()
    );
}

#[tokio::test]
async fn nobody_enters_where_they_do_not_belong_or_twice_by_one_session() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "ada@example.com").await;
    let eve = owner(&auth, "eve@example.com").await;
    let foreign = auth.claims(eve.token()).await.wid;
    for id in [
        foreign.to_string(),
        WorkspaceId::new().to_string(),
        "none".to_owned(),
    ] {
        let path = format!("/auth/workspaces/{id}/enter");
        auth.post_as(ada.token(), &path, Value::Null)
            .await
            .problem("not_found");
    }
    auth.get("/auth/me", ada.token())
        .await
        .expect(StatusCode::OK);
    let own = auth.claims(ada.token()).await.wid;
    let path = format!("/auth/workspaces/{own}/enter");
    let tries = (0..8).map(|_| auth.post_as(ada.token(), &path, Value::Null));
    let answers = join_all(tries).await;
    let (entered, late): (Vec<_>, Vec<_>) = answers
        .into_iter()
        .partition(|answer| answer.status == StatusCode::OK);
    assert_eq!(entered.len(), 1, "{late:?}");
    for answer in late {
        answer.problem("session_revoked");
    }
}

#[tokio::test]
async fn a_program_works_in_its_workspace_and_has_none_of_its_own() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "ada@example.com").await;
    let body = json!({ "kind": "secret", "name": "Importer", "scopes": ["members:read", "members:write"] });
    let key = auth.post_as(ada.token(), "/auth/keys", body).await;
    let key = key.expect(StatusCode::CREATED);
    let exchange = auth
        .server
        .internal_request(Method::POST, "/internal/keys/exchange")
        .bearer_auth(auth.service_token("gateway", "auth"))
        .json(&json!({ "key": key["key"] }));
    let token = Answer::of(exchange).await.expect(StatusCode::OK);
    let token = text(&token, "access_token");
    let own = auth.claims(ada.token()).await.wid;
    let enter = format!("/auth/workspaces/{own}/enter");
    auth.get("/auth/workspaces", &token)
        .await
        .problem("forbidden");
    for (path, body) in [
        ("/auth/workspaces", json!({ "name": "Mine" })),
        (&enter, Value::Null),
    ] {
        auth.post_as(&token, path, body).await.problem("forbidden");
    }
    // It gives away no more than it has, and touches nobody who has more.
    let invited =
        |role: &str| auth.post_as(&token, "/auth/invites", invitation("bob@example.com", role));
    invited("viewer").await.problem("forbidden");
    let greeter = role(&auth, ada.token(), "Greeter", &["members:read"]).await;
    let invite = invited(&greeter).await.expect(StatusCode::CREATED);
    assert_eq!(invite["invited_by"], key["id"]);
    let letter = auth.letter_to("bob@example.com").await;
    assert!(letter.text.contains("Shop invites you"), "{}", letter.text);
    delete(&auth, &ada.path(), &token)
        .await
        .problem("forbidden");
    let entries = audited(&auth, ada.token(), "invite.created").await;
    assert_eq!(
        (&entries[0]["actor_kind"], &entries[0]["actor_id"]),
        (&json!("program"), &key["id"])
    );
}

#[tokio::test]
async fn a_long_list_comes_in_pages() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "ada@example.com").await;
    for n in 0..4 {
        let body = json!({ "name": format!("Shop {n}") });
        auth.post_as(ada.token(), "/auth/workspaces", body)
            .await
            .expect(StatusCode::CREATED);
    }
    let all = all_pages(&auth, "/auth/workspaces?limit=2", ada.token()).await;
    let names: Vec<_> = all.iter().map(|one| text(one, "name")).collect();
    assert_eq!(names, ["Shop", "Shop 0", "Shop 1", "Shop 2", "Shop 3"]);
}

#[tokio::test]
async fn only_an_owner_who_means_it_deletes_a_workspace() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "ada@example.com").await;
    let admin = join(&auth, ada.token(), "admin@example.com", "admin").await;
    let delete = |token: &str, body: Value| {
        let token = token.to_owned();
        let auth = &auth;
        async move { auth.delete_as(&token, "/auth/workspace", body).await }
    };
    let meant = json!({ "name": "Shop", "password": PASSWORD });
    delete(admin.token(), meant).await.problem("forbidden");
    for (body, pointer) in [
        (json!({ "password": PASSWORD }), "/name"),
        (json!({ "name": "shop", "password": PASSWORD }), "/name"),
        (json!({ "name": "Shop" }), "/password"),
    ] {
        let problem = delete(ada.token(), body.clone()).await;
        let problem = problem.problem("validation_failed");
        assert_eq!(pointers(&problem), [pointer], "{body}");
    }
    delete(
        ada.token(),
        json!({ "name": "Shop", "password": "a wrong password" }),
    )
    .await
    .problem("invalid_credentials");
    auth.get("/auth/workspace", admin.token())
        .await
        .expect(StatusCode::OK);
}

#[tokio::test]
async fn a_deleted_workspace_lets_nobody_in() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "ada@example.com").await;
    let bob = join(&auth, ada.token(), "bob@example.com", "agent").await;
    let link = invite(&auth, ada.token(), "cy@example.com", "agent").await;
    let (key, _) = auth.key(ada.token(), AgentId::new()).await;
    let visitor = auth.visit(json!({ "key": key }), None).await;
    let visitor = text(&visitor.expect(StatusCode::OK), "access_token");
    let second = json!({ "name": "Second shop" });
    auth.post_as(bob.token(), "/auth/workspaces", second)
        .await
        .expect(StatusCode::CREATED);
    let start = auth.clock.now();
    let mut sessions = Vec::new();
    for token in [ada.token(), bob.token(), &visitor] {
        sessions.push(auth.claims(token).await.sid);
    }
    auth.advance(1);
    let body = json!({ "name": "Shop", "password": PASSWORD });
    auth.delete_as(ada.token(), "/auth/workspace", body)
        .await
        .expect(StatusCode::NO_CONTENT);

    let mut ended = auth.revocations(start).await;
    ended.sort();
    sessions.sort();
    assert_eq!(ended, sessions);
    for person in [&ada, &bob] {
        assert_signed_out(&auth, person).await;
    }
    let login = json!({ "email": "ada@example.com", "password": PASSWORD });
    auth.post("/auth/login", login).await.problem("forbidden");
    // Bob has another one to go to.
    let bob = auth.login("bob@example.com").await;
    let mine = items(&auth, "/auth/workspaces", &bob.access).await;
    assert_eq!(mine.len(), 1);
    assert_eq!(mine[0]["name"], "Second shop");
    auth.post("/auth/invites/lookup", json!({ "token": link }))
        .await
        .problem("link_expired");
    let refused = auth.visit(json!({ "key": key }), None).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{refused:?}");
    // The row stays for a while, and says nothing.
    let rows = "SELECT count(*) FROM auth.workspaces WHERE deleted_at IS NOT NULL AND name = ''";
    assert_eq!(auth.count(rows).await, 1);
}

#[tokio::test]
async fn sign_ins_during_the_deletion_leave_no_way_in() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "ada@example.com").await;
    join(&auth, ada.token(), "bob@example.com", "agent").await;
    let body = json!({ "name": "Shop", "password": PASSWORD });
    let delete = auth.delete_as(ada.token(), "/auth/workspace", body);
    let login = json!({ "email": "bob@example.com", "password": PASSWORD });
    let logins = join_all((0..12).map(|_| auth.post("/auth/login", login.clone())));
    let (deleted, answers) = tokio::join!(delete, logins);
    deleted.expect(StatusCode::NO_CONTENT);
    for answer in answers {
        if let Some(token) = answer.body["access_token"].as_str() {
            auth.get("/auth/me", token).await.problem("session_revoked");
        } else {
            answer.problem("forbidden");
        }
    }
    let live = "SELECT count(*) FROM auth.sessions WHERE revoked_at IS NULL";
    assert_eq!(auth.count(live).await, 0);
}

#[tokio::test]
async fn other_services_hear_of_workspaces_that_come_and_go() {
    let (auth, broker) = Auth::publishing().await;
    let ada = owner(&auth, "ada@example.com").await;
    let body = json!({ "name": "Second shop" });
    auth.post_as(ada.token(), "/auth/workspaces", body)
        .await
        .expect(StatusCode::CREATED);
    let body = json!({ "name": "Shop", "password": PASSWORD });
    auth.delete_as(ada.token(), "/auth/workspace", body)
        .await
        .expect(StatusCode::NO_CONTENT);
    // Two were created and one deleted.
    eventually("all three lie in the queue of analytics", || async {
        (broker.depth("analytics.ingest").await == 3).then_some(())
    })
    .await;
    eventually("nothing waits to be published", || async {
        (auth.count("SELECT count(*) FROM auth.outbox").await == 0).then_some(())
    })
    .await;
}
