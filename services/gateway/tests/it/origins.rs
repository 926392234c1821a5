//! Which pages a request may come from.

use ids::{AgentId, VisitorId, WorkspaceId};
use reqwest::Method;

use crate::{Gateway, PUBLIC, problem};

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
