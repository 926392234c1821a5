//! Members: listed, given other roles, removed, and leaving.

use http::StatusCode;
use ids::UserId;
use serde_json::{Value, json};

use crate::{
    fixture::{Auth, PASSWORD, pointers, text},
    team::{Person, all_pages, assert_signed_out, audited, delete, items, join, owner, role},
};

async fn emails(auth: &Auth, query: &str, token: &str) -> Vec<String> {
    let members = items(auth, &format!("/auth/members?{query}"), token).await;
    members.iter().map(|member| text(member, "email")).collect()
}

#[tokio::test]
async fn the_list_tells_who_is_there() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "Ada@Example.com").await;
    auth.advance(60);
    let bob = join(&auth, ada.token(), "bob@example.com", "agent").await;
    auth.execute("INSERT INTO auth.totp SELECT id, '\\x00', 0, created_at FROM auth.users WHERE name = 'Ada'")
        .await;
    let stranger = owner(&auth, "eve@example.com").await;

    let members = items(&auth, "/auth/members", bob.token()).await;
    let since = |seconds: i64| {
        let start = auth.clock.now() - chrono::Duration::seconds(60 - seconds);
        json!(start)
    };
    assert_eq!(
        members,
        [
            json!({
                "user_id": ada.id, "name": "Ada", "email": "Ada@Example.com", "email_verified": true,
                "second_factor": true, "role": "owner", "role_id": null,
                "joined_at": since(0), "last_used_at": since(0),
            }),
            json!({
                "user_id": bob.id, "name": "Bob", "email": "bob@example.com", "email_verified": true,
                "second_factor": false, "role": "agent", "role_id": null,
                "joined_at": since(60), "last_used_at": since(60),
            }),
        ]
    );
    assert_eq!(
        emails(&auth, "", stranger.token()).await,
        ["eve@example.com"]
    );
}

#[tokio::test]
async fn the_list_is_filtered_sorted_and_paged() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "ada@example.com").await;
    let sales = role(&auth, ada.token(), "Sales", &["contacts:read"]).await;
    for (email, wanted) in [
        ("d@example.com", "agent"),
        ("b@example.com", "viewer"),
        ("c@example.com", &sales),
    ] {
        auth.advance(1);
        join(&auth, ada.token(), email, wanted).await;
    }
    // Names as the letters of the addresses, one in upper case and one with a wildcard.
    for (email, name) in [("b", "bea"), ("c", "Cy_d"), ("d", "dan")] {
        let token = auth.login(&format!("{email}@example.com")).await.access;
        auth.patch_as(&token, "/auth/me", json!({ "name": name }))
            .await
            .expect(StatusCode::OK);
    }
    let (a, b, c, d) = (
        "ada@example.com",
        "b@example.com",
        "c@example.com",
        "d@example.com",
    );
    for (query, expected) in [
        ("", vec![a, b, c, d]),
        ("sort=-name", vec![d, c, b, a]),
        ("sort=joined_at", vec![a, d, b, c]),
        ("sort=-joined_at", vec![c, b, d, a]),
        ("role=owner", vec![a]),
        ("role=custom", vec![c]),
        (&format!("role_id={sales}"), vec![c]),
        ("name=D", vec![a, c, d]),
        ("name=D&role=agent", vec![d]),
        ("name=y_", vec![c]),
        ("name=a_", vec![]),
    ] {
        assert_eq!(emails(&auth, query, ada.token()).await, expected, "{query}");
    }
    for sort in ["name", "-name", "joined_at", "-joined_at"] {
        let whole = items(&auth, &format!("/auth/members?sort={sort}"), ada.token()).await;
        let path = format!("/auth/members?sort={sort}&limit=1");
        assert_eq!(all_pages(&auth, &path, ada.token()).await, whole, "{sort}");
    }
    for wrong in ["sort=email", "role=boss", "role_id=x", "name=%00", "page=2"] {
        let path = format!("/auth/members?{wrong}");
        auth.get(&path, ada.token()).await.problem("invalid_query");
    }
    let page = auth.get("/auth/members?limit=1", ada.token()).await;
    let cursor = text(&page.expect(StatusCode::OK), "next_cursor");
    let path = format!("/auth/members?sort=-name&cursor={cursor}");
    auth.get(&path, ada.token()).await.problem("invalid_cursor");
}

#[tokio::test]
async fn another_role_counts_from_the_next_sign_in_on() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "ada@example.com").await;
    let bob = join(&auth, ada.token(), "bob@example.com", "viewer").await;
    let (path, agent) = (bob.path(), json!({ "role": "agent" }));
    // Nothing changes, so nobody is signed out.
    let same = auth
        .patch_as(ada.token(), &path, json!({ "role": "viewer" }))
        .await;
    assert_eq!(same.expect(StatusCode::OK)["role"], "viewer");
    auth.get("/auth/me", bob.token())
        .await
        .expect(StatusCode::OK);
    assert_eq!(
        audited(&auth, ada.token(), "member.updated").await,
        [Value::Null; 0]
    );

    let start = auth.clock.now();
    let changed = auth.patch_as(ada.token(), &path, agent).await;
    let changed = changed.expect(StatusCode::OK);
    assert_eq!(
        (&changed["role"], &changed["user_id"]),
        (&json!("agent"), &json!(bob.id))
    );
    assert_signed_out(&auth, &bob).await;
    let session = auth.claims(bob.token()).await.sid;
    assert_eq!(auth.revocations(start).await, [session]);
    let again = auth.login("bob@example.com").await;
    let claims = auth.claims(&again.access).await;
    assert_eq!(json!(claims.role), "agent");
    assert!(
        claims.scope.contains("conversations:write"),
        "{}",
        claims.scope
    );

    let entries = audited(&auth, ada.token(), "member.updated").await;
    let [entry] = entries.as_slice() else {
        panic!("{entries:?}")
    };
    assert_eq!(
        (&entry["actor_id"], &entry["target_id"]),
        (&json!(ada.id), &json!(bob.id))
    );
    assert_eq!(entry["before"], json!({ "role": "viewer" }));
    assert_eq!(entry["after"], json!({ "role": "agent" }));

    let sales = role(&auth, ada.token(), "Sales", &["contacts:read"]).await;
    let custom = json!({ "role": "custom", "role_id": sales });
    let changed = auth.patch_as(ada.token(), &path, custom.clone()).await;
    assert_eq!(changed.expect(StatusCode::OK)["role_id"], json!(sales));
    let again = auth.login("bob@example.com").await;
    let claims = auth.claims(&again.access).await;
    assert_eq!(
        (json!(claims.role), claims.scope.as_str()),
        (json!("custom"), "contacts:read")
    );
    // The role is gone from the member with its id.
    let back = auth
        .patch_as(ada.token(), &path, json!({ "role": "viewer" }))
        .await;
    assert_eq!(back.expect(StatusCode::OK)["role_id"], Value::Null);
}

#[tokio::test]
async fn every_fault_of_a_change_is_named() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "ada@example.com").await;
    let bob = join(&auth, ada.token(), "bob@example.com", "agent").await;
    let eve = owner(&auth, "eve@example.com").await;
    let foreign = role(&auth, eve.token(), "Sales", &["contacts:read"]).await;
    for (body, expected) in [
        (json!({}), "/role"),
        (json!({ "role": "boss" }), "/role"),
        (json!({ "role": "program" }), "/role"),
        (json!({ "role": "custom" }), "/role_id"),
        (json!({ "role": "agent", "role_id": foreign }), "/role_id"),
        (json!({ "role": "custom", "role_id": foreign }), "/role_id"),
        (json!({ "role": "agent", "name": "Bob" }), "/name"),
    ] {
        let answer = auth.patch_as(ada.token(), &bob.path(), body.clone()).await;
        let problem = answer.problem("validation_failed");
        assert_eq!(pointers(&problem), [expected], "{body}");
    }
    // Another workspace's people are not there, whatever is asked for them.
    for path in [bob.path(), format!("/auth/members/{}", UserId::new())] {
        auth.patch_as(eve.token(), &path, json!({ "role": "agent" }))
            .await
            .problem("not_found");
        delete(&auth, &path, eve.token()).await.problem("not_found");
    }
}

#[tokio::test]
async fn nobody_reaches_higher_than_they_stand() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "ada@example.com").await;
    let recruiter = ["members:read", "members:write", "contacts:read"];
    let recruiter = role(&auth, ada.token(), "Recruiter", &recruiter).await;
    let sales = role(&auth, ada.token(), "Sales", &["contacts:read"]).await;
    let admin = join(&auth, ada.token(), "admin@example.com", "admin").await;
    let second = join(&auth, ada.token(), "second@example.com", "admin").await;
    let hr = join(&auth, ada.token(), "hr@example.com", &recruiter).await;
    let seller = join(&auth, ada.token(), "seller@example.com", &sales).await;
    let viewer = join(&auth, ada.token(), "viewer@example.com", "viewer").await;
    let set = |by: &Person, of: &Person, role: &str| {
        let (auth, token, path) = (&auth, by.token().to_owned(), of.path());
        let body = json!({ "role": role });
        async move { auth.patch_as(&token, &path, body).await }
    };
    // Without the permission, nothing; not even against somebody who is not there.
    set(&viewer, &seller, "viewer").await.problem("forbidden");
    let nobody = format!("/auth/members/{}", UserId::new());
    delete(&auth, &nobody, viewer.token())
        .await
        .problem("forbidden");
    // Owners are the owners' business.
    set(&admin, &ada, "agent").await.problem("forbidden");
    delete(&auth, &ada.path(), admin.token())
        .await
        .problem("forbidden");
    set(&admin, &seller, "owner").await.problem("forbidden");
    set(&admin, &admin, "owner").await.problem("forbidden");
    // An admin is as mighty as another one.
    set(&admin, &second, "supervisor")
        .await
        .expect(StatusCode::OK);
    // Who may do less touches nobody who may do more, and gives no role that may.
    for mightier in [&admin, &ada] {
        set(&hr, mightier, "viewer").await.problem("forbidden");
        delete(&auth, &mightier.path(), hr.token())
            .await
            .problem("forbidden");
    }
    let refused = set(&hr, &seller, "agent").await.problem("forbidden");
    let detail = text(&refused, "detail");
    assert!(detail.contains("contacts:write"), "{detail}");
    set(&hr, &hr, "admin").await.problem("forbidden");
    delete(&auth, &seller.path(), hr.token())
        .await
        .expect(StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn who_is_removed_or_leaves_is_out_at_once() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "ada@example.com").await;
    let bob = join(&auth, ada.token(), "bob@example.com", "viewer").await;
    let cy = join(&auth, ada.token(), "cy@example.com", "agent").await;
    delete(&auth, &cy.path(), ada.token())
        .await
        .expect(StatusCode::NO_CONTENT);
    // Leaving takes no permission.
    delete(&auth, &bob.path(), bob.token())
        .await
        .expect(StatusCode::NO_CONTENT);
    for (person, email) in [(&bob, "bob@example.com"), (&cy, "cy@example.com")] {
        assert_signed_out(&auth, person).await;
        let login = json!({ "email": email, "password": PASSWORD });
        auth.post("/auth/login", login).await.problem("forbidden");
        delete(&auth, &person.path(), ada.token())
            .await
            .problem("not_found");
    }
    assert_eq!(emails(&auth, "", ada.token()).await, ["ada@example.com"]);
    for (action, actor, target) in [("member.removed", &ada, &cy), ("member.left", &bob, &bob)] {
        let entries = audited(&auth, ada.token(), action).await;
        assert_eq!(entries.len(), 1, "{entries:?}");
        assert_eq!(entries[0]["actor_id"], json!(actor.id));
        assert_eq!(entries[0]["target_id"], json!(target.id));
    }
}
