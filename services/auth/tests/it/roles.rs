//! The roles that a workspace makes for itself, and the table of permissions.

use common::tokens::Permission;
use http::StatusCode;
use ids::RoleId;
use serde_json::{Value, json};

use crate::{
    fixture::{Answer, Auth, Tokens, pointers, text},
    team::{all_pages, assert_signed_out, audited, delete, invitation, items, join, owner, role},
};

#[tokio::test]
async fn a_role_is_made_read_changed_and_deleted() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "ada@example.com").await;
    let body = json!({ "name": " Sales ", "permissions": ["contacts:write", "contacts:read", "contacts:read"] });
    let answer = auth.post_as(ada.token(), "/auth/roles", body).await;
    assert_eq!(answer.headers["etag"], "\"1\"");
    let made = answer.expect(StatusCode::CREATED);
    assert_eq!(made["name"], "Sales");
    assert_eq!(
        made["permissions"],
        json!(["contacts:read", "contacts:write"])
    );
    let path = format!("/auth/roles/{}", text(&made, "id"));
    let read = auth.get(&path, ada.token()).await;
    assert_eq!(read.headers["etag"], "\"1\"");
    assert_eq!(read.expect(StatusCode::OK), made);
    assert_eq!(
        items(&auth, "/auth/roles", ada.token()).await,
        std::slice::from_ref(&made)
    );

    auth.advance(5);
    let change = |etag: &'static str, body: Value| {
        let request = auth.server.patch(&path).bearer_auth(ada.token());
        Answer::of(request.header("if-match", etag).json(&body))
    };
    let nothing = change("\"1\"", json!({ "name": "Sales" })).await;
    assert_eq!(nothing.headers["etag"], "\"1\"");
    assert_eq!(nothing.expect(StatusCode::OK), made);
    let renamed = change("\"1\"", json!({ "name": "Selling" })).await;
    assert_eq!(renamed.headers["etag"], "\"2\"");
    let renamed = renamed.expect(StatusCode::OK);
    assert_eq!(renamed["permissions"], made["permissions"]);
    assert_ne!(renamed["updated_at"], made["updated_at"]);
    let stale = change("\"1\"", json!({ "name": "Shopping" })).await;
    assert_eq!(stale.headers["etag"], "\"2\"");
    stale.problem("precondition_failed");

    delete(&auth, &path, ada.token())
        .await
        .expect(StatusCode::NO_CONTENT);
    auth.get(&path, ada.token()).await.problem("not_found");
    delete(&auth, &path, ada.token()).await.problem("not_found");
    auth.patch_as(ada.token(), &path, json!({}))
        .await
        .problem("not_found");
    let told = json!({ "name": "Selling", "permissions": ["contacts:read", "contacts:write"] });
    for (action, before, after) in [
        (
            "role.created",
            Value::Null,
            json!({ "name": "Sales", "permissions": made["permissions"] }),
        ),
        (
            "role.updated",
            json!({ "name": "Sales", "permissions": made["permissions"] }),
            told.clone(),
        ),
        ("role.deleted", told, Value::Null),
    ] {
        let entries = audited(&auth, ada.token(), action).await;
        assert_eq!(entries.len(), 1, "{entries:?}");
        assert_eq!(
            (&entries[0]["before"], &entries[0]["after"]),
            (&before, &after),
            "{action}"
        );
    }
}

#[tokio::test]
async fn every_fault_of_a_role_is_named() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "ada@example.com").await;
    let eve = owner(&auth, "eve@example.com").await;
    let sales = role(&auth, ada.token(), "Sales", &["contacts:read"]).await;
    let body = |name: &str, permissions: Value| json!({ "name": name, "permissions": permissions });
    for (body, expected) in [
        (body("", json!(["contacts:read"])), "/name"),
        (body("Admin", json!(["contacts:read"])), "/name"),
        (body("Buying", json!([])), "/permissions"),
        (body("Buying", json!(["contacts:burn"])), "/permissions/0"),
    ] {
        let problem = auth.post_as(ada.token(), "/auth/roles", body.clone()).await;
        assert_eq!(
            pointers(&problem.problem("validation_failed")),
            [expected],
            "{body}"
        );
    }
    let same = body("SALES", json!(["contacts:read"]));
    let problem = auth.post_as(ada.token(), "/auth/roles", same.clone()).await;
    assert_eq!(pointers(&problem.problem("conflict")), ["/name"]);
    let buying = role(&auth, ada.token(), "Buying", &["contacts:read"]).await;
    let path = format!("/auth/roles/{buying}");
    let problem = auth
        .patch_as(ada.token(), &path, json!({ "name": "sales" }))
        .await;
    assert_eq!(pointers(&problem.problem("conflict")), ["/name"]);
    // Another workspace has its own names, and sees none of these.
    auth.post_as(eve.token(), "/auth/roles", same)
        .await
        .expect(StatusCode::CREATED);
    for id in [sales, RoleId::new().to_string(), "none".to_owned()] {
        let path = format!("/auth/roles/{id}");
        auth.get(&path, eve.token()).await.problem("not_found");
        auth.patch_as(eve.token(), &path, json!({ "name": "Mine" }))
            .await
            .problem("not_found");
        delete(&auth, &path, eve.token()).await.problem("not_found");
    }
}

#[tokio::test]
async fn a_long_list_comes_in_pages() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "ada@example.com").await;
    let mut made = Vec::new();
    for n in 0..5 {
        let id = role(&auth, ada.token(), &format!("Role {n}"), &["contacts:read"]).await;
        made.insert(0, id);
    }
    let all = all_pages(&auth, "/auth/roles?limit=2", ada.token()).await;
    let ids: Vec<_> = all.iter().map(|role| text(role, "id")).collect();
    assert_eq!(ids, made);
}

#[tokio::test]
async fn what_a_role_loses_is_lost_at_once_and_what_it_gains_comes_with_the_next_token() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "ada@example.com").await;
    let id = role(
        &auth,
        ada.token(),
        "Sales",
        &["contacts:read", "members:read"],
    )
    .await;
    let bob = join(&auth, ada.token(), "bob@example.com", &id).await;
    let path = format!("/auth/roles/{id}");
    auth.get("/auth/members", bob.token())
        .await
        .expect(StatusCode::OK);
    auth.get("/auth/roles", bob.token())
        .await
        .problem("forbidden");

    let more = json!({ "permissions": ["contacts:read", "members:read", "roles:read"] });
    auth.patch_as(ada.token(), &path, more)
        .await
        .expect(StatusCode::OK);
    // Here, where roles are kept, it counts already; other services read the token.
    auth.get("/auth/roles", bob.token())
        .await
        .expect(StatusCode::OK);
    let next = Tokens::of(
        auth.refresh(&bob.tokens.refresh)
            .await
            .expect(StatusCode::OK),
    );
    let claims = auth.claims(&next.access).await;
    assert_eq!(claims.scope, "contacts:read members:read roles:read");

    let less = json!({ "permissions": ["contacts:read", "roles:read"] });
    auth.patch_as(ada.token(), &path, less)
        .await
        .expect(StatusCode::OK);
    assert_signed_out(&auth, &bob).await;
    let again = auth.login("bob@example.com").await;
    auth.get("/auth/members", &again.access)
        .await
        .problem("forbidden");
}

#[tokio::test]
async fn nobody_makes_a_role_that_may_do_more_than_they() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "ada@example.com").await;
    let keeper = ["contacts:read", "roles:read", "roles:write"];
    let keeper = role(&auth, ada.token(), "Keeper", &keeper).await;
    let mighty = role(&auth, ada.token(), "Mighty", &["agents:write"]).await;
    let bob = join(&auth, ada.token(), "bob@example.com", &keeper).await;
    let more = json!({ "name": "More", "permissions": ["agents:write", "contacts:read"] });
    let problem = auth.post_as(bob.token(), "/auth/roles", more).await;
    let detail = text(&problem.problem("forbidden"), "detail");
    assert!(
        detail.contains("agents:write") && !detail.contains("contacts:read"),
        "{detail}"
    );
    let own = format!("/auth/roles/{keeper}");
    let up =
        json!({ "permissions": ["agents:write", "contacts:read", "roles:read", "roles:write"] });
    auth.patch_as(bob.token(), &own, up)
        .await
        .problem("forbidden");
    let down = json!({ "permissions": ["contacts:read"] });
    let path = format!("/auth/roles/{mighty}");
    auth.patch_as(bob.token(), &path, down)
        .await
        .problem("forbidden");
    let less = json!({ "name": "Less", "permissions": ["contacts:read"] });
    auth.post_as(bob.token(), "/auth/roles", less.clone())
        .await
        .expect(StatusCode::CREATED);
    let viewer = join(&auth, ada.token(), "viewer@example.com", "viewer").await;
    auth.get("/auth/roles", viewer.token())
        .await
        .expect(StatusCode::OK);
    auth.post_as(viewer.token(), "/auth/roles", less)
        .await
        .problem("forbidden");
    delete(&auth, &path, viewer.token())
        .await
        .problem("forbidden");
}

#[tokio::test]
async fn a_role_that_somebody_has_stays() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "ada@example.com").await;
    let id = role(&auth, ada.token(), "Sales", &["contacts:read"]).await;
    let path = format!("/auth/roles/{id}");
    let bob = join(&auth, ada.token(), "bob@example.com", &id).await;
    let problem = delete(&auth, &path, ada.token()).await.problem("conflict");
    assert!(text(&problem, "detail").contains("members"), "{problem}");
    delete(&auth, &bob.path(), ada.token())
        .await
        .expect(StatusCode::NO_CONTENT);
    let invited = invitation("cy@example.com", &id);
    auth.post_as(ada.token(), "/auth/invites", invited)
        .await
        .expect(StatusCode::CREATED);
    let problem = delete(&auth, &path, ada.token()).await.problem("conflict");
    assert!(text(&problem, "detail").contains("invited"), "{problem}");
    // An invitation that nobody accepted in time holds nothing.
    auth.advance(7 * 86_400 + 1);
    let ada = auth.login("ada@example.com").await;
    delete(&auth, &path, &ada.access)
        .await
        .expect(StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn the_table_names_every_permission_and_every_built_in_role() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "ada@example.com").await;
    let table = auth.get("/auth/permissions", ada.token()).await;
    let table = table.expect(StatusCode::OK);
    let permissions = table["permissions"].as_array().unwrap();
    assert_eq!(permissions.len(), Permission::ALL.len());
    assert!(permissions.contains(&json!({
        "name": "contacts:write", "description": "Create and change contacts.",
    })));
    let roles = table["roles"].as_array().unwrap();
    let names: Vec<_> = roles.iter().map(|role| text(role, "role")).collect();
    assert_eq!(names, ["owner", "admin", "supervisor", "agent", "viewer"]);
    let me = auth
        .get("/auth/me", ada.token())
        .await
        .expect(StatusCode::OK);
    assert_eq!(roles[0]["permissions"], me["permissions"]);

    let blind = role(&auth, ada.token(), "Blind", &["contacts:read"]).await;
    let bob = join(&auth, ada.token(), "bob@example.com", &blind).await;
    auth.get("/auth/permissions", bob.token())
        .await
        .problem("forbidden");
}
