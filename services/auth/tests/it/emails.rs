//! E-mail addresses: proven, sent for again, changed.

use http::StatusCode;
use serde_json::json;

use crate::fixture::{Auth, PASSWORD, pointers};

#[tokio::test]
async fn a_link_proves_the_address_once() {
    let auth = Auth::start().await;
    let tokens = auth.register_unverified("ada@example.com").await;
    let letter = auth.letter_to("ada@example.com").await;
    assert_eq!(letter.subject, "Verify your e-mail address");
    assert!(
        letter
            .text
            .contains("http://localhost:4000/account/verify#token=tk_"),
        "{}",
        letter.text
    );
    let body = json!({ "token": letter.token() });
    auth.post("/auth/email/verify", body.clone())
        .await
        .expect(StatusCode::NO_CONTENT);
    let me = auth.get("/auth/me", &tokens.access).await;
    assert_eq!(me.expect(StatusCode::OK)["email_verified"], true);
    auth.post("/auth/email/verify", body)
        .await
        .problem("link_expired");
}

#[tokio::test]
async fn a_link_is_good_for_a_day_and_a_newer_one_replaces_it() {
    let auth = Auth::start().await;
    let tokens = auth.register_unverified("ada@example.com").await;
    let first = auth.letter_to("ada@example.com").await.token();
    auth.post_as(&tokens.access, "/auth/email/verification", json!({}))
        .await
        .expect(StatusCode::ACCEPTED);
    let second = auth.letter_to("ada@example.com").await.token();
    auth.post("/auth/email/verify", json!({ "token": first }))
        .await
        .problem("link_expired");
    auth.advance(86_400);
    auth.post("/auth/email/verify", json!({ "token": second }))
        .await
        .problem("link_expired");
}

#[tokio::test]
async fn links_are_for_what_they_were_made_for() {
    let auth = Auth::start().await;
    auth.register_unverified("ada@example.com").await;
    let token = auth.letter_to("ada@example.com").await.token();
    let body = json!({ "token": token, "password": "another good password" });
    auth.post("/auth/password/reset", body)
        .await
        .problem("link_expired");
    let problem = auth
        .post("/auth/email/verify", json!({ "token": "" }))
        .await
        .problem("validation_failed");
    assert_eq!(pointers(&problem), ["/token"]);
}

#[tokio::test]
async fn a_new_address_counts_once_it_is_proven() {
    let auth = Auth::start().await;
    let tokens = auth.register("ada@example.com").await;
    let body = json!({ "email": "ada@new.example.com", "password": PASSWORD });
    auth.post_as(&tokens.access, "/auth/email/change", body)
        .await
        .expect(StatusCode::ACCEPTED);
    let link = auth.letter_to("ada@new.example.com").await.token();
    auth.login("ada@example.com").await;
    auth.post("/auth/email/verify", json!({ "token": link }))
        .await
        .expect(StatusCode::NO_CONTENT);
    let told = auth.letter_to("ada@example.com").await;
    assert_eq!(told.subject, "Your e-mail address was changed");
    auth.login("ada@new.example.com").await;
    let old = json!({ "email": "ada@example.com", "password": PASSWORD });
    auth.post("/auth/login", old)
        .await
        .problem("invalid_credentials");
    let me = auth.get("/auth/me", &tokens.access).await;
    assert_eq!(me.expect(StatusCode::OK)["email"], "ada@new.example.com");
}

#[tokio::test]
async fn whose_address_it_is_only_its_owner_learns() {
    let auth = Auth::start().await;
    let tokens = auth.register("ada@example.com").await;
    auth.register("bob@example.com").await;
    let body = json!({ "email": "bob@example.com", "password": PASSWORD });
    let taken = auth
        .post_as(&tokens.access, "/auth/email/change", body)
        .await;
    let body = json!({ "email": "free@example.com", "password": PASSWORD });
    let free = auth
        .post_as(&tokens.access, "/auth/email/change", body)
        .await;
    assert_eq!((taken.status, &taken.body), (free.status, &free.body));
    let told = auth.letter_to("bob@example.com").await;
    assert_eq!(told.subject, "Your address was given for another account");
    assert!(!told.text.contains("#token="), "{}", told.text);
}

#[tokio::test]
async fn a_stolen_session_alone_changes_no_address() {
    let auth = Auth::start().await;
    let tokens = auth.register("ada@example.com").await;
    for (body, code) in [
        (json!({ "email": "eve@example.com" }), "validation_failed"),
        (
            json!({ "email": "eve@example.com", "password": "wrong password" }),
            "invalid_credentials",
        ),
    ] {
        let problem = auth
            .post_as(&tokens.access, "/auth/email/change", body)
            .await
            .problem(code);
        assert_eq!(pointers(&problem), ["/password"]);
    }
    assert!(auth.take_letter("eve@example.com").is_none());
}
