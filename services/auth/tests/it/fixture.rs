//! The service on a database of its own, with keys made by its own command and a clock that stands.

use std::{path::Path, sync::Arc, time::Duration};

use auth::{
    MailConfig,
    app::{App, Connections, Parts},
    passwords::Passwords,
};
use bus::{Bus, BusConfig};
use chrono::{DateTime, Utc};
use clock::Clock;
use common::{
    server::Lifecycle,
    tokens::{Claims, ServiceSigner},
};
use http::StatusCode;
use ids::{AgentId, SessionId};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use stores::redis::{Redis, RedisConfig};
use testkit::{Broker, Postgres, Server, eventually};
use tokio_util::sync::CancellationToken;
use vault::{EnvKeys, VaultConfig};

pub(crate) const PASSWORD: &str = "correct horse battery staple";
pub(crate) const SHOP: &str = "https://shop.example";

/// A running service.
pub(crate) struct Auth {
    pub(crate) server: Server,
    pub(crate) database: Postgres,
    pub(crate) app: App,
    pub(crate) clock: Clock,
    folder: tempfile::TempDir,
    /// Ends the sending of letters: what is queued then stays there.
    pub(crate) letters: CancellationToken,
}

/// How a test wants the service to be.
pub(crate) struct Wish {
    pub(crate) public_url: &'static str,
    pub(crate) session_days: i64,
    pub(crate) passwords: Passwords,
    pub(crate) redis: Redis,
    pub(crate) bus: BusConfig,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            public_url: "http://localhost:4000",
            session_days: 30,
            passwords: Passwords::with_room_for(2, 1000).unwrap(),
            redis: testkit::redis(),
            // Nothing is published unless a test runs the relay.
            bus: BusConfig {
                amqp_url: "amqp://127.0.0.1:1/%2f".to_owned().into(),
            },
        }
    }
}

impl Auth {
    pub(crate) async fn start() -> Self {
        Self::wished(Wish::default()).await
    }

    pub(crate) async fn wished(wish: Wish) -> Self {
        let database = Postgres::start(&auth::MIGRATOR, "auth").await;
        Self::on(database, wish).await
    }

    /// The service and the broker to which it publishes what happens.
    pub(crate) async fn publishing() -> (Self, Broker) {
        let broker = Broker::start().await;
        broker
            .bus("test")
            .check()
            .await
            .expect("the queues are declared");
        let auth = Self::wished(Wish {
            bus: broker.config.clone(),
            ..Wish::default()
        })
        .await;
        let lifecycle = &auth.server.lifecycle;
        let relay = auth.app.outbox().clone().relay(lifecycle.stop_token());
        lifecycle.spawn(relay);
        (auth, broker)
    }

    /// The service on a database that is there: a second replica, or one after a restart.
    pub(crate) async fn on(database: Postgres, wish: Wish) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let start = DateTime::parse_from_rfc3339("2026-11-23T10:00:00.5Z")
            .unwrap()
            .to_utc();
        let clock = Clock::manual(start);
        let connections = Connections {
            pool: database.pool.clone(),
            redis: wish.redis.clone(),
            bus: Bus::new("auth", &wish.bus),
        };
        let app = App::new(connections, parts(folder.path(), &clock, &wish)).unwrap();
        auth::signing::load(&app).await.unwrap();
        let letters = CancellationToken::new();
        tokio::spawn(app.letters(letters.clone()));
        let server = Server::start(
            auth::public(app.clone()),
            auth::internal(app.clone()),
            Lifecycle::default(),
        )
        .await;
        Self {
            server,
            database,
            app,
            clock,
            folder,
            letters,
        }
    }

    /// Posts a body and reads the answer.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.server.post(path).json(&body)).await
    }

    /// Gets something with an access token.
    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        Answer::of(self.server.get(path).bearer_auth(token)).await
    }

    /// Posts a body with an access token.
    pub(crate) async fn post_as(&self, token: &str, path: &str, body: Value) -> Answer {
        Answer::of(self.server.post(path).bearer_auth(token).json(&body)).await
    }

    /// Patches something with an access token.
    pub(crate) async fn patch_as(&self, token: &str, path: &str, body: Value) -> Answer {
        let request = self.server.patch(path);
        Answer::of(request.bearer_auth(token).json(&body)).await
    }

    /// Deletes something with an access token.
    pub(crate) async fn delete_as(&self, token: &str, path: &str, body: Value) -> Answer {
        let request = self.server.delete(path);
        Answer::of(request.bearer_auth(token).json(&body)).await
    }

    /// A new account with its own workspace whose address is proven, signed in as a program.
    pub(crate) async fn register(&self, email: &str) -> Tokens {
        let tokens = self.register_unverified(email).await;
        let letter = self.letter_to(email).await;
        let body = json!({ "token": letter.token() });
        self.post("/auth/email/verify", body)
            .await
            .expect(StatusCode::NO_CONTENT);
        tokens
    }

    /// A new account with its own workspace, signed in as a program.
    pub(crate) async fn register_unverified(&self, email: &str) -> Tokens {
        let body = json!({
            "email": email, "password": PASSWORD, "name": "Ada", "workspace_name": "Shop",
        });
        self.post("/auth/register", body)
            .await
            .expect(StatusCode::CREATED);
        self.login(email).await
    }

    /// Signs in as a program.
    pub(crate) async fn login(&self, email: &str) -> Tokens {
        let body = json!({ "email": email, "password": PASSWORD, "return_refresh_token": true });
        Tokens::of(self.post("/auth/login", body).await.expect(StatusCode::OK))
    }

    /// Waits for a letter to `email`, and takes it out of the box.
    pub(crate) async fn letter_to(&self, email: &str) -> Letter {
        eventually("a letter comes", || async { self.take_letter(email) }).await
    }

    /// Takes the oldest letter to `email` out of the box, if there is one.
    pub(crate) fn take_letter(&self, email: &str) -> Option<Letter> {
        let mut files: Vec<_> = std::fs::read_dir(self.mail())
            .unwrap()
            .map(|entry| entry.unwrap())
            .collect();
        files.sort_by_key(|file| file.metadata().unwrap().modified().unwrap());
        for file in files {
            let text = std::fs::read(file.path()).unwrap();
            let mail = mail_parser::MessageParser::default().parse(&text)?;
            let to = mail.to()?.first()?.address()?;
            if to.eq_ignore_ascii_case(email) {
                let letter = Letter {
                    subject: mail.subject()?.to_owned(),
                    text: mail.body_text(0)?.into_owned(),
                };
                std::fs::remove_file(file.path()).unwrap();
                return Some(letter);
            }
        }
        None
    }

    /// Where letters are put.
    pub(crate) fn mail(&self) -> std::path::PathBuf {
        self.folder.path().join("mail")
    }

    /// Where the services' keys are, and the letters.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        self.post("/auth/refresh", json!({ "refresh_token": token }))
            .await
    }

    /// A publishable key for [`SHOP`]; answers it and its id.
    pub(crate) async fn key(&self, token: &str, agent: AgentId) -> (String, String) {
        let body = json!({ "name": "Shop", "agent_id": agent, "allowed_origins": [SHOP] });
        let answer = self.post_as(token, "/auth/keys", body).await;
        let key = answer.expect(StatusCode::CREATED);
        (text(&key, "key"), text(&key, "id"))
    }

    /// Opens a visitor's session as a page of `origin` does.
    pub(crate) async fn visit(&self, body: Value, origin: Option<&str>) -> Answer {
        let mut request = self.server.post("/auth/visitors").json(&body);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        Answer::of(request).await
    }

    /// A service's token for `callee`.
    pub(crate) fn service_token(&self, service: &'static str, callee: &'static str) -> String {
        let file = self.folder.path().join(service).join("key.pem");
        ServiceSigner::read(service, &file, self.clock.clone())
            .unwrap()
            .token_for(callee)
            .unwrap()
    }

    /// What the gateway is told of sessions that ended since then.
    pub(crate) async fn revocations(&self, since: DateTime<Utc>) -> Vec<SessionId> {
        let request = self
            .server
            .internal_request(reqwest::Method::GET, "/internal/revocations")
            .query(&[("since", since.to_rfc3339())])
            .bearer_auth(self.service_token("gateway", "auth"));
        let list = Answer::of(request).await.expect(StatusCode::OK);
        let items = list["items"].as_array().unwrap().iter();
        items
            .map(|item| text(item, "session_id").parse().unwrap())
            .collect()
    }

    /// The claims of an access token, verified by the published keys as another service would.
    pub(crate) async fn claims(&self, token: &str) -> Claims {
        let set = Answer::of(self.server.get("/.well-known/jwks.json"))
            .await
            .expect(StatusCode::OK);
        let set: JwkSet = serde_json::from_value(set).unwrap();
        let header = jsonwebtoken::decode_header(token).unwrap();
        assert_eq!(header.alg, Algorithm::ES256);
        let jwk = set
            .find(&header.kid.expect("a key id"))
            .expect("a published key");
        let mut validation = Validation::new(Algorithm::ES256);
        validation.validate_exp = false;
        validation.validate_aud = false;
        let key = DecodingKey::from_jwk(jwk).unwrap();
        jsonwebtoken::decode(token, &key, &validation)
            .unwrap()
            .claims
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql)
            .fetch_one(&self.database.pool)
            .await
            .unwrap()
    }

    pub(crate) async fn execute(&self, sql: &'static str) {
        sqlx::query(sql).execute(&self.database.pool).await.unwrap();
    }
}

/// What the service is made of, with keys and letters under `folder`.
pub(crate) fn parts(folder: &Path, clock: &Clock, wish: &Wish) -> Parts {
    auth::generate::key_files(folder).unwrap();
    let service_keys = std::fs::read(folder.join("public/services.jwks.json")).unwrap();
    Parts {
        token_issuer: "syntera".to_owned(),
        service_keys: serde_json::from_slice(&service_keys).unwrap(),
        refresh_secret: "a server key for tests that is long enough"
            .to_owned()
            .into(),
        public_url: wish.public_url.parse().unwrap(),
        allow_private_issuers: false,
        session_lifetime: chrono::Duration::days(wish.session_days),
        key_wrapper: Arc::new(EnvKeys::read(&vault_config()).unwrap()),
        mail: MailConfig {
            smtp_url: None,
            mail_dir: Some(folder.join("mail")),
            mail_from: "Syntera <no-reply@syntera.example>".to_owned(),
        },
        passwords: wish.passwords.clone(),
        clock: clock.clone(),
    }
}

/// A Redis that is not there: nothing may depend on it.
pub(crate) fn nobodys_redis() -> Redis {
    let config = RedisConfig {
        redis_url: "redis://127.0.0.1:1/0".to_owned().into(),
    };
    Redis::connect(&config).unwrap()
}

/// The master key of all tests.
pub(crate) fn vault_config() -> VaultConfig {
    VaultConfig {
        vault_keys: format!("test:{}=", "A".repeat(43)).into(),
    }
}

/// A letter as somebody reads it.
#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) subject: String,
    pub(crate) text: String,
}

impl Letter {
    /// What its link carries.
    #[track_caller]
    pub(crate) fn token(&self) -> String {
        let (_, rest) = self
            .text
            .split_once("#token=")
            .unwrap_or_else(|| panic!("no link in {}", self.text));
        rest.split_whitespace().next().unwrap().to_owned()
    }
}

impl Drop for Auth {
    fn drop(&mut self) {
        self.letters.cancel();
    }
}

/// The tokens that a sign-in or a refresh gave.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Tokens {
    pub(crate) fn of(body: Value) -> Self {
        assert_eq!(body["token_type"], "Bearer");
        assert_eq!(body["expires_in"], 600);
        Self {
            access: text(&body, "access_token"),
            refresh: text(&body, "refresh_token"),
        }
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let response: Response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.bytes().await.unwrap();
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).unwrap()
        };
        Self {
            status,
            headers,
            body,
        }
    }

    /// The body of an answer that must have this status.
    #[track_caller]
    pub(crate) fn expect(self, status: StatusCode) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    /// The body of a problem with this code, whose status goes with it.
    #[track_caller]
    pub(crate) fn problem(self, code: &str) -> Value {
        assert_eq!(self.body["code"], code, "{} {}", self.status, self.body);
        assert_eq!(self.body["status"], self.status.as_u16());
        assert_eq!(self.headers["content-type"], "application/problem+json");
        self.body
    }

    /// The cookies that are set, by their names, each with what follows the name.
    pub(crate) fn cookies(&self) -> std::collections::BTreeMap<String, String> {
        let values = self.headers.get_all("set-cookie").iter();
        values
            .map(|value| {
                let (name, rest) = value.to_str().unwrap().split_once('=').unwrap();
                (name.to_owned(), rest.to_owned())
            })
            .collect()
    }

    /// The value of a cookie that is set.
    #[track_caller]
    pub(crate) fn cookie(&self, name: &str) -> String {
        let cookies = self.cookies();
        let cookie = cookies
            .get(name)
            .unwrap_or_else(|| panic!("no cookie {name} in {cookies:?}"));
        cookie.split(';').next().unwrap().to_owned()
    }
}

#[track_caller]
pub(crate) fn text(body: &Value, field: &str) -> String {
    body[field]
        .as_str()
        .unwrap_or_else(|| panic!("no {field} in {body}"))
        .to_owned()
}

/// The pointers of a problem's fields.
pub(crate) fn pointers(problem: &Value) -> Vec<&str> {
    let errors = problem["errors"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    errors
        .iter()
        .filter_map(|error| error["pointer"].as_str())
        .collect()
}
