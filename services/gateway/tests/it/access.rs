//! Who passes and who does not.

use std::time::Duration;

use clock::Clock;
use common::tokens::{RevocationList, RevokedSession, Role};
use gateway::routes::{Access, Carriage, ROUTES};
use ids::{AgentId, UserId, WorkspaceId};
use testkit::Keys;

use crate::{Gateway, Setup, epoch, problem};

/// The path with an id in place of each parameter.
fn concrete(path: &str) -> String {
    let id = AgentId::new().to_string();
    let parts = path.split('/').map(|part| {
        let parameter = part.starts_with('{');
        if parameter { &*id } else { part }
    });
    format!("/api/v1{}", parts.collect::<Vec<_>>().join("/"))
}

/// Tokens that are no good: what is wrong, the token, and the code of its refusal.
fn bad_tokens(gateway: &Gateway) -> [(&'static str, String, &'static str); 8] {
    let stranger = Keys::new(Clock::system());
    let past = Keys::new(Clock::manual(epoch()));
    let claims = gateway
        .keys
        .person_claims(WorkspaceId::new(), UserId::new(), Role::Owner);
    let with = |change: fn(&mut common::tokens::Claims)| {
        let mut claims = claims.clone();
        change(&mut claims);
        gateway.keys.sign(&claims)
    };
    let unsigned = {
        let good = gateway.person();
        let (_, rest) = good.split_once('.').unwrap();
        // {"alg":"none","typ":"JWT","kid":"test"}
        format!(
            "eyJhbGciOiJub25lIiwidHlwIjoiSldUIiwia2lkIjoidGVzdCJ9.{}.",
            rest.split('.').next().unwrap()
        )
    };
    [
        (
            "another issuer's key",
            stranger.person(WorkspaceId::new(), UserId::new(), Role::Owner),
            "unauthenticated",
        ),
        (
            "expired",
            {
                let claims = past.person_claims(WorkspaceId::new(), UserId::new(), Role::Owner);
                gateway.keys.sign(&claims)
            },
            "token_expired",
        ),
        (
            "another audience",
            with(|claims| claims.aud = "somebody-else".to_owned()),
            "unauthenticated",
        ),
        (
            "another issuer",
            with(|claims| claims.iss = "somebody-else".to_owned()),
            "unauthenticated",
        ),
        (
            "no role",
            with(|claims| claims.role = None),
            "unauthenticated",
        ),
        (
            "a service's token",
            gateway.keys.service("crm", "gateway"),
            "unauthenticated",
        ),
        ("alg none", unsigned, "unauthenticated"),
        ("garbage", "garbage".to_owned(), "unauthenticated"),
    ]
}

#[tokio::test]
async fn every_route_that_is_not_public_refuses_every_bad_token() {
    let gateway = Gateway::start().await;
    let bad = bad_tokens(&gateway);
    let mut tried = 0;
    for route in ROUTES.iter().filter(|route| route.access != Access::Public) {
        let request = || {
            gateway
                .server
                .request(route.method.clone(), &concrete(route.path))
        };
        let missing = problem(request().send().await.unwrap(), 401, "unauthenticated").await;
        assert!(missing["detail"].as_str().unwrap().contains("Bearer"));
        for (what, token, code) in &bad {
            let response = request().bearer_auth(token).send().await.unwrap();
            assert_eq!(
                response.status(),
                401,
                "{what} at {} {}",
                route.method,
                route.path
            );
            problem(response, 401, code).await;
            tried += 1;
        }
        if route.access == Access::Person {
            let response = request()
                .bearer_auth(gateway.visitor())
                .send()
                .await
                .unwrap();
            problem(response, 403, "forbidden").await;
        }
    }
    assert!(tried > 100, "the table is there");
    assert!(gateway.nothing_passed());
}

#[tokio::test]
async fn every_route_passes_a_good_token() {
    let gateway = Gateway::start().await;
    for route in ROUTES
        .iter()
        .filter(|route| route.carriage == Carriage::Http)
    {
        let path = concrete(route.path);
        let request = gateway
            .server
            .request(route.method.clone(), &path)
            .bearer_auth(gateway.person());
        let status = request.send().await.unwrap().status();
        assert_eq!(status, 201, "{} {}", route.method, route.path);
        assert_eq!(gateway.last().uri, path.strip_prefix("/api/v1").unwrap());
        if route.access == Access::Participant {
            let request = gateway
                .server
                .request(route.method.clone(), &path)
                .bearer_auth(gateway.visitor());
            assert_eq!(request.send().await.unwrap().status(), 201);
        }
    }
}

#[tokio::test]
async fn an_ended_session_is_refused() {
    let gateway = Gateway::start().await;
    let claims = gateway
        .keys
        .person_claims(WorkspaceId::new(), UserId::new(), Role::Owner);
    let token = gateway.keys.sign(&claims);
    let call = || {
        gateway
            .server
            .get("/api/v1/contacts")
            .bearer_auth(&token)
            .send()
    };
    assert_eq!(call().await.unwrap().status(), 201);
    let ended = RevokedSession {
        session_id: claims.sid,
        revoked_at: epoch(),
    };
    gateway.revocations.apply(&RevocationList {
        items: vec![ended],
        as_of: epoch(),
    });
    problem(call().await.unwrap(), 401, "session_revoked").await;
}

#[tokio::test]
async fn a_list_of_revocations_that_is_too_old_is_not_trusted() {
    let gateway = Gateway::start().await;
    let call = || gateway.contacts().send();
    gateway.revocations.apply(&RevocationList {
        items: Vec::new(),
        as_of: epoch(),
    });
    assert_eq!(call().await.unwrap().status(), 201);
    gateway.later(Duration::from_secs(31));
    let stale = call().await.unwrap();
    assert!(stale.headers().contains_key("retry-after"));
    problem(stale, 503, "unavailable").await;
    let login = gateway.server.post("/api/v1/auth/login").send();
    assert_eq!(login.await.unwrap().status(), 201, "this needs no list");
}

#[tokio::test]
async fn a_token_that_was_seen_is_checked_as_strictly_as_a_new_one() {
    for token_cache in [100, 0] {
        let gateway = Setup {
            token_cache,
            ..Setup::default()
        };
        let gateway = gateway.beside(&[]).await;
        let mut claims = gateway
            .keys
            .person_claims(WorkspaceId::new(), UserId::new(), Role::Owner);
        claims.exp = claims.iat + 2;
        let short = gateway.keys.sign(&claims);
        let long = gateway.person();
        let call = |token: &str| {
            let request = gateway.server.get("/api/v1/contacts");
            request.bearer_auth(token).send()
        };
        for _ in 0..2 {
            assert_eq!(call(&short).await.unwrap().status(), 201);
            assert_eq!(call(&long).await.unwrap().status(), 201);
        }
        // A token differs by its last byte, and so does its name in the cache.
        let mut forged = long.clone();
        let last = if forged.pop() == Some('A') { 'Q' } else { 'A' };
        forged.push(last);
        problem(call(&forged).await.unwrap(), 401, "unauthenticated").await;
        let expired = testkit::eventually("the token expires", || async {
            let response = call(&short).await.unwrap();
            (response.status() != 201).then_some(response)
        });
        problem(expired.await, 401, "token_expired").await;
        assert_eq!(call(&long).await.unwrap().status(), 201);
    }
}

#[tokio::test]
async fn a_revocation_that_redis_tells_of_counts_at_once() {
    let gateway = Setup {
        redis: Some(testkit::redis()),
        ..Setup::default()
    };
    let gateway = gateway.beside(&[]).await;
    let claims = gateway
        .keys
        .person_claims(WorkspaceId::new(), UserId::new(), Role::Owner);
    let token = gateway.keys.sign(&claims);
    let call = || {
        let request = gateway.server.get("/api/v1/contacts");
        request.bearer_auth(&token).send()
    };
    assert_eq!(call().await.unwrap().status(), 201);
    let told = serde_json::to_string(&RevokedSession {
        session_id: claims.sid,
        revoked_at: epoch(),
    });
    let told = told.unwrap();
    let within = Duration::from_secs(2);
    testkit::eventually("the gateway listens", || async {
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(common::tokens::REVOKED_CHANNEL).arg(&told);
        let heard: u32 = testkit::redis().run(&publish, within).await.unwrap();
        (heard > 0).then_some(())
    })
    .await;
    let refused = testkit::eventually("the session is refused", || async {
        let response = call().await.unwrap();
        (response.status() != 201).then_some(response)
    });
    problem(refused.await, 401, "session_revoked").await;
}
