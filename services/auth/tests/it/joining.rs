//! Accepting an invitation: with an account, without one, and with one that nobody has proven.

use futures::future::join_all;
use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    fixture::{Auth, PASSWORD, pointers, text},
    team::{
        accept, assert_signed_out, audited, invitation, invite, items, look_up, owner, role,
        signed_in,
    },
};

#[tokio::test]
async fn somebody_without_an_account_gets_one_by_the_link() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "ada@example.com").await;
    let body = invitation("Bob@Example.com", "supervisor");
    let made = auth.post_as(ada.token(), "/auth/invites", body).await;
    let made = made.expect(StatusCode::CREATED);
    let now = auth.clock.now();
    let expected = json!({
        "id": made["id"], "email": "Bob@Example.com", "role": "supervisor", "role_id": null,
        "invited_by": ada.id, "created_at": now, "sent_at": now,
        "expires_at": now + chrono::Duration::days(7),
    });
    assert_eq!(made, expected);
    assert_eq!(items(&auth, "/auth/invites", ada.token()).await, [expected]);

    let letter = auth.letter_to("bob@example.com").await;
    assert_eq!(letter.subject, "Join Shop on Syntera");
    assert!(letter.text.contains("Ada invites you"), "{}", letter.text);
    let link = letter.token();
    let answer = look_up(&auth, &link).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(
        answer.expect(StatusCode::OK),
        json!({
            "workspace_name": "Shop", "email": "Bob@Example.com", "role": "supervisor", "role_name": null,
            "account": "none",
        })
    );
    accept(&auth, &link).await.expect(StatusCode::NO_CONTENT);
    let bob = signed_in(&auth, auth.login("bob@example.com").await).await;
    let me = auth.get("/auth/me", bob.token()).await;
    let me = me.expect(StatusCode::OK);
    assert_eq!(
        (&me["name"], &me["role"]),
        (&json!("Bob"), &json!("supervisor"))
    );
    assert_eq!(me["email_verified"], true);
    assert_eq!(me["workspace"]["name"], "Shop");

    // The link is used up, and the invitation gone.
    look_up(&auth, &link).await.problem("link_expired");
    accept(&auth, &link).await.problem("link_expired");
    assert_eq!(
        items(&auth, "/auth/invites", ada.token()).await,
        [Value::Null; 0]
    );
    for (action, actor, target) in [
        ("invite.created", &ada.id, text(&made, "id")),
        ("member.joined", &bob.id, bob.id.clone()),
        ("email.verified", &bob.id, bob.id.clone()),
    ] {
        let entries = audited(&auth, ada.token(), action).await;
        let entry = entries.first().unwrap_or_else(|| panic!("no {action}"));
        assert_eq!(
            (&entry["actor_id"], &entry["target_id"]),
            (&json!(actor), &json!(target))
        );
    }
}

#[tokio::test]
async fn somebody_with_an_account_joins_by_the_link_alone() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "ada@example.com").await;
    let bob = owner(&auth, "bob@example.com").await;
    let sales = role(&auth, ada.token(), "Sales", &["contacts:read"]).await;
    let link = invite(&auth, ada.token(), "BOB@example.com", &sales).await;
    let details = look_up(&auth, &link).await.expect(StatusCode::OK);
    assert_eq!(
        (&details["account"], &details["role"], &details["role_name"]),
        (&json!("exists"), &json!("custom"), &json!("Sales"))
    );
    // A name and a password change nothing: the account is theirs as it is.
    let body = json!({ "token": link, "name": "Mallory", "password": "another password" });
    auth.post("/auth/invites/accept", body)
        .await
        .expect(StatusCode::NO_CONTENT);
    auth.get("/auth/me", bob.token())
        .await
        .expect(StatusCode::OK);
    let workspaces = items(&auth, "/auth/workspaces", bob.token()).await;
    let roles: Vec<_> = workspaces
        .iter()
        .map(|mine| (&mine["role"], &mine["role_id"]))
        .collect();
    let custom = (&json!("custom"), &json!(sales));
    assert_eq!(roles, [custom, (&json!("owner"), &Value::Null)]);
    auth.login("bob@example.com").await;
}

#[tokio::test]
async fn an_account_that_nobody_has_proven_goes_to_the_owner_of_the_address() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "ada@example.com").await;
    // Mallory was there first, with Bob's address.
    let mallory = auth.register_unverified("bob@example.com").await;
    let mallory = signed_in(&auth, mallory).await;
    auth.letter_to("bob@example.com").await;
    auth.execute("INSERT INTO auth.totp SELECT id, '\\x00', 0, created_at FROM auth.users WHERE email_verified_at IS NULL")
        .await;
    let link = invite(&auth, ada.token(), "bob@example.com", "admin").await;
    let details = look_up(&auth, &link).await.expect(StatusCode::OK);
    assert_eq!(details["account"], "none");
    let problem = auth
        .post("/auth/invites/accept", json!({ "token": link }))
        .await
        .problem("validation_failed");
    assert_eq!(pointers(&problem), ["/name", "/password"]);
    let body = json!({ "token": link, "name": "Bob", "password": "Bob's own password" });
    auth.post("/auth/invites/accept", body)
        .await
        .expect(StatusCode::NO_CONTENT);

    assert_signed_out(&auth, &mallory).await;
    let login = |password: &str| {
        let body = json!({ "email": "bob@example.com", "password": password, "return_refresh_token": true });
        auth.post("/auth/login", body)
    };
    login(PASSWORD).await.problem("invalid_credentials");
    let token = login("Bob's own password").await.expect(StatusCode::OK);
    let me = auth.get("/auth/me", &text(&token, "access_token")).await;
    let me = me.expect(StatusCode::OK);
    assert_eq!(
        (&me["name"], &me["email_verified"]),
        (&json!("Bob"), &json!(true))
    );
    assert_eq!(auth.count("SELECT count(*) FROM auth.tickets").await, 0);
}

#[tokio::test]
async fn of_many_who_come_by_one_link_one_joins() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "ada@example.com").await;
    let new = invite(&auth, ada.token(), "bob@example.com", "agent").await;
    owner(&auth, "cy@example.com").await;
    let known = invite(&auth, ada.token(), "cy@example.com", "agent").await;
    for link in [new, known] {
        let answers = join_all((0..8).map(|_| accept(&auth, &link))).await;
        let (joined, late): (Vec<_>, Vec<_>) = answers
            .into_iter()
            .partition(|answer| answer.status == StatusCode::NO_CONTENT);
        assert_eq!(joined.len(), 1, "{late:?}");
        for answer in late {
            answer.problem("link_expired");
        }
    }
    let members = items(&auth, "/auth/members", ada.token()).await;
    assert_eq!(members.len(), 3);
    let joined = audited(&auth, ada.token(), "member.joined").await;
    assert_eq!(joined.len(), 2);
}
