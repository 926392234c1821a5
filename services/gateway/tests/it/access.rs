//! Who passes and who does not.

use std::time::Duration;

use clock::Clock;
use common::tokens::{RevocationList, RevokedSession, Role};
use gateway::routes::{Access, Carriage, ROUTES};
use ids::{AgentId, UserId, VisitorId, WorkspaceId};
use reqwest::Method;
use testkit::Keys;

use crate::{Gateway, PUBLIC, Setup, epoch, problem};

/// The path with an id in place of each parameter.
fn concrete(path: &str) -> String {
    let id = AgentId::new().to_string();
    let parts = path.split('/').map(|part| {
        let parameter = part.starts_with('{');
        if parameter { &*id } else { part }
    });
    format!("/api/v1{}", parts.collect::<Vec<_>>().join("/"))
}

#[tokio::test]
async fn every_route_that_is_not_public_refuses_every_bad_token() {
    let gateway = Gateway::start().await;
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
    let bad = [
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
    ];
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
async fn a_write_by_cookie_must_come_from_our_own_pages() {
    let gateway = Gateway::start().await;
    let cookie = format!("syntera_access={}", gateway.person());
    let call = |method: Method, headers: &[(&str, &str)]| {
        let mut request = gateway
            .server
            .request(method, "/api/v1/contacts")
            .header("cookie", &cookie);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send()
    };
    // Reading is safe; writing needs proof.
    assert_eq!(call(Method::GET, &[]).await.unwrap().status(), 201);
    problem(
        call(Method::POST, &[]).await.unwrap(),
        403,
        "origin_not_allowed",
    )
    .await;
    let elsewhere = [("origin", "https://evil.example")];
    problem(
        call(Method::POST, &elsewhere).await.unwrap(),
        403,
        "origin_not_allowed",
    )
    .await;
    problem(
        call(Method::POST, &[("sec-fetch-site", "cross-site")])
            .await
            .unwrap(),
        403,
        "origin_not_allowed",
    )
    .await;
    assert_eq!(
        call(Method::POST, &[("origin", PUBLIC)])
            .await
            .unwrap()
            .status(),
        201
    );
    assert_eq!(
        call(Method::POST, &[("sec-fetch-site", "same-origin")])
            .await
            .unwrap()
            .status(),
        201
    );
    // The service gets the token as a header, and no cookie.
    let seen = gateway.last();
    assert!(
        seen.headers["authorization"]
            .to_str()
            .unwrap()
            .starts_with("Bearer ")
    );
    assert!(!seen.headers.contains_key("cookie"));
}

#[tokio::test]
async fn signing_in_from_another_sites_page_is_refused() {
    let gateway = Gateway::start().await;
    for path in [
        "/api/v1/auth/login",
        "/api/v1/auth/register",
        "/api/v1/auth/refresh",
    ] {
        let foreign = gateway
            .server
            .post(path)
            .header("origin", "https://evil.example")
            .send();
        problem(foreign.await.unwrap(), 403, "origin_not_allowed").await;
        assert_eq!(
            gateway.server.post(path).send().await.unwrap().status(),
            201
        );
    }
}

#[tokio::test]
async fn a_refresh_cookie_alone_must_come_from_our_own_pages() {
    let gateway = Gateway::start().await;
    for path in ["/api/v1/auth/refresh", "/api/v1/auth/logout"] {
        // The access cookie lives for ten minutes, this one for a month.
        let call = |headers: &[(&str, &str)]| {
            let mut request = gateway.server.post(path);
            request = request.header("cookie", "theme=dark; syntera_refresh=rt_x");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            request.send()
        };
        for foreign in [
            &[][..],
            &[("origin", "https://evil.example")],
            &[("sec-fetch-site", "cross-site")],
        ] {
            let refused = call(foreign).await.unwrap();
            problem(refused, 403, "origin_not_allowed").await;
        }
        assert!(gateway.nothing_passed());
        for own in [("origin", PUBLIC), ("sec-fetch-site", "same-origin")] {
            assert_eq!(call(&[own]).await.unwrap().status(), 201);
        }
        gateway.seen.lock().unwrap().clear();
    }
}

#[tokio::test]
async fn a_visitors_token_works_only_on_its_own_site() {
    let gateway = Gateway::start().await;
    let mut claims =
        gateway
            .keys
            .visitor_claims(WorkspaceId::new(), VisitorId::new(), AgentId::new());
    claims.origin = Some("https://shop.example".to_owned());
    let token = gateway.keys.sign(&claims);
    let path = format!("/api/v1/messages/{}", AgentId::new());
    let call = |origin: &str| {
        gateway
            .server
            .get(&path)
            .bearer_auth(&token)
            .header("origin", origin)
            .send()
    };
    assert_eq!(call("https://shop.example").await.unwrap().status(), 201);
    problem(
        call("https://evil.example").await.unwrap(),
        403,
        "origin_not_allowed",
    )
    .await;
}

#[tokio::test]
async fn only_the_widgets_routes_speak_to_other_sites() {
    let gateway = Gateway::start().await;
    let preflight = |path: &str| {
        gateway
            .server
            .request(Method::OPTIONS, path)
            .header("origin", "https://shop.example")
            .header("access-control-request-method", "POST")
            .send()
    };
    let widget = preflight("/api/v1/auth/visitors").await.unwrap();
    assert_eq!(widget.status(), 204);
    assert_eq!(
        widget.headers()["access-control-allow-origin"],
        "https://shop.example"
    );
    assert!(
        !widget
            .headers()
            .contains_key("access-control-allow-credentials")
    );
    let other = preflight("/api/v1/contacts").await.unwrap();
    assert!(!other.headers().contains_key("access-control-allow-origin"));
    problem(other, 405, "method_not_allowed").await;
    // Errors can be read by the page, too.
    let wrong = gateway
        .server
        .request(Method::DELETE, "/api/v1/auth/visitors")
        .header("origin", "https://shop.example");
    let wrong = wrong.send().await.unwrap();
    assert_eq!(
        wrong.headers()["access-control-allow-origin"],
        "https://shop.example"
    );
    problem(wrong, 405, "method_not_allowed").await;
    let refused = gateway
        .server
        .post(&format!("/api/v1/agents/{}/start", AgentId::new()));
    let refused = refused
        .header("origin", "https://shop.example")
        .send()
        .await
        .unwrap();
    assert_eq!(
        refused.headers()["access-control-allow-origin"],
        "https://shop.example"
    );
    problem(refused, 401, "unauthenticated").await;
}

#[tokio::test]
async fn a_list_of_revocations_that_is_too_old_is_not_trusted() {
    let gateway = Gateway::start().await;
    let call = || {
        gateway
            .server
            .get("/api/v1/contacts")
            .bearer_auth(gateway.person())
            .send()
    };
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
