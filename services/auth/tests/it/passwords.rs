//! Passwords: changed, forgotten, hashed again.

use argon2::{Algorithm, Argon2, Params, Version, password_hash::PasswordHasher};
use http::StatusCode;
use serde_json::{Value, json};
use sqlx::query;
use testkit::eventually;

use crate::{
    fixture::{Auth, PASSWORD, pointers},
    team::{invite, owner},
};

const NEW: &str = "another good password";

fn login(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password })
}

#[tokio::test]
async fn a_change_wants_the_old_one_and_ends_the_other_sessions() {
    let auth = Auth::start().await;
    let here = auth.register("ada@example.com").await;
    let elsewhere = auth.login("ada@example.com").await;
    let wrong = json!({ "current_password": "wrong password", "new_password": NEW });
    let problem = auth
        .post_as(&here.access, "/auth/password/change", wrong)
        .await
        .problem("invalid_credentials");
    assert_eq!(pointers(&problem), ["/current_password"]);
    let right = json!({ "current_password": PASSWORD, "new_password": NEW });
    auth.post_as(&here.access, "/auth/password/change", right)
        .await
        .expect(StatusCode::NO_CONTENT);
    auth.get("/auth/me", &here.access)
        .await
        .expect(StatusCode::OK);
    auth.get("/auth/me", &elsewhere.access)
        .await
        .problem("session_revoked");
    auth.refresh(&elsewhere.refresh)
        .await
        .problem("session_revoked");
    auth.post("/auth/login", login("ada@example.com", PASSWORD))
        .await
        .problem("invalid_credentials");
    auth.post("/auth/login", login("ada@example.com", NEW))
        .await
        .expect(StatusCode::OK);
    let told = auth.letter_to("ada@example.com").await;
    assert_eq!(told.subject, "Your password was changed");
}

#[tokio::test]
async fn a_forgotten_one_is_set_anew_by_a_link() {
    let auth = Auth::start().await;
    let tokens = auth.register("ada@example.com").await;
    auth.post(
        "/auth/password/forgotten",
        json!({ "email": "Ada@Example.com" }),
    )
    .await
    .expect(StatusCode::ACCEPTED);
    let link = auth.letter_to("ada@example.com").await.token();
    let body = json!({ "token": link, "password": NEW });
    auth.post("/auth/password/reset", body.clone())
        .await
        .expect(StatusCode::NO_CONTENT);
    auth.get("/auth/me", &tokens.access)
        .await
        .problem("session_revoked");
    auth.post("/auth/login", login("ada@example.com", NEW))
        .await
        .expect(StatusCode::OK);
    auth.post("/auth/password/reset", body)
        .await
        .problem("link_expired");
}

#[tokio::test]
async fn the_link_is_good_for_an_hour_and_a_newer_one_replaces_it() {
    let auth = Auth::start().await;
    auth.register("ada@example.com").await;
    let ask = async || {
        auth.post(
            "/auth/password/forgotten",
            json!({ "email": "ada@example.com" }),
        )
        .await
        .expect(StatusCode::ACCEPTED);
        auth.letter_to("ada@example.com").await.token()
    };
    let (first, second) = (ask().await, ask().await);
    let body = json!({ "token": first, "password": NEW });
    auth.post("/auth/password/reset", body)
        .await
        .problem("link_expired");
    auth.advance(3600);
    let body = json!({ "token": second, "password": NEW });
    auth.post("/auth/password/reset", body)
        .await
        .problem("link_expired");
}

#[tokio::test]
async fn nobody_learns_whether_an_address_has_an_account() {
    let auth = Auth::start().await;
    auth.register("ada@example.com").await;
    let known = auth
        .post(
            "/auth/password/forgotten",
            json!({ "email": "ada@example.com" }),
        )
        .await;
    let unknown = auth
        .post(
            "/auth/password/forgotten",
            json!({ "email": "nobody@example.com" }),
        )
        .await;
    assert_eq!((known.status, &known.body), (unknown.status, &unknown.body));
    auth.letter_to("ada@example.com").await;
    assert!(auth.take_letter("nobody@example.com").is_none());
}

#[tokio::test]
async fn setting_a_new_password_proves_the_address() {
    let auth = Auth::start().await;
    auth.register_unverified("ada@example.com").await;
    auth.letter_to("ada@example.com").await;
    auth.post(
        "/auth/password/forgotten",
        json!({ "email": "ada@example.com" }),
    )
    .await
    .expect(StatusCode::ACCEPTED);
    let link = auth.letter_to("ada@example.com").await.token();
    let body = json!({ "token": link, "password": PASSWORD });
    auth.post("/auth/password/reset", body)
        .await
        .expect(StatusCode::NO_CONTENT);
    let tokens = auth.login("ada@example.com").await;
    let me = auth.get("/auth/me", &tokens.access).await;
    assert_eq!(me.expect(StatusCode::OK)["email_verified"], true);
}

/// Passwords that nobody may choose: one that everybody knows, and one that says who Ada of the Shop is.
const WEAK: [&str; 2] = ["Password123", "ada@shop-2026"];

#[tokio::test]
async fn a_password_that_others_would_guess_is_refused_wherever_one_is_set() {
    let auth = Auth::start().await;
    let ada = owner(&auth, "ada@example.com").await;
    let link = invite(&auth, ada.token(), "bob@example.com", "agent").await;
    auth.post(
        "/auth/password/forgotten",
        json!({ "email": "ada@example.com" }),
    )
    .await
    .expect(StatusCode::ACCEPTED);
    let reset = auth.letter_to("ada@example.com").await.token();
    for weak in WEAK {
        let change = json!({ "current_password": PASSWORD, "new_password": weak });
        let set = json!({ "token": reset, "password": weak });
        let accept = json!({ "token": link, "name": "Ada", "password": weak });
        let wrong = [
            (
                auth.post_as(ada.token(), "/auth/password/change", change)
                    .await,
                "/new_password",
            ),
            (auth.post("/auth/password/reset", set).await, "/password"),
            (auth.post("/auth/invites/accept", accept).await, "/password"),
        ];
        for (answer, pointer) in wrong {
            let problem = answer.problem("validation_failed");
            assert_eq!(pointers(&problem), [pointer], "{problem}");
            let detail = problem["errors"][0]["detail"].as_str().unwrap();
            assert!(detail.contains("choose a few words"), "{detail}");
            assert!(!problem.to_string().contains(weak), "{problem}");
        }
    }
    // Nothing was changed, and neither link was used up.
    auth.login("ada@example.com").await;
    let set = json!({ "token": reset, "password": NEW });
    auth.post("/auth/password/reset", set)
        .await
        .expect(StatusCode::NO_CONTENT);
    let accept = json!({ "token": link, "name": "Bob", "password": NEW });
    auth.post("/auth/invites/accept", accept)
        .await
        .expect(StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn registering_with_a_weak_one_tells_nothing_of_the_address() {
    let auth = Auth::start().await;
    auth.register("ada@example.com").await;
    for weak in WEAK {
        let register = async |email: &str| {
            let body = json!({
                "email": email, "password": weak, "name": "Ada", "workspace_name": "Shop",
            });
            let answer = auth.post("/auth/register", body).await;
            let mut problem = answer.problem("validation_failed");
            assert_eq!(pointers(&problem), ["/password"]);
            problem["request_id"] = Value::Null;
            problem
        };
        let (known, unknown) = (
            register("ada@example.com").await,
            register("ada@example.org").await,
        );
        assert_eq!(known, unknown);
    }
    assert_eq!(auth.count("SELECT count(*) FROM auth.users").await, 1);
    assert!(auth.take_letter("ada@example.com").is_none());
    assert!(auth.take_letter("ada@example.org").is_none());
}

#[tokio::test]
async fn a_weak_hash_grows_strong_at_the_next_sign_in() {
    let auth = Auth::start().await;
    auth.register("ada@example.com").await;
    let weak = Params::new(8 * 1024, 1, 1, None).unwrap();
    let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, weak)
        .hash_password(PASSWORD.as_bytes())
        .unwrap()
        .to_string();
    query("UPDATE auth.users SET password_hash = $1")
        .bind(&weak)
        .execute(&auth.database.pool)
        .await
        .unwrap();
    auth.login("ada@example.com").await;
    eventually("the hash is replaced", || async {
        let strong = "SELECT count(*) FROM auth.users WHERE password_hash LIKE '$argon2id$v=19$m=19456,t=2,p=1$%'";
        (auth.count(strong).await == 1).then_some(())
    })
    .await;
    auth.login("ada@example.com").await;
}
