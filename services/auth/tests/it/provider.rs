//! A small OpenID Connect provider on a real socket: discovery, keys, authorization, tokens. It checks
//! what a strict one checks, and lies when a test wants it to.

use std::sync::{Arc, Mutex, MutexGuard};

use auth_api::Issuer;
use aws_lc_rs::{
    digest::{SHA256, digest},
    encoding::AsDer,
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use axum::{
    Form, Json, Router,
    extract::{Query, State},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use clock::Clock;
use http::{HeaderMap, StatusCode};
use jsonwebtoken::{
    Algorithm, EncodingKey, Header,
    jwk::{Jwk, JwkSet},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};
use url::Url;

pub(crate) const CLIENT_ID: &str = "syntera & sons";
pub(crate) const CLIENT_SECRET: &str = "s3cret: of the client";

/// A running provider.
pub(crate) struct Provider {
    /// Its issuer identifier.
    pub(crate) url: String,
    inner: Arc<Inner>,
    task: JoinHandle<()>,
}

struct Inner {
    url: String,
    clock: Clock,
    state: Mutex<ProviderState>,
}

/// What a test may change.
pub(crate) struct ProviderState {
    /// Who signs in next: the claims about them.
    pub(crate) person: Value,
    /// Claims that are put over those that would be right; null takes one out.
    pub(crate) lies: Value,
    /// What signs.
    pub(crate) key: Key,
    /// What is published.
    pub(crate) published: Vec<Key>,
    /// What `issuer` of the discovery says, if it is not the truth.
    pub(crate) calls_itself: Option<String>,
    codes: Vec<Code>,
}

/// A signing key.
#[derive(Clone)]
pub(crate) struct Key {
    id: String,
    algorithm: Algorithm,
    key: EncodingKey,
}

struct Code {
    code: String,
    authorized: Authorize,
    person: Value,
}

#[derive(Clone, Deserialize)]
struct Authorize {
    response_type: String,
    client_id: String,
    redirect_uri: String,
    scope: String,
    state: String,
    nonce: String,
    code_challenge: String,
    code_challenge_method: String,
}

#[derive(Deserialize)]
struct TokenRequest {
    grant_type: String,
    code: String,
    redirect_uri: String,
    code_verifier: String,
}

impl Key {
    /// A key for ES256.
    pub(crate) fn es256(id: &str) -> Self {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
        let pem = pem(key.unwrap().as_ref());
        let key = EncodingKey::from_ec_pem(pem.as_bytes()).unwrap();
        Self::new(id, Algorithm::ES256, key)
    }

    /// A key for RS256.
    pub(crate) fn rs256(id: &str) -> Self {
        let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let pem = pem(key.as_der().unwrap().as_ref());
        let key = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
        Self::new(id, Algorithm::RS256, key)
    }

    /// The client's secret, which a client could sign with, too.
    pub(crate) fn hs256() -> Self {
        let key = EncodingKey::from_secret(CLIENT_SECRET.as_bytes());
        Self::new("hs", Algorithm::HS256, key)
    }

    fn new(id: &str, algorithm: Algorithm, key: EncodingKey) -> Self {
        let id = id.to_owned();
        Self { id, algorithm, key }
    }

    fn jwk(&self) -> Jwk {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        jwk.common.key_id = Some(self.id.clone());
        jwk
    }
}

fn pem(pkcs8: &[u8]) -> String {
    let body = STANDARD.encode(pkcs8);
    format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n")
}

impl Provider {
    /// A provider that signs by ES256.
    pub(crate) async fn start(clock: &Clock) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/realm", listener.local_addr().unwrap());
        let key = Key::es256("first");
        let state = ProviderState {
            person: json!({}),
            lies: json!({}),
            published: vec![key.clone()],
            key,
            calls_itself: None,
            codes: Vec::new(),
        };
        let inner = Arc::new(Inner {
            url: url.clone(),
            clock: clock.clone(),
            state: Mutex::new(state),
        });
        let app = Router::new()
            .route("/realm/.well-known/openid-configuration", get(discovery))
            .route("/realm/keys", get(keys))
            .route("/realm/authorize", get(authorize))
            .route("/realm/token", post(token))
            .with_state(inner.clone());
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, inner, task }
    }

    /// What a test may change.
    pub(crate) fn state(&self) -> MutexGuard<'_, ProviderState> {
        self.inner.state.lock().unwrap()
    }

    /// Who signs in next, with a verified address.
    pub(crate) fn person(&self, subject: &str, email: &str) {
        self.state().person = json!({ "sub": subject, "email": email, "email_verified": true, "name": "Ada Lovelace" });
    }

    /// Nobody answers any more.
    pub(crate) async fn stop(&mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }

    /// What a workspace enters to use it.
    pub(crate) fn entry(&self) -> Value {
        json!({
            "name": "Example Login", "issuer": self.url, "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET, "email_domains": ["example.com"], "auto_join_role": "agent",
        })
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The path on our own service that a provider sends people back to.
pub(crate) fn way_back(issuer: &Issuer) -> String {
    let url: Url = issuer.redirect_uri.parse().unwrap();
    url.path().strip_prefix("/api/v1").unwrap().to_owned()
}

async fn discovery(State(inner): State<Arc<Inner>>) -> Json<Value> {
    let url = &inner.url;
    let state = inner.state.lock().unwrap();
    Json(json!({
        "issuer": state.calls_itself.as_ref().unwrap_or(url),
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "jwks_uri": format!("{url}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256", "RS256", "HS256", "none"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
    }))
}

async fn keys(State(inner): State<Arc<Inner>>) -> Json<JwkSet> {
    let state = inner.state.lock().unwrap();
    let keys = state.published.iter().map(Key::jwk).collect();
    Json(JwkSet { keys })
}

/// Signs the person in at once, and sends the browser back.
async fn authorize(State(inner): State<Arc<Inner>>, Query(request): Query<Authorize>) -> Redirect {
    assert_eq!(request.response_type, "code");
    assert_eq!(request.client_id, CLIENT_ID);
    assert_eq!(request.code_challenge_method, "S256");
    assert!(request.scope.split(' ').any(|scope| scope == "openid"));
    let mut state = inner.state.lock().unwrap();
    let code = format!("code {}", state.codes.len());
    let mut back: Url = request.redirect_uri.parse().unwrap();
    back.query_pairs_mut()
        .append_pair("code", &code)
        .append_pair("state", &request.state)
        .append_pair("session_state", "what providers add");
    let person = state.person.clone();
    state.codes.push(Code {
        code,
        authorized: request,
        person,
    });
    Redirect::to(back.as_str())
}

async fn token(
    State(inner): State<Arc<Inner>>,
    headers: HeaderMap,
    Form(request): Form<TokenRequest>,
) -> Response {
    let refused =
        |error: &str| (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response();
    if !is_client(&headers) {
        return refused("invalid_client");
    }
    let mut state = inner.state.lock().unwrap();
    let place = state
        .codes
        .iter()
        .position(|code| code.code == request.code);
    let Some(place) = place else {
        return refused("invalid_grant");
    };
    let code = state.codes.swap_remove(place);
    let challenge = digest(&SHA256, request.code_verifier.as_bytes());
    let good = request.grant_type == "authorization_code"
        && request.redirect_uri == code.authorized.redirect_uri
        && URL_SAFE_NO_PAD.encode(challenge) == code.authorized.code_challenge;
    if !good {
        return refused("invalid_grant");
    }
    let now = inner.clock.now().timestamp();
    let mut claims = json!({
        "iss": inner.url, "aud": CLIENT_ID, "iat": now, "exp": now + 300,
        "nonce": code.authorized.nonce,
    });
    put(&mut claims, &code.person);
    put(&mut claims, &state.lies);
    Json(json!({
        "access_token": "opaque", "token_type": "Bearer", "expires_in": 300,
        "id_token": sign(&state.key, &claims),
    }))
    .into_response()
}

fn put(claims: &mut Value, over: &Value) {
    let claims = claims.as_object_mut().unwrap();
    for (name, value) in over.as_object().unwrap() {
        if value.is_null() {
            claims.remove(name);
        } else {
            claims.insert(name.clone(), value.clone());
        }
    }
}

fn sign(key: &Key, claims: &Value) -> String {
    let header = Header {
        kid: Some(key.id.clone()),
        ..Header::new(key.algorithm)
    };
    jsonwebtoken::encode(&header, claims, &key.key).unwrap()
}

/// The client's name and secret, as RFC 6749 §2.3.1 writes them.
fn is_client(headers: &HeaderMap) -> bool {
    let encode =
        |text: &str| -> String { url::form_urlencoded::byte_serialize(text.as_bytes()).collect() };
    let expected = format!("{}:{}", encode(CLIENT_ID), encode(CLIENT_SECRET));
    headers["authorization"] == format!("Basic {}", STANDARD.encode(expected))
}
