//! A service on real sockets.

use axum::Router;
use common::server::{Health, Lifecycle, ServerConfig, Service, serve_on};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::Value;
use stores::redis::{Redis, RedisConfig};
use tokio::net::TcpListener;
use url::Url;

use crate::setting;

/// A running service; it stops with this value.
#[derive(Debug)]
pub struct Server {
    /// Where the public listener is.
    pub public: Url,
    /// Where the internal listener is.
    pub internal: Url,
    /// Its life: background tasks go here.
    pub lifecycle: Lifecycle,
    http: Client,
}

impl Server {
    /// Serves both routers on ephemeral ports, as `serve` does.
    pub async fn start(public: Router, internal: Router, lifecycle: Lifecycle) -> Self {
        Self::with_health(public, internal, Health::new(), lifecycle).await
    }

    /// As [`Server::start`], with readiness checks.
    pub async fn with_health(
        public: Router,
        internal: Router,
        health: Health,
        lifecycle: Lifecycle,
    ) -> Self {
        let bind = || TcpListener::bind(("127.0.0.1", 0));
        let (outer, inner) = (bind().await.unwrap(), bind().await.unwrap());
        let url = |listener: &TcpListener| {
            Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap()
        };
        let (public_url, internal_url) = (url(&outer), url(&inner));
        let config = ServerConfig {
            bind: None,
            internal_bind: None,
            drain_seconds: 1,
            drain_delay_seconds: 0,
        };
        let service = Service {
            port: 0,
            public,
            internal,
            health,
        };
        let life = lifecycle.clone();
        tokio::spawn(async move { serve_on(&config, service, life, outer, inner).await });
        Self {
            public: public_url,
            internal: internal_url,
            lifecycle,
            http: Client::new(),
        }
    }

    /// A request to the public listener; `path` may have a query.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.public.join(path).unwrap())
    }

    /// A `GET` on the public listener.
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    /// A `POST` on the public listener.
    pub fn post(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, path)
    }

    /// A `PATCH` on the public listener.
    pub fn patch(&self, path: &str) -> RequestBuilder {
        self.request(Method::PATCH, path)
    }

    /// A `DELETE` on the public listener.
    pub fn delete(&self, path: &str) -> RequestBuilder {
        self.request(Method::DELETE, path)
    }

    /// What `/readyz` answers.
    pub async fn readiness(&self) -> (StatusCode, Value) {
        let request = self.internal_request(Method::GET, "/readyz");
        let response = request.send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }

    /// A request to the internal listener.
    pub fn internal_request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.internal.join(path).unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.lifecycle.stop();
    }
}

/// The test run's Redis. It is shared: keys must have ids in them.
pub fn redis() -> Redis {
    redis_at(redis_url())
}

/// Where the test run's Redis is, for what dials by itself or through a proxy.
#[must_use]
pub fn redis_url() -> Url {
    Url::parse(&setting("SYNTERA_TEST_REDIS_URL")).expect("a URL")
}

/// The Redis at `url`.
pub fn redis_at(url: Url) -> Redis {
    Redis::connect(&RedisConfig {
        redis_url: String::from(url).into(),
    })
    .unwrap()
}
