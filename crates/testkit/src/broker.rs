//! A RabbitMQ virtual host of its own for one test.

use bus::{Bus, BusConfig};
use reqwest::{Client, Method};
use serde_json::json;
use url::Url;

use crate::{clean_up, setting};

/// A virtual host that is deleted with this value.
#[derive(Debug)]
pub struct Broker {
    /// How to reach it.
    pub config: BusConfig,
    api: Url,
    name: String,
}

/// A bus that nobody answers, for tests without events.
#[must_use]
pub fn no_bus(service: &'static str) -> Bus {
    let config = BusConfig {
        amqp_url: "amqp://127.0.0.1:1/%2f".to_owned().into(),
    };
    Bus::new(service, &config)
}

impl Broker {
    /// A virtual host with nothing in it.
    pub async fn start() -> Self {
        let api = Url::parse(&setting("SYNTERA_TEST_AMQP_API_URL")).expect("a URL");
        let name = format!("test-{}", ids::EventId::new());
        let mut broker = Self {
            config: BusConfig {
                amqp_url: String::new().into(),
            },
            api,
            name,
        };
        broker
            .call(
                Method::PUT,
                &format!("/api/vhosts/{}", broker.name),
                json!({}),
            )
            .await;
        let user = broker.api.username().to_owned();
        let all = json!({ "configure": ".*", "write": ".*", "read": ".*" });
        broker
            .call(
                Method::PUT,
                &format!("/api/permissions/{}/{user}", broker.name),
                all,
            )
            .await;
        let mut url = Url::parse(&setting("SYNTERA_TEST_AMQP_URL")).expect("a URL");
        url.set_path(&broker.name);
        broker.config.amqp_url = String::from(url).into();
        broker
    }

    /// A bus on this virtual host.
    #[must_use]
    pub fn bus(&self, name: &'static str) -> Bus {
        Bus::new(name, &self.config)
    }

    /// How many messages lie in a queue, ready or handed out.
    pub async fn depth(&self, queue: &str) -> u64 {
        let path = format!("/api/queues/{}/{queue}", self.name);
        self.call(Method::GET, &path, serde_json::Value::Null).await["messages"]
            .as_u64()
            .unwrap_or_default()
    }

    /// Breaks the connections to this virtual host, as a restart of the broker would. Waits for one: the
    /// management plugin lists a new connection some seconds late.
    pub async fn cut_connections(&self) {
        crate::eventually("a connection to cut", || async {
            (self.cut_listed().await > 0).then_some(())
        })
        .await;
    }

    async fn cut_listed(&self) -> usize {
        let mut cut = 0;
        let list = self
            .call(
                Method::GET,
                &format!("/api/vhosts/{}/connections", self.name),
                json!(null),
            )
            .await;
        for connection in list.as_array().into_iter().flatten() {
            if let Some(name) = connection["name"].as_str() {
                let name: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
                self.call(
                    Method::DELETE,
                    &format!("/api/connections/{}", name.replace('+', "%20")),
                    json!(null),
                )
                .await;
                cut += 1;
            }
        }
        cut
    }

    async fn call(&self, method: Method, path: &str, body: serde_json::Value) -> serde_json::Value {
        call(&self.api, method, path, body).await
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let (api, path) = (self.api.clone(), format!("/api/vhosts/{}", self.name));
        clean_up(async move {
            call(&api, Method::DELETE, &path, serde_json::Value::Null).await;
        });
    }
}

async fn call(api: &Url, method: Method, path: &str, body: serde_json::Value) -> serde_json::Value {
    let mut url = api.clone();
    url.set_path(path);
    let (user, password) = (api.username().to_owned(), api.password().map(str::to_owned));
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let mut request = Client::new()
        .request(method, url)
        .basic_auth(user, password);
    if !body.is_null() {
        request = request.json(&body);
    }
    let response = request
        .send()
        .await
        .expect("RabbitMQ's management API answers");
    assert!(
        response.status().is_success(),
        "{path}: {}",
        response.status()
    );
    response.json().await.unwrap_or_default()
}
