//! Invitations: sent, sent again, and withdrawn.

use http::StatusCode;
use ids::InviteId;
use serde_json::{Value, json};

use crate::{
    fixture::{Answer, Auth, PASSWORD, pointers, text},
    team::{
        accept, all_pages, audited, delete, invitation, invite, items, join, look_up, owner, role,
    },
};

const WEEK: u64 = 7 * 86_400;

#[tokio::test]
async fn every_fault_of_an_invitation_is_named() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "ada@example.com").await;
    let eve = owner(&auth, "eve@example.com").await;
    let foreign = role(&auth, eve.token(), "Sales", &["contacts:read"]).await;
    for (body, expected) in [
        (invitation("bob", "agent"), "/email"),
        (invitation("bob@example.com", "boss"), "/role"),
        (invitation("bob@example.com", "program"), "/role"),
        (invitation("bob@example.com", "custom"), "/role_id"),
        (invitation("bob@example.com", &foreign), "/role_id"),
        (json!({ "role": "agent" }), "/email"),
    ] {
        let answer = auth
            .post_as(ada.token(), "/auth/invites", body.clone())
            .await;
        let problem = answer.problem("validation_failed");
        assert_eq!(pointers(&problem), [expected], "{body}");
    }
    let link = invite(&auth, ada.token(), "bob@example.com", "agent").await;
    for (body, expected) in [
        (json!({ "token": "" }), vec!["/token"]),
        (json!({ "token": link }), vec!["/name", "/password"]),
        (json!({ "token": link, "name": "Bob" }), vec!["/password"]),
        (
            json!({ "token": link, "name": "Bob", "password": "short" }),
            vec!["/password"],
        ),
        (
            json!({ "token": link, "name": "", "password": PASSWORD }),
            vec!["/name"],
        ),
    ] {
        let answer = auth.post("/auth/invites/accept", body.clone()).await;
        let problem = answer.problem("validation_failed");
        assert_eq!(pointers(&problem), expected, "{body}");
    }
    // None of that used the link up.
    accept(&auth, &link).await.expect(StatusCode::NO_CONTENT);
    look_up(&auth, "tk_nobodys").await.problem("link_expired");
    accept(&auth, "tk_nobodys").await.problem("link_expired");
}

#[tokio::test]
async fn nobody_is_invited_twice_or_into_what_they_are_in() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "ada@example.com").await;
    let bob = join(&auth, ada.token(), "bob@example.com", "agent").await;
    let again = auth
        .post_as(
            ada.token(),
            "/auth/invites",
            invitation("BOB@example.com", "admin"),
        )
        .await
        .problem("conflict");
    let detail = text(&again, "detail");
    assert!(
        detail.contains(&format!("PATCH {}", bob.path())),
        "{detail}"
    );

    let body = invitation("cy@example.com", "agent");
    let first = auth
        .post_as(ada.token(), "/auth/invites", body.clone())
        .await;
    let id = text(&first.expect(StatusCode::CREATED), "id");
    let again = auth
        .post_as(ada.token(), "/auth/invites", body.clone())
        .await
        .problem("conflict");
    let detail = text(&again, "detail");
    assert!(
        detail.contains(&format!("POST /auth/invites/{id}/resend")),
        "{detail}"
    );
    // Another workspace may, and this one again once the first is too old.
    let eve = owner(&auth, "eve@example.com").await;
    auth.post_as(eve.token(), "/auth/invites", body.clone())
        .await
        .expect(StatusCode::CREATED);
    auth.advance(WEEK);
    let ada = auth.login("ada@example.com").await;
    let second = auth.post_as(&ada.access, "/auth/invites", body).await;
    let second = second.expect(StatusCode::CREATED);
    assert_ne!(text(&second, "id"), id);
    assert_eq!(items(&auth, "/auth/invites", &ada.access).await, [second]);
}

#[tokio::test]
async fn a_link_is_good_for_a_week_until_it_is_replaced_or_withdrawn() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "ada@example.com").await;
    let first = invite(&auth, ada.token(), "bob@example.com", "agent").await;
    let listed = items(&auth, "/auth/invites", ada.token()).await;
    let path = format!("/auth/invites/{}", text(&listed[0], "id"));
    auth.advance(WEEK - 1);
    look_up(&auth, &first).await.expect(StatusCode::OK);
    auth.advance(1);
    look_up(&auth, &first).await.problem("link_expired");
    accept(&auth, &first).await.problem("link_expired");

    let ada = auth.login("ada@example.com").await;
    let resend = async || {
        auth.post_as(&ada.access, &format!("{path}/resend"), Value::Null)
            .await
    };
    let sent = resend().await.expect(StatusCode::OK);
    let now = auth.clock.now();
    assert_eq!(sent["sent_at"], json!(now));
    assert_eq!(sent["expires_at"], json!(now + chrono::Duration::days(7)));
    assert_eq!(sent["created_at"], listed[0]["created_at"]);
    let second = auth.letter_to("bob@example.com").await.token();
    resend().await.expect(StatusCode::OK);
    let third = auth.letter_to("bob@example.com").await.token();
    for old in [&first, &second] {
        look_up(&auth, old).await.problem("link_expired");
    }
    look_up(&auth, &third).await.expect(StatusCode::OK);

    delete(&auth, &path, &ada.access)
        .await
        .expect(StatusCode::NO_CONTENT);
    look_up(&auth, &third).await.problem("link_expired");
    accept(&auth, &third).await.problem("link_expired");
    delete(&auth, &path, &ada.access).await.problem("not_found");
    resend().await.problem("not_found");
    for (action, times) in [("invite.resent", 2), ("invite.revoked", 1)] {
        let entries = audited(&auth, &ada.access, action).await;
        assert_eq!(entries.len(), times, "{entries:?}");
    }
}

#[tokio::test]
async fn who_has_not_proven_their_address_invites_nobody() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "ada@example.com").await;
    invite(&auth, ada.token(), "bob@example.com", "agent").await;
    let listed = items(&auth, "/auth/invites", ada.token()).await;
    auth.execute("UPDATE auth.users SET email_verified_at = NULL")
        .await;
    let body = invitation("cy@example.com", "agent");
    auth.post_as(ada.token(), "/auth/invites", body)
        .await
        .problem("email_not_verified");
    let path = format!("/auth/invites/{}", text(&listed[0], "id"));
    auth.post_as(ada.token(), &format!("{path}/resend"), Value::Null)
        .await
        .problem("email_not_verified");
    delete(&auth, &path, ada.token())
        .await
        .expect(StatusCode::NO_CONTENT);
    assert!(auth.take_letter("cy@example.com").is_none());
}

#[tokio::test]
async fn nobody_invites_higher_than_they_stand() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "ada@example.com").await;
    let recruiter = ["members:read", "members:write", "contacts:read"];
    let recruiter = role(&auth, ada.token(), "Recruiter", &recruiter).await;
    let admin = join(&auth, ada.token(), "admin@example.com", "admin").await;
    let hr = join(&auth, ada.token(), "hr@example.com", &recruiter).await;
    let viewer = join(&auth, ada.token(), "viewer@example.com", "viewer").await;
    let eve = owner(&auth, "eve@example.com").await;
    invite(&auth, ada.token(), "heir@example.com", "owner").await;
    let listed = items(&auth, "/auth/invites", ada.token()).await;
    let path = format!("/auth/invites/{}", text(&listed[0], "id"));
    let resend = format!("{path}/resend");
    for (person, role) in [
        (&viewer, "viewer"),
        (&admin, "owner"),
        (&hr, "owner"),
        (&hr, "agent"),
        (&hr, "viewer"),
    ] {
        let body = invitation("new@example.com", role);
        auth.post_as(person.token(), "/auth/invites", body)
            .await
            .problem("forbidden");
        auth.post_as(person.token(), &resend, Value::Null)
            .await
            .problem("forbidden");
    }
    let same = invitation("new@example.com", &recruiter);
    auth.post_as(hr.token(), "/auth/invites", same)
        .await
        .expect(StatusCode::CREATED);
    // Everybody sees who is invited; another workspace does not.
    assert_eq!(items(&auth, "/auth/invites", viewer.token()).await.len(), 2);
    assert_eq!(
        items(&auth, "/auth/invites", eve.token()).await,
        [Value::Null; 0]
    );
    delete(&auth, &path, viewer.token())
        .await
        .problem("forbidden");
    for path in [path.clone(), format!("/auth/invites/{}", InviteId::new())] {
        delete(&auth, &path, eve.token()).await.problem("not_found");
        auth.post_as(eve.token(), &format!("{path}/resend"), Value::Null)
            .await
            .problem("not_found");
    }
    // To withdraw gives nobody anything.
    delete(&auth, &path, admin.token())
        .await
        .expect(StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_long_list_comes_in_pages() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "ada@example.com").await;
    let mut invited = Vec::new();
    for n in 0..5 {
        let email = format!("bob{n}@example.com");
        let body = invitation(&email, "agent");
        auth.post_as(ada.token(), "/auth/invites", body)
            .await
            .expect(StatusCode::CREATED);
        invited.insert(0, email);
    }
    let all = all_pages(&auth, "/auth/invites?limit=2", ada.token()).await;
    let emails: Vec<_> = all.iter().map(|invite| text(invite, "email")).collect();
    assert_eq!(emails, invited);
}

#[tokio::test]
async fn an_address_does_not_get_letters_without_end() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "ada@example.com").await;
    let eve = owner(&auth, "eve@example.com").await;
    // From one place, whichever workspace and whichever endpoint.
    let from = |path: &str, token: &str, body: Value| {
        let request = auth.server.post(path).bearer_auth(token);
        Answer::of(request.header("x-forwarded-for", "192.0.2.7").json(&body))
    };
    let body = invitation("bob@example.com", "agent");
    from("/auth/invites", eve.token(), body.clone())
        .await
        .expect(StatusCode::CREATED);
    let made = from("/auth/invites", ada.token(), body)
        .await
        .expect(StatusCode::CREATED);
    let resend = format!("/auth/invites/{}/resend", text(&made, "id"));
    for _ in 0..8 {
        from(&resend, ada.token(), Value::Null)
            .await
            .expect(StatusCode::OK);
    }
    let answer = from(&resend, ada.token(), Value::Null).await;
    assert!(answer.headers.contains_key("retry-after"));
    answer.problem("rate_limited");
    let other = invitation("cy@example.com", "agent");
    from("/auth/invites", ada.token(), other)
        .await
        .expect(StatusCode::CREATED);
}
