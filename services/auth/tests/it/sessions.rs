//! Where one is signed in, and signing out.

use futures::future::join_all;
use http::StatusCode;
use serde_json::json;

use crate::fixture::{Answer, Auth, PASSWORD, Tokens};

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

#[tokio::test]
async fn where_one_is_signed_in_is_listed_and_ended() {
    let auth = Auth::start().await;
    let here = auth.register("ada@example.com").await;
    auth.advance(60);
    let login =
        json!({ "email": "ada@example.com", "password": PASSWORD, "return_refresh_token": true });
    let request = auth
        .server
        .post("/auth/login")
        .header("user-agent", "phone/1.0")
        .header("x-forwarded-for", "192.0.2.7")
        .json(&login);
    let phone = Tokens::of(Answer::of(request).await.expect(StatusCode::OK));
    let list = auth.get("/auth/sessions", &here.access).await;
    let list = list.expect(StatusCode::OK);
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), 2, "{items:?}");
    assert_eq!(
        (&items[0]["user_agent"], &items[0]["address"]),
        (&json!("phone/1.0"), &json!("192.0.2.7"))
    );
    assert_eq!(
        (&items[0]["current"], &items[1]["current"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(items[0]["methods"], json!(["password"]));

    let start = auth.clock.now();
    let path = format!("/auth/sessions/{}", items[0]["id"].as_str().unwrap());
    let stranger = auth.register("bob@example.com").await;
    auth.delete_as(&stranger.access, &path, json!(null))
        .await
        .problem("not_found");
    auth.delete_as(&here.access, &path, json!(null))
        .await
        .expect(StatusCode::NO_CONTENT);
    auth.refresh(&phone.refresh)
        .await
        .problem("session_revoked");
    assert_eq!(
        auth.revocations(start).await,
        [auth.claims(&phone.access).await.sid]
    );
    auth.delete_as(&here.access, &path, json!(null))
        .await
        .problem("not_found");
}

#[tokio::test]
async fn everywhere_means_everywhere() {
    let auth = Auth::start().await;
    let here = auth.register("ada@example.com").await;
    let elsewhere = auth.login("ada@example.com").await;
    let answer = auth
        .post_as(&here.access, "/auth/logout/everywhere", json!(null))
        .await;
    assert_eq!(answer.cookies().len(), 2);
    answer.expect(StatusCode::NO_CONTENT);
    for tokens in [here, elsewhere] {
        auth.get("/auth/me", &tokens.access)
            .await
            .problem("session_revoked");
        auth.refresh(&tokens.refresh)
            .await
            .problem("session_revoked");
    }
    auth.login("ada@example.com").await;
}
