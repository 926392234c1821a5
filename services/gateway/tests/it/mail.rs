//! Letters on a machine of one's own.

use std::fs;

use crate::{Gateway, Setup, problem};

const LETTER: &str = "From: Syntera <no-reply@syntera.example>\r\n\
To: ada@example.com\r\n\
Subject: =?utf-8?Q?Verify_<b>your</b>_address?=\r\n\
Date: Mon, 23 Nov 2026 10:00:00 +0000\r\n\
MIME-Version: 1.0\r\n\
Content-Type: multipart/alternative; boundary=x\r\n\
\r\n\
--x\r\n\
Content-Type: text/plain; charset=utf-8\r\n\
\r\n\
Open http://syntera.test/account/verify#token=abc <now>\r\n\
--x\r\n\
Content-Type: text/html; charset=utf-8\r\n\
\r\n\
<p>Open <script>alert(1)</script> it</p>\r\n\
--x--\r\n";

async fn with_letters() -> Gateway {
    let setup = Setup {
        mail: true,
        ..Setup::default()
    };
    setup.beside(&[]).await
}

async fn page(gateway: &Gateway, path: &str) -> (String, String) {
    let answer = gateway.server.get(path).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    let policy = answer.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    (policy, answer.text().await.unwrap())
}

#[tokio::test]
async fn letters_are_listed_and_read() {
    let gateway = with_letters().await;
    let folder = gateway.web.path().join("letters");
    let (_, empty) = page(&gateway, "/mail").await;
    assert!(empty.contains("Nothing yet"), "{empty}");
    fs::write(
        gateway.web.path().join("index.html"),
        "<ul><!-- mail --></ul>",
    )
    .unwrap();
    let (_, start) = page(&gateway, "/").await;
    assert!(start.contains("href=\"/mail\""), "{start}");
    fs::write(folder.join("a-1.eml"), LETTER).unwrap();
    fs::write(folder.join("notes.txt"), "no letter").unwrap();
    let (_, list) = page(&gateway, "/mail").await;
    assert!(list.contains("href=\"/mail/a-1.eml\""), "{list}");
    assert!(
        list.contains("ada@example.com") && !list.contains("notes"),
        "{list}"
    );
    // What a letter says is text, never a part of the page.
    assert!(!list.contains("<b>your"), "{list}");
    let (policy, letter) = page(&gateway, "/mail/a-1.eml").await;
    assert!(policy.contains("script-src 'self' 'nonce-"), "{policy}");
    let link = "<a href=\"http://syntera.test/account/verify#token=abc\">";
    assert!(
        letter.contains(link) && !letter.contains("<now>"),
        "{letter}"
    );
    assert!(
        letter.contains("<iframe") && !letter.contains("alert(1)"),
        "{letter}"
    );
    let (policy, html) = page(&gateway, "/mail/a-1.eml/html").await;
    assert!(
        policy.starts_with("sandbox") && !policy.contains("allow-scripts"),
        "{policy}"
    );
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert!(html.contains("<p>Open"), "{html}");
}

#[tokio::test]
async fn only_letters_and_only_where_they_are_kept() {
    let gateway = with_letters().await;
    fs::write(gateway.web.path().join("letters/notes.txt"), "no letter").unwrap();
    for path in [
        "/mail/notes.txt",
        "/mail/..%2fdemo.json",
        "/mail/b.eml",
        "/mail/b.eml/html",
    ] {
        let answer = gateway.server.get(path).send().await.unwrap();
        problem(answer, 404, "not_found").await;
    }
    let elsewhere = Gateway::start().await;
    problem(
        elsewhere.server.get("/mail").send().await.unwrap(),
        404,
        "not_found",
    )
    .await;
}
