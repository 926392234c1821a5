//! One line for each request, whatever came of it.

use std::{
    fs,
    io::Write,
    sync::{Arc, Mutex},
};

use gateway::AccessLog;
use serde_json::Value;
use tokio_tungstenite::{connect_async, tungstenite::client::IntoClientRequest};

use crate::Setup;

#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    pub(crate) fn log(&self) -> AccessLog {
        AccessLog::to(clock::Clock::system(), self.clone()).unwrap()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    pub(crate) async fn lines(&self, count: usize) -> Vec<Value> {
        testkit::eventually("the lines are written", || async {
            let lines: Vec<Value> = self
                .text()
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            (lines.len() >= count).then_some(lines)
        })
        .await
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn every_request_is_a_line_and_no_line_tells_a_secret() {
    let kept = Kept::default();
    let setup = Setup {
        log: kept.log(),
        ..Setup::default()
    };
    let gateway = setup.beside(&[]).await;
    fs::write(gateway.web.path().join("widget.js"), "loader").unwrap();
    let token = gateway.person();
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let forwarded = gateway
        .server
        .post("/api/v1/contacts?email=ada@example.com")
        .bearer_auth(&token)
        .header("traceparent", trace)
        .header("x-forwarded-for", "203.0.113.9")
        .body("{\"name\":\"Ada\"}");
    let forwarded = forwarded.send().await.unwrap();
    let request_id = forwarded.headers()["x-request-id"].clone();
    let answered = forwarded.bytes().await.unwrap().len();
    let refused = gateway
        .server
        .get("/api/v1/contacts/secret-id")
        .send()
        .await;
    refused.unwrap().bytes().await.unwrap();
    for path in ["/api/v1/nothing", "/widget.js", "/secret-file"] {
        let answer = gateway.server.get(path).send().await.unwrap();
        answer.bytes().await.unwrap();
    }
    let socket = gateway.server.public.join("/api/v1/ws/chat").unwrap();
    let socket = socket.as_str().replacen("http", "ws", 1);
    let mut request = socket.into_client_request().unwrap();
    let offered = format!("syntera.v1, bearer.{}", gateway.visitor());
    request
        .headers_mut()
        .insert("sec-websocket-protocol", offered.parse().unwrap());
    let socket = connect_async(request).await.unwrap();

    let lines = kept.lines(6).await;
    let seen: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line["route"].as_str().unwrap(),
                line["status"].as_u64().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("/contacts", 201),
        ("/contacts/{id}", 401),
        ("unmatched", 404),
        ("/widget.js", 200),
        ("/{*path}", 404),
        ("/ws/chat", 101),
    ];
    assert_eq!(seen, expected);
    let first = &lines[0];
    assert_eq!(first["trace_id"], trace[3..35]);
    assert_eq!(first["request_id"], request_id.to_str().unwrap());
    assert_eq!(
        (&first["bytes_in"], &first["whole"]),
        (&14.into(), &true.into())
    );
    assert_eq!(first["bytes_out"], answered);
    assert!(first["micros"].as_u64() <= first["total_micros"].as_u64());
    for line in &lines {
        assert_eq!(line["trace_id"].as_str().unwrap().len(), 32, "{line}");
        assert_eq!(
            (&line["tls"], &line["version"]),
            (&false.into(), &"HTTP/1.1".into())
        );
    }
    let text = kept.text();
    for secret in [
        "ada@",
        "secret",
        "203.0.113.9",
        token.split('.').next_back().unwrap(),
    ] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
    drop(socket);
}
