//! The web files.

use std::fs;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{Gateway, problem};

#[tokio::test]
async fn files_are_served_with_what_browsers_need_to_know() {
    let gateway = Gateway::start().await;
    let web = gateway.web.path();
    fs::create_dir_all(web.join("widget")).unwrap();
    fs::create_dir_all(web.join("errors")).unwrap();
    fs::write(web.join("index.html"), "<h1>start</h1>").unwrap();
    fs::write(web.join("widget.js"), "loader").unwrap();
    fs::write(web.join("widget/panel.ABCD.js"), "panel").unwrap();
    fs::write(web.join("errors/not_found.html"), "<h1>nothing</h1>").unwrap();

    let start = gateway.server.get("/").send().await.unwrap();
    assert_eq!(start.status(), 200);
    assert_eq!(start.headers()["content-type"], "text/html; charset=utf-8");
    assert!(
        start.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .starts_with("default-src 'self'")
    );
    assert!(!start.headers().contains_key("access-control-allow-origin"));
    for (name, value) in [
        ("cache-control", "no-store"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("referrer-policy", "strict-origin-when-cross-origin"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(start.headers()[name], value, "{name}");
    }
    assert!(start.headers().contains_key("permissions-policy"));
    assert!(!start.headers().contains_key("strict-transport-security"));
    assert_eq!(start.text().await.unwrap(), "<h1>start</h1>");

    let loader = gateway.server.get("/widget.js").send().await.unwrap();
    assert_eq!(loader.headers()["access-control-allow-origin"], "*");
    assert_eq!(loader.headers()["cache-control"], "public, max-age=300");
    assert_eq!(
        loader.headers()["cross-origin-resource-policy"],
        "cross-origin"
    );
    let panel = gateway
        .server
        .get("/widget/panel.ABCD.js")
        .send()
        .await
        .unwrap();
    assert!(
        panel.headers()["cache-control"]
            .to_str()
            .unwrap()
            .contains("immutable")
    );

    assert_eq!(
        gateway
            .server
            .get("/errors/not_found")
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    for nothing in ["/errors/made_up", "/nothing"] {
        problem(
            gateway.server.get(nothing).send().await.unwrap(),
            404,
            "not_found",
        )
        .await;
    }
}

#[tokio::test]
async fn nothing_beside_the_files_can_be_had() {
    let gateway = Gateway::start().await;
    let web = gateway.web.path();
    fs::create_dir_all(web.join("widget")).unwrap();
    let beside = web.with_extension("secret");
    fs::write(&beside, "not for everybody").unwrap();
    let name = beside.file_name().unwrap().to_str().unwrap().to_owned();
    for path in [
        format!("/../{name}"),
        format!("/widget/../../{name}"),
        format!("/%2e%2e/{name}"),
        format!("/widget/%2e%2e/%2e%2e/{name}"),
        format!("/..%2f{name}"),
        format!("/errors/..%2f..%2f{name}"),
        // No text, and no code of an error.
        "/errors/%ff".to_owned(),
        "/%ff".to_owned(),
    ] {
        let answer = raw(&gateway, &path).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
        assert!(
            answer.contains("application/problem+json"),
            "{path}: {answer}"
        );
    }
    fs::remove_file(beside).unwrap();
}

/// The answer to a path as it is written here. Clients take `..` out of it before they ask.
async fn raw(gateway: &Gateway, path: &str) -> String {
    let address = gateway.server.public.socket_addrs(|| None).unwrap()[0];
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn what_is_no_file_is_a_problem() {
    let gateway = Gateway::start().await;
    fs::write(gateway.web.path().join("widget.js"), "loader").unwrap();
    let ask = || gateway.server.get("/widget.js");
    let part = ask().header("range", "bytes=100-200").send().await.unwrap();
    assert_eq!(part.status(), 200);
    assert_eq!(part.text().await.unwrap(), "loader");
    let changed = ask().header("if-unmodified-since", "Thu, 01 Jan 1970 00:00:00 GMT");
    problem(changed.send().await.unwrap(), 412, "precondition_failed").await;
}

#[tokio::test]
async fn the_demo_is_told_of_once_it_is_there() {
    let gateway = Gateway::start().await;
    let ask = || gateway.server.get("/demo/config.json");
    problem(ask().send().await.unwrap(), 404, "not_found").await;
    fs::write(gateway.web.path().join("demo.json"), r#"{"key":"pk_x"}"#).unwrap();
    let answer = ask().send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    let changed = answer.headers()["last-modified"].clone();
    assert_eq!(answer.text().await.unwrap(), r#"{"key":"pk_x"}"#);
    let again = ask()
        .header("if-modified-since", changed)
        .send()
        .await
        .unwrap();
    assert_eq!(again.status(), 304, "a browser asks whether it changed");
}

#[tokio::test]
async fn the_document_of_the_whole_api_is_served() {
    let gateway = Gateway::start().await;
    let document: serde_json::Value = gateway
        .server
        .get("/api/v1/openapi.json")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["servers"][0]["url"], "/api/v1");
}

#[tokio::test]
async fn each_answer_of_a_page_has_its_own_nonce() {
    let gateway = Gateway::start().await;
    let page = "<link rel=\"stylesheet\" href=\"/a.css\"><script src=\"/a.js\"></script>";
    fs::write(gateway.web.path().join("index.html"), page).unwrap();
    // Packed already, it could have none.
    fs::write(gateway.web.path().join("index.html.gz"), "packed").unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let ask = gateway.server.get("/").header("accept-encoding", "gzip");
        let ask = ask.header("if-modified-since", "Fri, 01 Jan 2100 00:00:00 GMT");
        let answer = ask.send().await.unwrap();
        let policy = answer.headers()["content-security-policy"].clone();
        let policy = policy.to_str().unwrap();
        let (_, nonce) = policy.split_once("'nonce-").unwrap();
        let nonce = nonce.split_once('\'').unwrap().0.to_owned();
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        let text = answer.text().await.unwrap();
        assert!(
            text.contains(&format!("<script nonce=\"{nonce}\" src")),
            "{text}"
        );
        assert!(
            text.contains(&format!("<link nonce=\"{nonce}\" rel")),
            "{text}"
        );
        seen.insert(nonce);
    }
    assert_eq!(seen.len(), 3);
}

#[tokio::test]
async fn account_pages_are_kept_nowhere_and_name_nobody() {
    let gateway = Gateway::start().await;
    let folder = gateway.web.path().join("account");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("sign-in.html"), "<h1>sign in</h1>").unwrap();
    let answer = gateway.server.get("/account/sign-in?return_to=/x");
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
    assert_eq!(answer.text().await.unwrap(), "<h1>sign in</h1>");
    for nothing in [
        "/account/nothing",
        "/account/sign-in.html",
        "/account/sign-in/x",
        "/account/..%2findex",
    ] {
        let answer = gateway.server.get(nothing).send().await.unwrap();
        problem(answer, 404, "not_found").await;
    }
}

#[tokio::test]
async fn the_reference_is_a_page_of_the_api() {
    let gateway = Gateway::start().await;
    fs::write(
        gateway.web.path().join("reference.html"),
        "<h1>reference</h1>",
    )
    .unwrap();
    let answer = gateway.server.get("/api/v1/docs").send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(answer.text().await.unwrap(), "<h1>reference</h1>");
}
