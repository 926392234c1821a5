//! Several replicas, some of which fail.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::{Router, response::IntoResponse, routing::any};
use common::{
    ErrorCode, Problem,
    server::{Health, Lifecycle, Unhealthy},
};
use futures::future::join_all;
use testkit::{Server, eventually};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use url::Url;

use crate::{Gateway, Setup, nobody, problem};

/// A replica that counts its requests and answers as it is told.
async fn replica(
    answer: impl Fn() -> axum::response::Response + Clone + Send + Sync + 'static,
) -> (Server, Arc<AtomicU32>) {
    let hits = Arc::new(AtomicU32::new(0));
    let counted = hits.clone();
    let router = Router::new().route(
        "/{*path}",
        any(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            let answer = answer();
            async move { answer }
        }),
    );
    let server = Server::start(router, Router::new(), Lifecycle::default()).await;
    (server, hits)
}

fn unwell() -> axum::response::Response {
    Problem::new(ErrorCode::Unavailable).into_response()
}

async fn get(gateway: &Gateway) -> reqwest::Response {
    gateway.contacts().send().await.unwrap()
}

#[tokio::test]
async fn a_replica_that_says_it_cannot_serve_is_set_aside() {
    let (bad, hits) = replica(unwell).await;
    let gateway = Setup::default()
        .beside(std::slice::from_ref(&bad.public))
        .await;
    for _ in 0..60 {
        assert_eq!(get(&gateway).await.status(), 201);
    }
    let hits = hits.load(Ordering::SeqCst);
    // Five in a row, and perhaps a try or two since.
    assert!(
        (1..=8).contains(&hits),
        "{hits} requests for a replica that is unwell"
    );
}

#[tokio::test]
async fn what_the_only_replica_says_is_what_there_is_to_say() {
    let (bad, hits) = replica(unwell).await;
    let gateway = Setup::default()
        .before(std::slice::from_ref(&bad.public))
        .await;
    for _ in 0..10 {
        problem(get(&gateway).await, 503, "unavailable").await;
    }
    assert_eq!(hits.load(Ordering::SeqCst), 10);
}

/// Reads a whole request each time, and hangs up.
async fn rude() -> (Url, Arc<AtomicU32>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let hits = Arc::new(AtomicU32::new(0));
    let counted = hits.clone();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut text = String::new();
            let mut piece = [0; 4096];
            while !text.ends_with("{}") && !text.ends_with("\r\n\r\n") {
                let read = socket.read(&mut piece).await.unwrap_or(0);
                if read == 0 {
                    break;
                }
                text.push_str(std::str::from_utf8(&piece[..read]).unwrap());
            }
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    (url.parse().unwrap(), hits)
}

#[tokio::test]
async fn only_what_may_be_done_twice_is_sent_twice() {
    let (rude, hits) = rude().await;
    let gateway = Setup::default().beside(std::slice::from_ref(&rude)).await;
    let post = |path: &str, key: Option<&str>| {
        let request = gateway.server.post(path);
        let request = request.bearer_auth(gateway.person());
        let request = match key {
            Some(key) => request.header("idempotency-key", key),
            None => request,
        };
        request
            .header("content-type", "application/json")
            .body("{}")
            .send()
    };
    // With a key each is done, whichever replica it comes to first.
    for turn in 0..6 {
        let key = format!("k{turn}");
        let answer = post("/api/v1/contacts", Some(&key)).await.unwrap();
        assert_eq!(answer.status(), 201);
        assert_eq!(&gateway.last().body[..], b"{}");
    }
    // Without one, or where auth takes none, whoever meets the rude one is told.
    for (path, key) in [
        ("/api/v1/contacts", None),
        ("/api/v1/auth/login", Some("k")),
    ] {
        hits.store(0, Ordering::SeqCst);
        let mut told = 0;
        for _ in 0..12 {
            let answer = post(path, key).await.unwrap();
            if answer.status() != 201 {
                problem(answer, 502, "bad_gateway").await;
                told += 1;
            }
        }
        assert_eq!(told, hits.load(Ordering::SeqCst), "{path}");
    }
}

#[tokio::test]
async fn when_every_replica_is_gone_the_answer_comes_at_once_and_when_one_is_back_it_is_used() {
    let gone = nobody().await;
    let gateway = Setup::default().before(std::slice::from_ref(&gone)).await;
    problem(get(&gateway).await, 503, "unavailable").await;
    let refused = get(&gateway).await;
    assert!(refused.headers().contains_key("retry-after"));
    let told = problem(refused, 503, "unavailable").await;
    let detail = told["detail"].as_str().unwrap();
    assert!(detail.contains("nothing was done"), "{detail}");
    let back = TcpListener::bind(("127.0.0.1", gone.port().unwrap()));
    let back = back.await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = back.accept().await {
            let mut piece = [0; 4096];
            let _ = socket.read(&mut piece).await;
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
            let _ = socket.write_all(answer).await;
        }
    });
    eventually("it is used again", || async {
        (get(&gateway).await.status() == 200).then_some(())
    })
    .await;
}

/// Answers as long as it is not dying; then it takes what comes, and hangs up.
async fn mortal(dying: Arc<AtomicBool>) -> Url {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let dying = dying.clone();
            tokio::spawn(async move {
                let mut piece = [0; 4096];
                while socket.read(&mut piece).await.is_ok_and(|read| read > 0) {
                    if dying.load(Ordering::SeqCst) {
                        return;
                    }
                    // Long enough for each of several at once to need a connection.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    let answer = b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n";
                    let _ = socket.write_all(answer).await;
                }
            });
        }
    });
    url.parse().unwrap()
}

#[tokio::test]
async fn a_replica_that_dies_with_many_connections_costs_no_read() {
    let dying = Arc::new(AtomicBool::new(false));
    let replicas = [mortal(dying.clone()).await, mortal(Arc::default()).await];
    let gateway = Setup::default().before(&replicas).await;
    // Which of the two a request goes to is left to chance.
    for _ in 0..10 {
        dying.store(false, Ordering::SeqCst);
        join_all((0..24).map(|_| get(&gateway))).await;
        dying.store(true, Ordering::SeqCst);
        for answer in join_all((0..4).map(|_| get(&gateway))).await {
            assert_eq!(answer.status(), 201);
        }
    }
}

/// A replica whose internal listener is 100 ports above the public one, as the fleet has it.
async fn replica_with_health(health: Health) -> (Url, Arc<AtomicU32>, Lifecycle) {
    use common::server::{ServerConfig, Service, serve_on};
    let (public, internal) = loop {
        let public = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = public.local_addr().unwrap().port();
        let Some(above) = port.checked_add(100) else {
            continue;
        };
        if let Ok(internal) = TcpListener::bind(("127.0.0.1", above)).await {
            break (public, internal);
        }
    };
    let url = format!("http://{}", public.local_addr().unwrap());
    let hits = Arc::new(AtomicU32::new(0));
    let counted = hits.clone();
    let router = Router::new().route(
        "/{*path}",
        any(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            async { "here" }
        }),
    );
    let service = Service {
        port: 0,
        public: router,
        internal: Router::new(),
        health,
    };
    let config = ServerConfig {
        bind: None,
        internal_bind: None,
        drain_seconds: 1,
        drain_delay_seconds: 0,
    };
    let lifecycle = Lifecycle::default();
    let life = lifecycle.clone();
    tokio::spawn(async move { serve_on(&config, service, life, public, internal).await });
    (url.parse().unwrap(), hits, lifecycle)
}

#[tokio::test]
async fn a_replica_that_is_not_ready_gets_nothing() {
    let broken = Health::new().check("store", || async { Err(Unhealthy("gone".to_owned())) });
    let (unready, hits, life) = replica_with_health(broken).await;
    let (ready, good, other_life) = replica_with_health(Health::new()).await;
    let setup = Setup {
        watch: true,
        ..Setup::default()
    };
    let gateway = setup.before(&[unready, ready]).await;
    eventually("it is known", || async {
        hits.store(0, Ordering::SeqCst);
        for _ in 0..10 {
            assert_eq!(get(&gateway).await.status(), 200);
        }
        (hits.load(Ordering::SeqCst) == 0).then_some(())
    })
    .await;
    assert!(good.load(Ordering::SeqCst) >= 10);
    life.stop();
    other_life.stop();
}

#[tokio::test]
async fn more_than_a_service_can_bear_is_refused_at_once() {
    let pending = Router::new().route("/{*path}", any(std::future::pending::<()>));
    let service = Server::start(pending, Router::new(), Lifecycle::default()).await;
    let gateway = Setup::default()
        .before(std::slice::from_ref(&service.public))
        .await;
    let token = gateway.person();
    let call = || async {
        let request = gateway.server.get("/api/v1/contacts").bearer_auth(&token);
        let answer = request.timeout(Duration::from_secs(4)).send().await.ok()?;
        let wait = answer.headers()["retry-after"].clone();
        problem(answer, 503, "overloaded").await;
        Some(wait)
    };
    let waits = join_all((0..300).map(|_| call())).await;
    // The others wait for a service that does not answer, until the client gives up.
    let waits: Vec<_> = waits.into_iter().flatten().collect();
    assert_eq!(waits, ["1"; 300 - 256]);
    // What is not forwarded is not counted.
    let document = gateway.server.get("/api/v1/openapi.json").send().await;
    assert_eq!(document.unwrap().status(), 200);
}
