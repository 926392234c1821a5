//! Refresh tokens: rotation, races, replays.

use futures::future::join_all;
use http::StatusCode;
use ids::SessionId;
use serde_json::json;

use crate::fixture::{Answer, Auth, PASSWORD, Tokens, Wish, pointers, text};

const TOKENS: &str = "SELECT count(*) FROM auth.refresh_tokens";

async fn session_of(auth: &Auth, access: &str) -> SessionId {
    auth.claims(access).await.sid
}

#[tokio::test]
async fn browsers_renew_by_cookie_and_without_a_body() {
    let auth = Auth::start().await;
    let login = json!({ "email": "ada@example.com", "password": PASSWORD });
    auth.register("ada@example.com").await;
    let first = auth
        .post("/auth/login", login)
        .await
        .cookie("syntera_refresh");
    let cookie = |token: &str| format!("other=1; syntera_refresh={token}");

    // No body and no media type, as `fetch(url, {method: "POST"})` sends it.
    let answer = Answer::of(
        auth.server
            .post("/auth/refresh")
            .header("cookie", cookie(&first)),
    )
    .await;
    let second = answer.cookie("syntera_refresh");
    let access = answer.cookie("syntera_access");
    assert_eq!(answer.headers["cache-control"], "no-store");
    let body = answer.expect(StatusCode::OK);
    assert_eq!(body["access_token"], access);
    assert!(
        body.get("refresh_token").is_none(),
        "scripts of a page must not get it"
    );
    assert_ne!(first, second);
    auth.get("/auth/me", &access).await.expect(StatusCode::OK);

    // An empty object does as well, and so does null.
    let mut last = second;
    for body in [json!({}), json!(null)] {
        let request = auth
            .server
            .post("/auth/refresh")
            .header("cookie", cookie(&last))
            .json(&body);
        let next = Answer::of(request).await.cookie("syntera_refresh");
        assert_ne!(next, last);
        last = next;
    }
}

#[tokio::test]
async fn programs_renew_by_the_body_and_get_no_cookies() {
    let auth = Auth::start().await;
    let first = auth.register("ada@example.com").await;
    auth.advance(300);
    let answer = auth.refresh(&first.refresh).await;
    assert!(answer.cookies().is_empty());
    let second = Tokens::of(answer.expect(StatusCode::OK));
    let (before, after) = (
        auth.claims(&first.access).await,
        auth.claims(&second.access).await,
    );
    assert_eq!(
        (before.sid, before.sub, before.wid),
        (after.sid, after.sub, after.wid)
    );
    assert_eq!(after.iat - before.iat, 300);
}

#[tokio::test]
async fn sixteen_at_once_make_one_rotation() {
    let auth = Auth::start().await;
    let first = auth.register("ada@example.com").await;
    let answers = join_all((0..16).map(|_| auth.refresh(&first.refresh))).await;
    let tokens: Vec<_> = answers
        .into_iter()
        .map(|a| Tokens::of(a.expect(StatusCode::OK)))
        .collect();
    assert!(
        tokens.iter().all(|got| got.refresh == tokens[0].refresh),
        "{tokens:?}"
    );
    assert_eq!(auth.count(TOKENS).await, 2, "one rotation");
    // The session lives on.
    let next = Tokens::of(
        auth.refresh(&tokens[0].refresh)
            .await
            .expect(StatusCode::OK),
    );
    auth.get("/auth/me", &next.access)
        .await
        .expect(StatusCode::OK);
    assert_eq!(auth.count(TOKENS).await, 3);
}

#[tokio::test]
async fn a_retry_within_ten_seconds_gets_the_same_successor() {
    let auth = Auth::start().await;
    let first = auth.register("ada@example.com").await;
    let second = Tokens::of(auth.refresh(&first.refresh).await.expect(StatusCode::OK));
    auth.advance(10);
    let again = Tokens::of(auth.refresh(&first.refresh).await.expect(StatusCode::OK));
    assert_eq!(again.refresh, second.refresh);
    assert_eq!(auth.count(TOKENS).await, 2);
}

#[tokio::test]
async fn a_replay_after_the_grace_ends_the_session() {
    let auth = Auth::start().await;
    let other = auth.register("bob@example.com").await;
    let start = auth.clock.now();
    let first = auth.register("ada@example.com").await;
    let second = Tokens::of(auth.refresh(&first.refresh).await.expect(StatusCode::OK));
    auth.advance(11);
    auth.refresh(&first.refresh)
        .await
        .problem("refresh_token_reused");
    // The owner is told, and nobody else.
    let letter = auth.letter_to("ada@example.com").await;
    assert_eq!(letter.subject, "One of your sign-ins was ended");
    assert!(auth.take_letter("bob@example.com").is_none());
    // For the thief and for the owner alike.
    auth.refresh(&second.refresh)
        .await
        .problem("session_revoked");
    auth.refresh(&first.refresh)
        .await
        .problem("session_revoked");
    auth.get("/auth/me", &second.access)
        .await
        .problem("session_revoked");
    assert_eq!(
        auth.revocations(start).await,
        [session_of(&auth, &first.access).await]
    );
    auth.refresh(&other.refresh).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn a_replay_once_the_successor_was_used_ends_the_session_at_once() {
    let auth = Auth::start().await;
    let first = auth.register("ada@example.com").await;
    let second = Tokens::of(auth.refresh(&first.refresh).await.expect(StatusCode::OK));
    let third = Tokens::of(auth.refresh(&second.refresh).await.expect(StatusCode::OK));
    auth.refresh(&first.refresh)
        .await
        .problem("refresh_token_reused");
    auth.refresh(&third.refresh)
        .await
        .problem("session_revoked");
    let reason = "SELECT count(*) FROM auth.sessions WHERE revoked_reason = 'refresh_token_reused'";
    assert_eq!(auth.count(reason).await, 1);
}

#[tokio::test]
async fn a_replay_among_good_refreshes_ends_the_session_for_all() {
    let auth = Auth::start().await;
    let first = auth.register("ada@example.com").await;
    let second = Tokens::of(auth.refresh(&first.refresh).await.expect(StatusCode::OK));
    auth.advance(11);
    let race = (0..16).map(|n| {
        auth.refresh(if n % 2 == 0 {
            &first.refresh
        } else {
            &second.refresh
        })
    });
    let answers = join_all(race).await;
    let reused = answers
        .iter()
        .filter(|answer| answer.body["code"] == "refresh_token_reused")
        .count();
    assert_eq!(reused, 1, "the family ends once: {answers:?}");
    auth.get("/auth/me", &second.access)
        .await
        .problem("session_revoked");
}

/// A service whose sessions last when they are used.
async fn kept_for_a_year() -> Auth {
    Auth::wished(Wish {
        session_days: 365,
        ..Wish::default()
    })
    .await
}

#[tokio::test]
async fn thirty_days_end_it_however_much_it_is_used() {
    let auth = Auth::start().await;
    let mut tokens = auth.register("ada@example.com").await;
    for _ in 0..3 {
        auth.advance(10 * 86_400);
        tokens = Tokens::of(auth.refresh(&tokens.refresh).await.expect(StatusCode::OK));
    }
    // Neither does it begin anew in another workspace.
    let made = auth.post_as(
        &tokens.access,
        "/auth/workspaces",
        json!({ "name": "Yard" }),
    );
    let made = made.await.expect(StatusCode::CREATED);
    let enter = format!("/auth/workspaces/{}/enter", text(&made, "id"));
    let body = json!({ "return_refresh_token": true });
    let entered = auth.post_as(&tokens.access, &enter, body).await;
    let entered = Tokens::of(entered.expect(StatusCode::OK));
    let entered = auth.refresh(&entered.refresh).await.expect(StatusCode::OK);
    let entered = Tokens::of(entered);
    auth.advance(1);
    auth.refresh(&entered.refresh)
        .await
        .problem("token_expired");
    let listed = auth.get("/auth/sessions", &entered.access).await;
    assert_eq!(listed.expect(StatusCode::OK)["items"], json!([]));
    let again = auth.login("ada@example.com").await;
    auth.refresh(&again.refresh).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn thirty_idle_days_end_it() {
    let auth = kept_for_a_year().await;
    let first = auth.register("ada@example.com").await;
    auth.advance(29 * 86_400);
    let second = Tokens::of(auth.refresh(&first.refresh).await.expect(StatusCode::OK));
    auth.advance(29 * 86_400);
    let third = Tokens::of(auth.refresh(&second.refresh).await.expect(StatusCode::OK));
    auth.advance(30 * 86_400 + 1);
    auth.refresh(&third.refresh).await.problem("token_expired");
    // A day later nothing is kept of it.
    auth.advance(86_400);
    assert!(auth::sessions::clean_once(&auth.app).await.unwrap() > 0);
    auth.refresh(&third.refresh)
        .await
        .problem("unauthenticated");
    assert_eq!(auth.count("SELECT count(*) FROM auth.sessions").await, 0);
}

#[tokio::test]
async fn cleaning_leaves_a_session_that_is_in_use_and_forgets_its_old_trail() {
    let auth = kept_for_a_year().await;
    let mut tokens = auth.register("ada@example.com").await;
    for _ in 0..4 {
        auth.advance(10 * 86_400);
        tokens = Tokens::of(auth.refresh(&tokens.refresh).await.expect(StatusCode::OK));
    }
    assert_eq!(auth.count(TOKENS).await, 5);
    assert_eq!(auth::sessions::clean_once(&auth.app).await.unwrap(), 1);
    auth.refresh(&tokens.refresh).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn tokens_that_are_none_are_refused() {
    let auth = Auth::start().await;
    Answer::of(auth.server.post("/auth/refresh"))
        .await
        .problem("unauthenticated");
    auth.refresh("rt_unknown").await.problem("unauthenticated");
    auth.refresh("").await.problem("validation_failed");
    let problem = auth
        .post("/auth/refresh", json!({ "token": "x" }))
        .await
        .problem("validation_failed");
    assert_eq!(pointers(&problem), ["/token"]);
    let form = auth.server.post("/auth/refresh").body("refresh_token=x");
    Answer::of(form).await.problem("unsupported_media_type");
}

#[tokio::test]
async fn a_new_role_is_in_the_next_token_and_a_lost_membership_ends_the_session() {
    let auth = Auth::start().await;
    let start = auth.clock.now();
    let first = auth.register("ada@example.com").await;
    auth.execute("UPDATE auth.memberships SET role = 'viewer'")
        .await;
    let second = Tokens::of(auth.refresh(&first.refresh).await.expect(StatusCode::OK));
    let claims = auth.claims(&second.access).await;
    assert_eq!(claims.role, Some(common::tokens::Role::Viewer));
    assert!(!claims.scope.contains(":write"), "{}", claims.scope);

    auth.execute("DELETE FROM auth.memberships").await;
    auth.refresh(&second.refresh)
        .await
        .problem("session_revoked");
    assert_eq!(auth.revocations(start).await, [claims.sid]);
}

#[tokio::test]
async fn a_secure_origin_has_cookies_bound_to_its_host() {
    let auth = Auth::wished(Wish {
        public_url: "https://syntera.example",
        ..Wish::default()
    })
    .await;
    auth.register("ada@example.com").await;
    let login = json!({ "email": "ada@example.com", "password": PASSWORD });
    let answer = auth.post("/auth/login", login).await;
    for (name, rest) in answer.cookies() {
        assert!(name.starts_with("__Host-syntera_"), "{name}");
        assert!(
            rest.contains("; Path=/;") && rest.ends_with("; HttpOnly; SameSite=Lax; Secure"),
            "{rest}"
        );
    }
    let token = answer.cookie("__Host-syntera_refresh");
    let refresh = |name: &str| {
        auth.server
            .post("/auth/refresh")
            .header("cookie", format!("{name}={token}"))
    };
    Answer::of(refresh("syntera_refresh"))
        .await
        .problem("unauthenticated");
    Answer::of(refresh("__Host-syntera_refresh"))
        .await
        .expect(StatusCode::OK);
}
