//! Signing in by a provider: who comes back is somebody, or nobody.

use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    company::{ADA, Company, OWNER, location, refused},
    fixture::{PASSWORD, text},
    provider::{Key, way_back},
    team::{accept, items},
};

#[tokio::test]
async fn who_is_new_joins_and_proves_the_address_by_a_letter() {
    let company = Company::start().await;
    let access = company.signed_in().await;
    let me = company.auth.get("/auth/me", &access).await;
    let me = me.expect(StatusCode::OK);
    assert_eq!(
        (&me["email"], &me["name"]),
        (&json!(ADA), &json!("Ada Lovelace"))
    );
    assert_eq!(
        (&me["role"], &me["email_verified"]),
        (&json!("agent"), &json!(false))
    );
    let sessions = company.auth.get("/auth/sessions", &access).await;
    let sessions = sessions.expect(StatusCode::OK);
    assert_eq!(sessions["items"][0]["methods"], json!(["issuer"]));

    let letter = company.auth.letter_to(ADA).await;
    let body = json!({ "token": letter.token() });
    let verified = company.auth.post("/auth/email/verify", body).await;
    verified.expect(StatusCode::NO_CONTENT);

    // Again, with another address: the provider's own name for her counts.
    company.provider.person("ada-1", "ada.king@example.com");
    let again = company.signed_in().await;
    let again = company.auth.get("/auth/me", &again).await;
    assert_eq!(again.expect(StatusCode::OK)["id"], me["id"]);
    assert_eq!(company.members().await, 2);
    let factors = company.auth.get("/auth/factors", &access).await;
    let factors = factors.expect(StatusCode::OK);
    assert_eq!(factors["issuers"][0]["name"], "Example Login");

    let audit = company.auth.get("/auth/audit", &company.owner.access).await;
    let audit = audit.expect(StatusCode::OK).to_string();
    for action in [
        "issuer.created",
        "member.joined",
        "issuer.linked",
        "session.created",
    ] {
        assert!(audit.contains(action), "{action}: {audit}");
    }
    assert!(!audit.contains("@example.com"), "{audit}");
}

/// Whoever owns a workspace can have a provider that says anything, and lets in whomever it names.
#[tokio::test]
async fn a_workspace_learns_nothing_of_an_account_before_its_owner_joins() {
    let company = Company::start().await;
    let auth = &company.auth;
    auth.register(ADA).await;
    company.refused("confirm_by_mail").await;
    company.refused("confirm_by_mail").await;
    let members = items(auth, "/auth/members", &company.owner.access).await;
    assert_eq!(members.len(), 1, "{members:?}");
    assert_eq!(members[0]["email"], OWNER);
    let invites = items(auth, "/auth/invites", &company.owner.access).await;
    assert_eq!(invites.len(), 1, "{invites:?}");
    assert_eq!(
        (&invites[0]["email"], &invites[0]["invited_by"]),
        (&json!(ADA), &json!(company.issuer.id))
    );
    for nothing in [
        "SELECT count(*) FROM auth.identities",
        "SELECT count(*) FROM auth.sessions WHERE 'issuer' = ANY (methods)",
    ] {
        assert_eq!(auth.count(nothing).await, 0, "{nothing}");
    }

    let (first, second) = (auth.letter_to(ADA).await, auth.letter_to(ADA).await);
    assert_eq!(second.subject, "Join Shop on Syntera");
    assert!(second.text.contains("Example Login"), "{second:?}");
    accept(auth, &first.token()).await.problem("link_expired");
    let joined = accept(auth, &second.token()).await;
    joined.expect(StatusCode::NO_CONTENT);
    company.signed_in().await;
    assert_eq!(company.members().await, 2);
}

#[tokio::test]
async fn an_account_that_is_there_is_found_by_its_address_and_told() {
    let company = Company::start().await;
    company.auth.register(ADA).await;
    company.join().await;
    let access = company.signed_in().await;
    let letter = company.auth.letter_to(ADA).await;
    assert!(letter.text.contains("Example Login"), "{letter:?}");
    let me = company.auth.get("/auth/me", &access).await;
    let me = me.expect(StatusCode::OK);
    assert_eq!(me["email_verified"], true);
    assert_eq!(
        me["role"], "agent",
        "of the provider's workspace, not the owner of her own"
    );
}

/// Whoever owns a workspace can have a provider that says anything.
#[tokio::test]
async fn a_providers_word_is_good_in_its_own_workspace_only() {
    let company = Company::start().await;
    let ada = company.auth.register(ADA).await;
    let me = company.auth.get("/auth/me", &ada.access).await;
    let own = text(&me.expect(StatusCode::OK)["workspace"], "id");
    company.join().await;
    let access = company.signed_in().await;
    let auth = &company.auth;

    let password = json!({ "password": PASSWORD });
    let enter = format!("/auth/workspaces/{own}/enter");
    for (path, body) in [
        (enter.as_str(), json!({})),
        ("/auth/totp", password.clone()),
        ("/auth/passkeys/options", password.clone()),
        (
            "/auth/email/change",
            json!({ "email": "eve@example.com", "password": PASSWORD }),
        ),
        (
            "/auth/password/change",
            json!({ "current_password": PASSWORD, "new_password": "another good one" }),
        ),
    ] {
        let answer = auth.post_as(&access, path, body).await;
        assert_eq!(answer.body["code"], "forbidden", "{path}");
    }
    let answer = auth.delete_as(&access, "/auth/me", password).await;
    answer.problem("forbidden");
    let name = json!({ "name": "Eve" });
    let answer = auth.patch_as(&access, "/auth/me", name).await;
    answer.problem("forbidden");
    let elsewhere = auth.claims(&ada.access).await.sid;
    let path = format!("/auth/sessions/{elsewhere}");
    auth.delete_as(&access, &path, json!({}))
        .await
        .problem("not_found");
    let sessions = auth.get("/auth/sessions", &access).await;
    let sessions = sessions.expect(StatusCode::OK);
    assert_eq!(sessions["items"].as_array().unwrap().len(), 1, "{sessions}");
    let mine = auth.get("/auth/workspaces", &access).await;
    let mine = mine.expect(StatusCode::OK);
    assert_eq!(mine["items"].as_array().unwrap().len(), 1, "{mine}");
    assert_ne!(text(&mine["items"][0], "id"), own);
}

/// Whoever chooses a provider can become everybody whom it signs in.
#[tokio::test]
async fn an_admins_provider_signs_in_no_owner_until_an_owner_stands_by_it() {
    let company = Company::with_role("admin").await;
    company.provider.person("grace-1", OWNER);
    company.signed_in().await;
    company.role("owner").await;
    company.refused("issuer_not_trusted").await;
    let body = json!({ "name": "Login" });
    let changed = company.patch(body).await.expect(StatusCode::OK);
    assert_eq!(changed["signs_in_owners"], true);
    company.signed_in().await;
}

#[tokio::test]
async fn what_the_provider_says_must_be_right() {
    let company = Company::start().await;
    let now = company.auth.clock.now().timestamp();
    for (lies, code) in [
        (json!({ "nonce": "another" }), "issuer_invalid"),
        (json!({ "nonce": null }), "issuer_invalid"),
        (json!({ "exp": now - 1 }), "issuer_invalid"),
        (json!({ "aud": "another" }), "issuer_invalid"),
        (
            json!({ "aud": ["syntera & sons", "another"] }),
            "issuer_invalid",
        ),
        (json!({ "azp": "another" }), "issuer_invalid"),
        (
            json!({ "iss": "https://login.example.org" }),
            "issuer_invalid",
        ),
        (json!({ "email_verified": false }), "email_not_vouched"),
        (json!({ "email_verified": null }), "email_not_vouched"),
        (json!({ "email": null }), "email_not_vouched"),
        (
            json!({ "email": "ada@example.org" }),
            "email_domain_not_vouched",
        ),
        (
            json!({ "email": "ada@sub.example.com" }),
            "email_domain_not_vouched",
        ),
        (
            json!({ "email": "ada@example.com.evil.org" }),
            "email_domain_not_vouched",
        ),
    ] {
        company.provider.state().lies = lies.clone();
        let answer = company.sign_in().await;
        assert_eq!(
            location(&answer),
            format!("/account/sign-in#error={code}"),
            "{lies}"
        );
    }
    company.provider.state().lies = json!({});
    let right = company.provider.state().key.clone();
    for wrong in [Key::es256("first"), Key::es256("unknown"), Key::hs256()] {
        company.provider.state().key = wrong;
        company.refused("issuer_invalid").await;
    }
    assert_eq!(company.members().await, 1);
    company.provider.state().key = right;
    company.provider.state().lies = json!({ "azp": "syntera & sons", "email_verified": "true" });
    company.signed_in().await;
}

#[tokio::test]
async fn a_provider_may_sign_by_rs256_and_by_a_new_key_at_any_time() {
    let company = Company::start().await;
    company.signed_in().await;
    let (first, second) = (Key::rs256("second"), Key::rs256("third"));
    for key in [first, second] {
        {
            let mut state = company.provider.state();
            state.published = vec![key.clone()];
            state.key = key;
        }
        company.signed_in().await;
    }
}

#[tokio::test]
async fn who_comes_back_must_be_who_left_and_once() {
    let company = Company::start().await;
    let (one, two) = (company.leave().await, company.leave().await);
    let (back_one, back_two) = (company.authorize(&one).await, company.authorize(&two).await);

    // Led here by somebody else's link: another browser's state, or no cookie at all.
    let answer = company.get(&back_two, Some(&one.cookie)).await;
    refused(&answer, "link_expired");
    refused(&company.get(&back_one, None).await, "link_expired");
    refused(
        &company.get(&back_one, Some("tk_unknown")).await,
        "link_expired",
    );
    // By another provider's way.
    let other = back_one.replace(
        &company.issuer.id.to_string(),
        "01890a5d-ac96-774b-bcce-b302099a8057",
    );
    refused(
        &company.get(&other, Some(&one.cookie)).await,
        "link_expired",
    );

    // None of that was a use; this is the only one.
    let answer = company.get(&back_one, Some(&one.cookie)).await;
    assert_eq!(location(&answer), "/inbox");
    let answer = company.get(&back_one, Some(&one.cookie)).await;
    refused(&answer, "link_expired");

    // A code of another sign-in, which the verifier of this one does not fit.
    let three = company.leave().await;
    let mine = company.authorize(&three).await;
    let code = |back: &str| {
        let pairs = url::form_urlencoded::parse(back.split_once('?').unwrap().1.as_bytes());
        pairs
            .into_owned()
            .collect::<std::collections::HashMap<_, _>>()
    };
    let (theirs, own) = (code(&back_two), code(&mine));
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("code", &theirs["code"])
        .append_pair("state", &own["state"]);
    let injected = format!("{}?{}", way_back(&company.issuer), query.finish());
    let answer = company.get(&injected, Some(&three.cookie)).await;
    refused(&answer, "issuer_invalid");
    let answer = company.get(&mine, Some(&three.cookie)).await;
    refused(&answer, "link_expired");

    let late = company.leave().await;
    let back = company.authorize(&late).await;
    company.auth.advance(601);
    let answer = company.get(&back, Some(&late.cookie)).await;
    refused(&answer, "link_expired");
}

#[tokio::test]
async fn what_the_provider_declines_is_told() {
    let company = Company::start().await;
    for (extra, code) in [
        ("error=access_denied", "issuer_declined"),
        ("error=access_denied&code=x", "issuer_declined"),
        ("", "issuer_declined"),
        ("code=unknown", "issuer_invalid"),
        ("code=x&iss=https://login.example.org", "issuer_invalid"),
    ] {
        let away = company.leave().await;
        let pairs: Vec<_> = away.at_provider.query_pairs().collect();
        let state = pairs.iter().find(|(name, _)| name == "state").unwrap();
        let path = format!("{}?state={}&{extra}", way_back(&company.issuer), state.1);
        refused(&company.get(&path, Some(&away.cookie)).await, code);
    }
}

#[tokio::test]
async fn only_members_are_let_in_where_nobody_joins() {
    let company = Company::with(json!({ "auto_join_role": null })).await;
    company.refused("not_a_member").await;
    company.auth.register(ADA).await;
    company.refused("not_a_member").await;
    company.provider.person("grace-1", OWNER);
    let access = company.signed_in().await;
    let me = company.auth.get("/auth/me", &access).await;
    assert_eq!(me.expect(StatusCode::OK)["role"], "owner");
}

/// Somebody registers with Ada's address, and waits for her to come by the provider.
#[tokio::test]
async fn an_account_that_was_not_verified_is_not_joined() {
    let company = Company::start().await;
    company.auth.register_unverified(ADA).await;
    company.refused("email_not_verified").await;
    assert_eq!(company.members().await, 1);
    let letter = company.auth.letter_to(ADA).await;
    let body = json!({ "token": letter.token() });
    let verified = company.auth.post("/auth/email/verify", body).await;
    verified.expect(StatusCode::NO_CONTENT);
    company.join().await;
    company.signed_in().await;
}

#[tokio::test]
async fn an_address_that_goes_to_somebody_else_brings_no_account_with_it() {
    let company = Company::start().await;
    let before = company.signed_in().await;
    company.provider.person("bob-7", ADA);
    company.refused("identity_conflict").await;

    // Removed, she is unlinked; what is hers stays hers.
    let me = company.auth.get("/auth/me", &before).await;
    let path = format!("/auth/members/{}", text(&me.expect(StatusCode::OK), "id"));
    let body = json!({});
    let removed = company
        .auth
        .delete_as(&company.owner.access, &path, body)
        .await;
    removed.expect(StatusCode::NO_CONTENT);
    let linked = "SELECT count(*) FROM auth.identities";
    assert_eq!(company.auth.count(linked).await, 0);
}

#[tokio::test]
async fn a_provider_that_is_down_is_told() {
    let mut company = Company::start().await;
    let away = company.leave().await;
    let back = company.authorize(&away).await;
    company.provider.stop().await;
    let answer = company.get(&back, Some(&away.cookie)).await;
    refused(&answer, "issuer_unavailable");
    // What it said of itself is forgotten after a while.
    company.auth.advance(301);
    refused(&company.begin("/").await, "issuer_unavailable");
}

#[tokio::test]
async fn one_returns_to_our_own_pages_only() {
    let company = Company::start().await;
    for evil in [
        "https://evil.example",
        "//evil.example",
        "/%5Cevil.example",
        "inbox",
    ] {
        let problem = company.begin(evil).await.problem("invalid_query");
        assert_eq!(problem["errors"][0]["parameter"], "return_to", "{evil}");
    }
    let path = "/auth/oidc/01890a5d-ac96-774b-bcce-b302099a8057/start";
    refused(&company.get(path, None).await, "issuer_unknown");
}

#[tokio::test]
async fn removing_a_provider_ends_what_it_opened() {
    let company = Company::start().await;
    let since = company.auth.clock.now();
    let access = company.signed_in().await;
    let claims = company.auth.claims(&access).await;
    let path = format!("/auth/issuers/{}", company.issuer.id);
    let removed = company
        .auth
        .delete_as(&company.owner.access, &path, json!({}))
        .await;
    removed.expect(StatusCode::NO_CONTENT);
    assert_eq!(company.auth.revocations(since).await, [claims.sid]);
    refused(&company.begin("/").await, "issuer_unknown");
    assert_eq!(company.members().await, 2, "members stay members");
}

#[tokio::test]
async fn whoever_signs_in_is_shown_the_providers_of_their_domain() {
    let company = Company::start().await;
    let options = async |email: &str| {
        let answer = company
            .auth
            .post("/auth/login/options", json!({ "email": email }))
            .await;
        answer.expect(StatusCode::OK)["issuers"].clone()
    };
    let expected = json!([{ "id": company.issuer.id, "name": "Example Login" }]);
    assert_eq!(options("Nobody@Example.COM").await, expected);
    assert_eq!(options("nobody@example.org").await, json!([]));
    assert_eq!(options("nobody").await, json!([]));
    let renamed = company
        .patch(json!({ "name": "Login", "auto_join_role": null }))
        .await;
    assert_eq!(renamed.headers["etag"], "\"2\"");
    let renamed = renamed.expect(StatusCode::OK);
    assert_eq!(renamed["auto_join_role"], Value::Null);
    assert_eq!(options(ADA).await[0]["name"], "Login");
}
