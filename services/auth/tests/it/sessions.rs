//! Signing out.

use futures::future::join_all;
use http::StatusCode;
use serde_json::json;

use crate::fixture::{Answer, Auth, PASSWORD};

#[tokio::test]
async fn each_proof_of_a_session_signs_out() {
    let auth = Auth::start().await;
    for n in 0..4 {
        let start = auth.clock.now();
        let tokens = auth.register(&format!("ada{n}@example.com")).await;
        let logout = auth.server.post("/auth/logout");
        let request = match n {
            0 => logout.bearer_auth(&tokens.access),
            1 => logout.header("cookie", format!("syntera_refresh={}", tokens.refresh)),
            2 => logout.header("cookie", format!("syntera_access={}", tokens.access)),
            _ => logout.json(&json!({ "refresh_token": tokens.refresh })),
        };
        let answer = Answer::of(request).await;
        for (name, path) in [("syntera_access", "/"), ("syntera_refresh", "/api/v1/auth")] {
            let cookie = &answer.cookies()[name];
            assert!(
                cookie.starts_with(&format!("; Path={path}; Max-Age=0;")),
                "{cookie}"
            );
        }
        answer.expect(StatusCode::NO_CONTENT);
        auth.refresh(&tokens.refresh)
            .await
            .problem("session_revoked");
        auth.get("/auth/me", &tokens.access)
            .await
            .problem("session_revoked");
        assert_eq!(
            auth.revocations(start).await,
            [auth.claims(&tokens.access).await.sid]
        );
        // Signing out again changes nothing: the time of the end stays.
        auth.advance(60);
        let again = auth
            .server
            .post("/auth/logout")
            .json(&json!({ "refresh_token": tokens.refresh }));
        Answer::of(again).await.expect(StatusCode::NO_CONTENT);
        assert_eq!(auth.revocations(auth.clock.now()).await, []);
    }
}

#[tokio::test]
async fn other_sessions_of_the_person_live_on() {
    let auth = Auth::start().await;
    let first = auth.register("ada@example.com").await;
    let login = json!({ "email": "ada@example.com", "password": PASSWORD });
    let second = auth
        .post("/auth/login", login)
        .await
        .cookie("syntera_access");
    Answer::of(auth.server.post("/auth/logout").bearer_auth(&second))
        .await
        .expect(StatusCode::NO_CONTENT);
    auth.get("/auth/me", &second)
        .await
        .problem("session_revoked");
    auth.get("/auth/me", &first.access)
        .await
        .expect(StatusCode::OK);
}

#[tokio::test]
async fn without_a_proof_only_the_cookies_go() {
    let auth = Auth::start().await;
    let start = auth.clock.now();
    let answer = Answer::of(auth.server.post("/auth/logout")).await;
    assert_eq!(answer.cookies().len(), 2);
    answer.expect(StatusCode::NO_CONTENT);
    // A program whose token is not good must not believe to be signed out.
    let tokens = auth.register("ada@example.com").await;
    auth.advance(600);
    Answer::of(auth.server.post("/auth/logout").bearer_auth(&tokens.access))
        .await
        .problem("token_expired");
    assert_eq!(auth.revocations(start).await, []);
    // A browser's access cookie has often expired by then; its refresh token is enough.
    let request = auth
        .server
        .post("/auth/logout")
        .bearer_auth(&tokens.access)
        .header("cookie", format!("syntera_refresh={}", tokens.refresh));
    Answer::of(request).await.expect(StatusCode::NO_CONTENT);
    assert_eq!(auth.revocations(start).await.len(), 1);
}

#[tokio::test]
async fn signing_out_while_tabs_renew_leaves_no_way_back() {
    let auth = Auth::start().await;
    let tokens = auth.register("ada@example.com").await;
    let tabs = join_all((0..8).map(|_| auth.refresh(&tokens.refresh)));
    let logout = Answer::of(auth.server.post("/auth/logout").bearer_auth(&tokens.access));
    let (answers, logout) = tokio::join!(tabs, logout);
    logout.expect(StatusCode::NO_CONTENT);
    for answer in answers {
        if let Some(successor) = answer.body["refresh_token"].as_str() {
            auth.refresh(successor).await.problem("session_revoked");
        } else {
            answer.problem("session_revoked");
        }
    }
}
