//! Starts servers on ports of their own, around one loaded model.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use clap::Parser;
use clock::Clock;
use common::server::{self, Health, Lifecycle, ServerConfig, Service};
use inference::app::App;
use inference::config::{Cli, Command};
use inference::embedder::Embedder;
use inference::work::{Limits, Work};
use inference::{PORT, install, manifest, router};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The models folder: `SYNTERA_MODELS_DIR` or the default, filled by the real install step where
/// something is missing.
pub(crate) fn models_dir() -> PathBuf {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| {
        let Command::Install(config) = Cli::parse_from(["inference", "install"]).command else {
            unreachable!("the command line says install");
        };
        let dir = config.models.dir().unwrap();
        let pip = install::Pip {
            python: config.python,
        };
        install::install(&dir, manifest::FILES, &pip, &mut |line| println!("{line}")).unwrap();
        dir
    })
    .clone()
}

/// Sizes that fit a test machine.
pub(crate) fn limits() -> Limits {
    let size = |n| NonZeroUsize::new(n).unwrap();
    Limits {
        threads: size(2),
        requests: size(16),
        cached: size(4096),
    }
}

/// The model behind a queue of its own.
pub(crate) fn work(limits: Limits) -> Arc<Work> {
    let dir = models_dir();
    install::verify(&dir, manifest::FILES).unwrap();
    Work::new(Embedder::load(&dir).unwrap(), limits)
}

/// The queue that most tests share: loading takes a moment.
pub(crate) fn shared_work() -> Arc<Work> {
    static WORK: OnceLock<Arc<Work>> = OnceLock::new();
    WORK.get_or_init(|| work(limits())).clone()
}

/// An app without a key and with time to spare.
pub(crate) fn app() -> App {
    App {
        work: shared_work(),
        api_key: None,
        deadline: Duration::from_secs(300),
        clock: Clock::system(),
    }
}

/// A running server; it stops with the test's runtime.
pub(crate) struct Server {
    address: SocketAddr,
    client: reqwest::Client,
    /// Sent with every request where set.
    pub(crate) key: Option<&'static str>,
}

impl Server {
    pub(crate) async fn start(app: App) -> Self {
        let public = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let internal = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = public.local_addr().unwrap();
        let service = Service {
            port: PORT,
            public: router(app),
            internal: axum::Router::new(),
            health: Health::new(),
        };
        let config = ServerConfig {
            bind: None,
            internal_bind: None,
            drain_seconds: 1,
            drain_delay_seconds: 0,
        };
        tokio::spawn(async move {
            server::serve_on(&config, service, Lifecycle::default(), public, internal).await
        });
        Self {
            address,
            client: reqwest::Client::new(),
            key: None,
        }
    }

    pub(crate) fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let request = self
            .client
            .request(method, format!("http://{}{path}", self.address));
        match self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    /// Posts JSON; returns the status and the JSON of the answer.
    pub(crate) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        read(self.request(reqwest::Method::POST, path).json(&body)).await
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        read(self.request(reqwest::Method::GET, path)).await
    }

    /// The vector of one text.
    pub(crate) async fn embed(&self, text: &str) -> Vec<f32> {
        let body = json!({"model": "all-minilm-l6-v2", "input": text});
        let (status, body) = self.post("/v1/embeddings", body).await;
        assert_eq!(status, 200, "{body}");
        floats(&body["data"][0]["embedding"])
    }

    /// The text of a whole answer and the outcome that the server names.
    pub(crate) async fn ask(&self, system: &str, question: &str) -> (String, String) {
        let body = json!({"model": "syntera-extractive", "messages": [
            {"role": "system", "content": system},
            {"role": "user", "content": question},
        ]});
        let (status, body) = self.post("/v1/chat/completions", body).await;
        assert_eq!(status, 200, "{body}");
        let text = body["choices"][0]["message"]["content"]
            .as_str()
            .unwrap()
            .to_owned();
        (
            text,
            body["syntera"]["outcome"].as_str().unwrap().to_owned(),
        )
    }
}

pub(crate) async fn read(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    let value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}"));
    (status, value)
}

pub(crate) fn with_key(mut app: App, key: &str) -> App {
    app.api_key = Some(Arc::new(SecretString::from(key.to_owned())));
    app
}

pub(crate) fn floats(value: &Value) -> Vec<f32> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n.as_f64().unwrap() as f32)
        .collect()
}

pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// A source block as the agent service writes it.
pub(crate) fn block(id: &str, title: &str, text: &str) -> String {
    format!(
        "<source id=\"{id}\" title=\"{}\">{}</source>",
        escape(title),
        escape(text)
    )
}
