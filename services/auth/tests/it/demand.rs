//! Workspaces that demand a second factor of their members.

use http::StatusCode;
use serde_json::{Value, json};
use totp_rs::Totp;

use crate::{
    company::{ADA, Company},
    exchange::{exchange, secret_key},
    fixture::{Auth, PASSWORD, Tokens, pointers, text},
    passkeys,
    team::{Person, assert_signed_out, audited, delete, items, join, owner},
};

const CODE: &str = "second_factor_setup_required";

fn demand(yes: bool) -> Value {
    json!({ "require_second_factor": yes })
}

/// Sets up an authenticator app.
async fn protect(auth: &Auth, token: &str) -> Totp {
    let password = json!({ "password": PASSWORD });
    let setup = auth.post_as(token, "/auth/totp", password).await;
    let setup = setup.expect(StatusCode::OK);
    let app = Totp::from_url(text(&setup, "otpauth_url")).unwrap();
    let body = json!({ "setup_id": setup["setup_id"], "code": code(auth, &app) });
    let confirmed = auth.post_as(token, "/auth/totp/confirm", body).await;
    confirmed.expect(StatusCode::OK);
    // The code that confirmed is used up.
    auth.advance(30);
    app
}

fn code(auth: &Auth, app: &Totp) -> String {
    let now = auth.clock.now().timestamp();
    app.generate(now.try_into().unwrap()).to_string()
}

/// A workspace that demands a second factor, which its owner has.
async fn demanding(auth: &Auth) -> Person {
    let ada = owner(auth, ADA).await;
    protect(auth, ada.token()).await;
    let patched = auth
        .patch_as(ada.token(), "/auth/workspace", demand(true))
        .await;
    let settings = patched.expect(StatusCode::OK);
    assert_eq!(settings["require_second_factor"], true);
    ada
}

/// What the access token lets its holder do, and whether `/auth/me` asks for a second factor.
async fn allowed(auth: &Auth, token: &str) -> (String, bool) {
    let me = auth.get("/auth/me", token).await.expect(StatusCode::OK);
    let demanded = me["second_factor_demanded"].as_bool().unwrap();
    assert_eq!(me["permissions"] == json!([]), demanded, "{me}");
    (auth.claims(token).await.scope, demanded)
}

#[tokio::test]
async fn nobody_demands_of_others_what_they_do_not_have() {
    let auth = Auth::start().await;
    let ada = owner(&auth, ADA).await;
    let refused = async |token: &str| {
        let answer = auth.patch_as(token, "/auth/workspace", demand(true)).await;
        let problem = answer.problem("conflict");
        assert_eq!(pointers(&problem), ["/require_second_factor"]);
    };
    refused(ada.token()).await;
    // A program has none at all.
    let (key, _) = secret_key(&auth, ada.token(), &["workspace:write"], Value::Null).await;
    let program = exchange(&auth, &key).await.expect(StatusCode::OK);
    refused(&text(&program, "access_token")).await;
    // Signed in elsewhere by the password alone, before there was an app.
    let elsewhere = auth.login(ADA).await;
    protect(&auth, ada.token()).await;
    refused(&elsewhere.access).await;
    let patched = auth
        .patch_as(ada.token(), "/auth/workspace", demand(true))
        .await;
    patched.expect(StatusCode::OK);
    let entries = audited(&auth, ada.token(), "workspace.updated").await;
    assert_eq!(
        (
            &entries[0]["before"]["require_second_factor"],
            &entries[0]["after"]["require_second_factor"]
        ),
        (&json!(false), &json!(true))
    );
}

#[tokio::test]
async fn who_has_none_is_signed_out_and_may_do_nothing_until_one_is_set_up() {
    let auth = Auth::start().await;
    let ada = owner(&auth, ADA).await;
    let bob = join(&auth, ada.token(), "bob@example.com", "admin").await;
    let (key, _) = secret_key(&auth, ada.token(), &["members:read"], Value::Null).await;
    protect(&auth, ada.token()).await;
    let since = auth.clock.now();
    let sid = auth.claims(bob.token()).await.sid;
    let patched = auth
        .patch_as(ada.token(), "/auth/workspace", demand(true))
        .await;
    patched.expect(StatusCode::OK);
    assert_signed_out(&auth, &bob).await;
    assert_eq!(auth.revocations(since).await, [sid]);
    let members = items(&auth, "/auth/members", ada.token()).await;
    assert_eq!(members.len(), 2);

    let bob = auth.login("bob@example.com").await;
    assert_eq!(allowed(&auth, &bob.access).await, (String::new(), true));
    for path in [
        "/auth/members",
        "/auth/workspace",
        "/auth/keys",
        "/auth/audit",
    ] {
        auth.get(path, &bob.access).await.problem(CODE);
    }
    let made = auth.post_as(
        &bob.access,
        "/auth/roles",
        json!({ "name": "R", "permissions": ["members:read"] }),
    );
    made.await.problem(CODE);
    let refreshed = auth.refresh(&bob.refresh).await.expect(StatusCode::OK);
    let bob = Tokens::of(refreshed);
    assert_eq!(allowed(&auth, &bob.access).await, (String::new(), true));
    for path in [
        "/auth/factors",
        "/auth/passkeys",
        "/auth/sessions",
        "/auth/workspaces",
    ] {
        auth.get(path, &bob.access).await.expect(StatusCode::OK);
    }
    // Keys are nobody who could have a second factor.
    let program = exchange(&auth, &key).await.expect(StatusCode::OK);
    auth.get("/auth/members", &text(&program, "access_token"))
        .await
        .expect(StatusCode::OK);

    // With an app he goes on, here at once and elsewhere by the next token.
    protect(&auth, &bob.access).await;
    items(&auth, "/auth/members", &bob.access).await;
    let refreshed = auth.refresh(&bob.refresh).await.expect(StatusCode::OK);
    let bob = Tokens::of(refreshed);
    let (scope, demanded) = allowed(&auth, &bob.access).await;
    assert!(scope.contains("members:write") && !demanded, "{scope}");
}

#[tokio::test]
async fn a_password_alone_is_not_enough_for_whoever_has_a_passkey() {
    let auth = Auth::start().await;
    let ada = demanding(&auth).await;
    let bob = join(&auth, ada.token(), "bob@example.com", "agent").await;
    auth.get("/auth/members", bob.token()).await.problem(CODE);
    // Adding one is proof enough for the session in which it is added.
    let (_, passkey) = passkeys::add(&auth, &bob.tokens).await;
    items(&auth, "/auth/members", bob.token()).await;
    let by_password = auth.login("bob@example.com").await;
    assert_eq!(
        allowed(&auth, &by_password.access).await,
        (String::new(), true)
    );
    // Without the passkey it is as if there had been none.
    let path = format!("/auth/passkeys/{passkey}");
    let password = json!({ "password": PASSWORD });
    auth.delete_as(bob.token(), &path, password)
        .await
        .expect(StatusCode::NO_CONTENT);
    auth.get("/auth/members", bob.token()).await.problem(CODE);
    delete(&auth, &bob.path(), bob.token())
        .await
        .expect(StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn signing_in_with_the_code_is_enough_and_so_is_no_longer_demanding_it() {
    let auth = Auth::start().await;
    let ada = owner(&auth, ADA).await;
    let app = protect(&auth, ada.token()).await;
    let patched = auth
        .patch_as(ada.token(), "/auth/workspace", demand(true))
        .await;
    patched.expect(StatusCode::OK);
    let bob = join(&auth, ada.token(), "bob@example.com", "agent").await;
    let login = json!({ "email": ADA, "password": PASSWORD });
    let half = auth.post("/auth/login", login).await;
    let half = text(&half.problem("second_factor_required"), "mfa_token");
    let body = json!({ "mfa_token": half, "code": code(&auth, &app) });
    let second = auth.post("/auth/login/second-factor", body).await;
    let again = text(&second.expect(StatusCode::OK), "access_token");
    let (scope, demanded) = allowed(&auth, &again).await;
    assert!(!scope.is_empty() && !demanded);

    assert_eq!(allowed(&auth, bob.token()).await, (String::new(), true));
    auth.patch_as(&again, "/auth/workspace", demand(false))
        .await
        .expect(StatusCode::OK);
    items(&auth, "/auth/members", bob.token()).await;
}

/// What the provider asks for is the company's own business.
#[tokio::test]
async fn the_workspaces_own_provider_answers_for_whom_it_signs_in() {
    let company = Company::start().await;
    let auth = &company.auth;
    protect(auth, &company.owner.access).await;
    let patched = auth
        .patch_as(&company.owner.access, "/auth/workspace", demand(true))
        .await;
    patched.expect(StatusCode::OK);
    let ada = company.signed_in().await;
    let (scope, demanded) = allowed(auth, &ada).await;
    assert!(!scope.is_empty() && !demanded);
    items(auth, "/auth/members", &ada).await;
}
