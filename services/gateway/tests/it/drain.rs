//! Rolling restarts under load: nobody's request fails.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::{Router, routing::any};
use clock::Clock;
use common::server::{Health, Lifecycle, Service, serve_on};
use reqwest::{Client, StatusCode};
use testkit::Keys;
use tokio::{net::TcpListener, task::JoinHandle};
use url::Url;

use crate::{Gateway, Setup, server_config};

/// A process of a service: it listens where its predecessor did, and takes a moment for each request.
struct Process {
    lifecycle: Lifecycle,
    task: JoinHandle<anyhow::Result<()>>,
    hits: Arc<AtomicU32>,
}

impl Process {
    async fn start(port: u16) -> Self {
        let hits = Arc::new(AtomicU32::new(0));
        let counted = hits.clone();
        let answer = any(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            async {
                tokio::time::sleep(Duration::from_millis(2)).await;
                StatusCode::CREATED
            }
        });
        let router = Router::new().route("/{*path}", answer);
        let service = Service {
            port: 0,
            public: router,
            internal: Router::new(),
            health: Health::new(),
        };
        let config = server_config();
        let (public, internal) = (listener(port).await, listener(0).await);
        let lifecycle = Lifecycle::default();
        let life = lifecycle.clone();
        let task =
            tokio::spawn(async move { serve_on(&config, service, life, public, internal).await });
        Self {
            lifecycle,
            task,
            hits,
        }
    }

    async fn stop(self) {
        self.lifecycle.stop();
        self.task.await.unwrap().unwrap();
    }
}

async fn listener(port: u16) -> TcpListener {
    // As long as the predecessor's last connections stand, the port counts as in use for some systems.
    testkit::eventually("the port is free", || async {
        TcpListener::bind(("127.0.0.1", port)).await.ok()
    })
    .await
}

async fn free_ports() -> [u16; 2] {
    let (one, other) = (listener(0).await, listener(0).await);
    [one, other].map(|it| it.local_addr().unwrap().port())
}

/// Clients that ask one gateway, and the other one when nobody listens there.
struct Load {
    done: Arc<AtomicBool>,
    answered: Arc<AtomicU32>,
    clients: Vec<JoinHandle<Vec<String>>>,
}

impl Load {
    fn start(gateways: &[Url], token: &str) -> Self {
        let (done, answered) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU32::new(0)),
        );
        let clients = (0..8).map(|turn: usize| {
            let urls: Vec<_> = gateways
                .iter()
                .map(|url| url.join("/api/v1/contacts").unwrap())
                .collect();
            let (done, answered) = (done.clone(), answered.clone());
            let token = token.to_owned();
            tokio::spawn(async move {
                let http = Client::builder().no_proxy().build().unwrap();
                let mut failures = Vec::new();
                let mut turn = turn;
                while !done.load(Ordering::SeqCst) {
                    turn += 1;
                    // A write without a key is what nobody may repeat.
                    let send = |url: &Url| {
                        let request = http.post(url.clone()).bearer_auth(&token);
                        request.body("{}").send()
                    };
                    let mut answer = send(&urls[turn % urls.len()]).await;
                    if answer.as_ref().is_err_and(reqwest::Error::is_connect) {
                        answer = send(&urls[(turn + 1) % urls.len()]).await;
                    }
                    match answer {
                        Ok(answer) if answer.status() == StatusCode::CREATED => {
                            answered.fetch_add(1, Ordering::SeqCst);
                        }
                        Ok(answer) => failures.push(format!("{}", answer.status())),
                        Err(error) => failures.push(format!("{error:?}")),
                    }
                }
                failures
            })
        });
        Self {
            clients: clients.collect(),
            done,
            answered,
        }
    }

    /// Waits until so many more were answered.
    async fn more(&self, count: u32) {
        let target = self.answered.load(Ordering::SeqCst) + count;
        testkit::eventually("the load goes on", || async {
            (self.answered.load(Ordering::SeqCst) >= target).then_some(())
        })
        .await;
    }

    async fn end(self) {
        self.done.store(true, Ordering::SeqCst);
        for client in self.clients {
            let failures = client.await.unwrap();
            assert!(failures.is_empty(), "{failures:?}");
        }
        assert!(self.answered.load(Ordering::SeqCst) > 500);
    }
}

fn url(port: u16) -> Url {
    format!("http://127.0.0.1:{port}").parse().unwrap()
}

async fn gateway(keys: &Keys, port: u16, replicas: &[Url]) -> Gateway {
    let setup = Setup {
        keys: keys.clone(),
        listener: Some(listener(port).await),
        ..Setup::default()
    };
    setup.before(replicas).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_of_a_service_are_restarted_and_no_request_fails() {
    let ports = free_ports().await;
    let mut running = [
        Process::start(ports[0]).await,
        Process::start(ports[1]).await,
    ];
    let gateway = Setup::default().before(&ports.map(url)).await;
    let load = Load::start(
        std::slice::from_ref(&gateway.server.public),
        &gateway.person(),
    );
    load.more(100).await;
    for round in 0..6 {
        let place = round % 2;
        running[place].lifecycle.stop();
        (&mut running[place].task).await.unwrap().unwrap();
        running[place] = Process::start(ports[place]).await;
        // As whoever rolls out waits: until the new one takes its part.
        testkit::eventually("the new one is used", || async {
            (running[place].hits.load(Ordering::SeqCst) > 10).then_some(())
        })
        .await;
    }
    load.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_are_restarted_and_no_request_fails() {
    let service = free_ports().await[0];
    let process = Process::start(service).await;
    let keys = Keys::new(Clock::system());
    let ports = free_ports().await;
    let mut running = [
        gateway(&keys, ports[0], &[url(service)]).await,
        gateway(&keys, ports[1], &[url(service)]).await,
    ];
    let load = Load::start(&ports.map(url), &running[0].person());
    load.more(100).await;
    for round in 0..6 {
        let place = round % 2;
        running[place].server.lifecycle.stop();
        (&mut running[place].server.task).await.unwrap().unwrap();
        running[place] = gateway(&keys, ports[place], &[url(service)]).await;
        load.more(100).await;
    }
    load.end().await;
    process.stop().await;
}
