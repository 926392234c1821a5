//! Registering, signing in, and who one is.

use std::time::{Duration, Instant};

use auth::passwords::Passwords;
use futures::future::join_all;
use http::StatusCode;
use serde_json::{Value, json};
use testkit::eventually;

use crate::fixture::{Answer, Auth, PASSWORD, Tokens, Wish, pointers, text};

fn registration(email: &str) -> Value {
    json!({ "email": email, "password": PASSWORD, "name": "Ada", "workspace_name": "Shop" })
}

#[tokio::test]
async fn registering_makes_an_owner_whose_address_is_to_be_proven() {
    let auth = Auth::start().await;
    let answer = auth
        .post("/auth/register", registration("Ada@Example.com"))
        .await;
    assert!(answer.cookies().is_empty(), "{answer:?}");
    let body = answer.expect(StatusCode::CREATED);
    assert_eq!(body, json!({ "next": "verify_email" }));

    let login = json!({ "email": "ada@example.com", "password": PASSWORD });
    let answer = auth.post("/auth/login", login).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let (access, refresh) = (
        answer.cookie("syntera_access"),
        answer.cookie("syntera_refresh"),
    );
    let body = answer.expect(StatusCode::OK);
    assert_eq!(body["access_token"], access);
    assert!(refresh.starts_with("rt_"));
    assert!(
        body.get("refresh_token").is_none(),
        "scripts of a page must not get it"
    );

    let me = auth.get("/auth/me", &access).await.expect(StatusCode::OK);
    assert_eq!(me["email"], "Ada@Example.com");
    assert_eq!((&me["name"], &me["role"]), (&json!("Ada"), &json!("owner")));
    assert_eq!(me["workspace"]["name"], "Shop");
    assert_eq!(me["email_verified"], false);

    let claims = auth.claims(&access).await;
    assert_eq!(
        (claims.iss.as_str(), claims.aud.as_str()),
        ("syntera", "syntera")
    );
    assert_eq!(claims.sub.to_string(), text(&me, "id"));
    assert_eq!(claims.wid.to_string(), text(&me["workspace"], "id"));
    assert_eq!(claims.sid.to_string(), text(&me, "session_id"));
    assert_eq!(claims.exp - claims.iat, 600);
    let scope: Vec<_> = claims.scope.split(' ').collect();
    let permissions: Vec<_> = me["permissions"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(scope, permissions);
    assert!(scope.contains(&"keys:write"), "{scope:?}");
}

#[tokio::test]
async fn every_fault_of_a_registration_is_named() {
    let auth = Auth::start().await;
    let with = |field: &str, value: Value| {
        let mut body = registration("ada@example.com");
        body[field] = value;
        body
    };
    for (body, expected) in [
        (with("email", json!("not an address")), "/email"),
        (with("email", json!(7)), "/email"),
        (with("password", json!("short")), "/password"),
        (with("password", json!("x".repeat(129))), "/password"),
        (with("name", json!(" ")), "/name"),
        (with("name", json!("x".repeat(101))), "/name"),
        (
            with("workspace_name", json!("two\nlines")),
            "/workspace_name",
        ),
        (with("workspace_name", Value::Null), "/workspace_name"),
        (with("role", json!("owner")), "/role"),
        (json!({}), "/email"),
        (json!([]), ""),
    ] {
        let problem = auth
            .post("/auth/register", body.clone())
            .await
            .problem("validation_failed");
        assert_eq!(pointers(&problem), [expected], "{body}");
        assert!(!problem.to_string().contains(PASSWORD), "{problem}");
    }
    let all = json!({ "email": "x", "password": "x", "name": "", "workspace_name": "" });
    let problem = auth
        .post("/auth/register", all)
        .await
        .problem("validation_failed");
    assert_eq!(
        pointers(&problem),
        ["/email", "/password", "/name", "/workspace_name"]
    );
    assert_eq!(auth.count("SELECT count(*) FROM auth.users").await, 0);
}

#[tokio::test]
async fn what_is_no_request_of_ours_is_told_so() {
    let auth = Auth::start().await;
    let post = || auth.server.post("/auth/login");
    let json = "application/json";
    let large = format!("{{\"email\":\"{}\"}}", "x".repeat(2 << 20));
    for (request, code) in [
        (
            post().header("content-type", json).body("{"),
            "invalid_json",
        ),
        (post().header("content-type", json).body(""), "invalid_json"),
        (
            post().header("content-type", "text/plain").body("{}"),
            "unsupported_media_type",
        ),
        (post().body("{}"), "unsupported_media_type"),
        (
            post().header("content-type", json).body(large),
            "payload_too_large",
        ),
        (auth.server.get("/auth/login"), "method_not_allowed"),
        (auth.server.get("/auth/nothing"), "not_found"),
        (auth.server.get("/internal/jwks"), "not_found"),
        (auth.server.get("/auth/me"), "unauthenticated"),
        (
            auth.server.get("/auth/me").bearer_auth("not a token"),
            "unauthenticated",
        ),
    ] {
        Answer::of(request).await.problem(code);
    }
}

#[tokio::test]
async fn an_address_has_one_account_whatever_its_case() {
    let auth = Auth::start().await;
    let race =
        join_all((0..8).map(|_| auth.post("/auth/register", registration("bob@example.com"))))
            .await;
    for answer in race {
        let body = answer.expect(StatusCode::CREATED);
        assert_eq!(body, json!({ "next": "verify_email" }));
    }
    let again = auth
        .post("/auth/register", registration("BOB@example.com"))
        .await;
    again.expect(StatusCode::CREATED);
    assert_eq!(
        auth.count("SELECT count(*) FROM auth.workspaces").await,
        1,
        "nothing is left of the others"
    );
    assert_eq!(auth.count("SELECT count(*) FROM auth.outbox").await, 1);
    // The owner of the address learns of each, and nobody else of any.
    let mut subjects = Vec::new();
    for _ in 0..9 {
        subjects.push(auth.letter_to("bob@example.com").await.subject);
    }
    subjects.sort_unstable();
    assert_eq!(subjects.pop().unwrap(), "You have an account already");
    assert_eq!(
        subjects.iter().filter(|s| s.starts_with("Verify")).count(),
        1
    );
}

#[tokio::test]
async fn registering_takes_as_long_for_a_known_address() {
    let auth = Auth::start().await;
    auth.register("ada@example.com").await;
    let (mut known, mut unknown) = (Duration::MAX, Duration::MAX);
    for n in 0..8 {
        let try_one = async |email: &str| {
            let started = Instant::now();
            let answer = auth.post("/auth/register", registration(email)).await;
            answer.expect(StatusCode::CREATED);
            started.elapsed()
        };
        known = known.min(try_one("ada@example.com").await);
        unknown = unknown.min(try_one(&format!("new{n}@example.com")).await);
    }
    assert!(
        unknown < known * 2 && known < unknown * 2,
        "known {known:?}, unknown {unknown:?}"
    );
}

#[tokio::test]
async fn signing_in_opens_a_session_of_its_own() {
    let auth = Auth::start().await;
    let first = auth.register("ada@example.com").await;
    let login =
        json!({ "email": "Ada@Example.com", "password": PASSWORD, "return_refresh_token": true });
    let request = auth
        .server
        .post("/auth/login")
        .header("user-agent", "browser/1.0")
        .json(&login);
    let answer = Answer::of(request).await;
    assert!(answer.cookies().contains_key("syntera_access"));
    let second = Tokens::of(answer.expect(StatusCode::OK));
    let (first, second) = (
        auth.claims(&first.access).await,
        auth.claims(&second.access).await,
    );
    assert_eq!((first.sub, first.wid), (second.sub, second.wid));
    assert_ne!(first.sid, second.sid);
    let agent = "SELECT count(*) FROM auth.sessions WHERE user_agent = 'browser/1.0'";
    assert_eq!(auth.count(agent).await, 1);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_cannot_be_told_apart() {
    let auth = Auth::start().await;
    auth.register("ada@example.com").await;
    let mut known = Duration::MAX;
    let mut unknown = Duration::MAX;
    for _ in 0..8 {
        let try_one = async |email: &str| {
            let started = Instant::now();
            let body = json!({ "email": email, "password": "wrong password" });
            let answer = auth.post("/auth/login", body).await;
            assert!(answer.cookies().is_empty());
            let took = started.elapsed();
            let mut body = answer.problem("invalid_credentials");
            body["request_id"] = Value::Null;
            (body, took)
        };
        let (a, took_a) = try_one("ada@example.com").await;
        let (b, took_b) = try_one("nobody@example.com").await;
        assert_eq!(a, b);
        (known, unknown) = (known.min(took_a), unknown.min(took_b));
    }
    // Without the stand-in hash the unknown address would be answered several times faster.
    assert!(
        unknown * 3 > known && known * 3 > unknown,
        "known {known:?}, unknown {unknown:?}"
    );
}

#[tokio::test]
async fn an_unknown_address_waits_for_its_turn_like_a_known_one() {
    // With no room for any hash, whoever is answered otherwise was answered without one.
    let auth = Auth::wished(Wish {
        passwords: Passwords::with_room_for(0, 0).unwrap(),
        ..Wish::default()
    })
    .await;
    let body = json!({ "email": "nobody@example.com", "password": PASSWORD });
    let answer = auth.post("/auth/login", body).await;
    assert_eq!(answer.headers["retry-after"], "1");
    answer.problem("rate_limited");
}

#[tokio::test]
async fn a_flood_of_logins_is_turned_away_and_nothing_else_waits() {
    let wish = Wish {
        passwords: Passwords::with_room_for(1, 2).unwrap(),
        ..Wish::default()
    };
    let auth = Auth::wished(wish).await;
    let tokens = auth.register("ada@example.com").await;
    let body = json!({ "email": "ada@example.com", "password": "wrong password" });
    let flood = join_all((0..64).map(|_| auth.post("/auth/login", body.clone())));
    let (answers, me) = tokio::join!(flood, auth.get("/auth/me", &tokens.access));
    me.expect(StatusCode::OK);
    let (served, turned_away): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == 401);
    assert!(served.len() >= 2, "{served:?}");
    assert!(!turned_away.is_empty());
    for answer in turned_away {
        assert_eq!(answer.headers["retry-after"], "1");
        answer.problem("rate_limited");
    }
}

#[tokio::test]
async fn an_access_token_ends_after_ten_minutes() {
    let auth = Auth::start().await;
    let tokens = auth.register("ada@example.com").await;
    auth.advance(599);
    auth.get("/auth/me", &tokens.access)
        .await
        .expect(StatusCode::OK);
    auth.advance(1);
    auth.get("/auth/me", &tokens.access)
        .await
        .problem("token_expired");
}

#[tokio::test]
async fn an_account_without_a_workspace_is_told_why() {
    let auth = Auth::start().await;
    let tokens = auth.register("ada@example.com").await;
    auth.execute("DELETE FROM auth.memberships").await;
    let login = json!({ "email": "ada@example.com", "password": PASSWORD });
    auth.post("/auth/login", login).await.problem("forbidden");
    auth.get("/auth/me", &tokens.access)
        .await
        .problem("session_revoked");
}

#[tokio::test]
async fn the_new_workspace_is_told_to_the_others() {
    let (auth, broker) = Auth::publishing().await;
    auth.register("ada@example.com").await;
    eventually("the event lies in the queue of analytics", || async {
        (broker.depth("analytics.ingest").await == 1).then_some(())
    })
    .await;
    assert_eq!(auth.count("SELECT count(*) FROM auth.outbox").await, 0);
}
