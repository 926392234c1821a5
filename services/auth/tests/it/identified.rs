//! Visitors who prove who they are.

use std::collections::BTreeSet;

use futures::future::join_all;
use http::StatusCode;
use ids::{AgentId, SessionId};
use jsonwebtoken::{EncodingKey, Header, encode};
use reqwest::Method;
use serde_json::{Value, json};

use crate::fixture::{Answer, Auth, SHOP, pointers, text};

/// A shop whose server signs identities.
struct Shop {
    auth: Auth,
    owner: String,
    key: String,
    secret: String,
}

impl Shop {
    async fn open() -> Self {
        Self::of(Auth::start().await, "ada@example.com").await
    }

    /// The shop of a person on this service.
    async fn of(auth: Auth, owner: &str) -> Self {
        let owner = auth.register(owner).await.access;
        let (key, _) = auth.key(&owner, AgentId::new()).await;
        let secret = new_secret(&auth, &owner).await;
        Self {
            auth,
            owner,
            key,
            secret,
        }
    }

    /// What the shop's server signs for a page that a person opens.
    fn sign(&self, claims: &Value) -> String {
        let key = EncodingKey::from_secret(self.secret.as_bytes());
        encode(&Header::default(), claims, &key).unwrap()
    }

    fn identity(&self, person: &str) -> String {
        let end = self.auth.clock.now().timestamp() + 600;
        self.sign(&json!({ "sub": person, "exp": end }))
    }

    /// Opens the widget; `more` goes with the key.
    async fn visit(&self, more: Value) -> Answer {
        let mut body = more;
        body["key"] = json!(self.key);
        self.auth.visit(body, Some(SHOP)).await
    }

    /// A person comes, with a secret or without.
    async fn identified(&self, person: &str, secret: Option<&Value>) -> Value {
        let mut body = json!({ "identity": self.identity(person) });
        if let Some(secret) = secret {
            body["visitor_secret"] = secret.clone();
        }
        self.visit(body).await.expect(StatusCode::OK)
    }

    async fn anonymous(&self) -> Value {
        self.visit(json!({})).await.expect(StatusCode::OK)
    }

    async fn session_of(&self, visitor: &Value) -> SessionId {
        self.auth.claims(&text(visitor, "access_token")).await.sid
    }

    async fn enforce(&self) {
        let patch = json!({ "enforce_identity": true });
        self.auth
            .patch_as(&self.owner, "/auth/workspace", patch)
            .await
            .expect(StatusCode::OK);
    }
}

async fn new_secret(auth: &Auth, owner: &str) -> String {
    let path = "/auth/workspace/identity-secret";
    let answer = auth.post_as(owner, path, Value::Null).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    text(&answer.expect(StatusCode::CREATED), "secret")
}

#[tokio::test]
async fn a_person_is_the_same_visitor_on_every_device() {
    let shop = Shop::open().await;
    let laptop = shop.identified("42", None).await;
    shop.auth.advance(60);
    let phone = shop.identified("42", None).await;
    assert_eq!(phone["visitor_id"], laptop["visitor_id"]);
    assert_ne!(phone["visitor_secret"], laptop["visitor_secret"]);
    assert_eq!(
        shop.session_of(&phone).await,
        shop.session_of(&laptop).await
    );
    let other = shop.identified("43", None).await;
    assert_ne!(other["visitor_id"], laptop["visitor_id"]);
    // Each device goes on by its own secret, and keeps it.
    for device in [&laptop, &phone] {
        let secret = &device["visitor_secret"];
        let renewed = shop.visit(json!({ "visitor_secret": secret })).await;
        let renewed = renewed.expect(StatusCode::OK);
        assert_eq!(renewed["visitor_id"], laptop["visitor_id"]);
        let again = shop.identified("42", Some(secret)).await;
        assert_eq!(&again["visitor_secret"], secret);
        assert_eq!(again["visitor_id"], laptop["visitor_id"]);
    }
    // In another workspace 42 is somebody else.
    let elsewhere = Shop::of(shop.auth, "bob@example.com").await;
    let stranger = elsewhere.identified("42", None).await;
    assert_ne!(stranger["visitor_id"], laptop["visitor_id"]);
}

#[tokio::test]
async fn an_anonymous_visitor_becomes_the_person_and_what_was_known_of_them_ends() {
    let shop = Shop::open().await;
    let anonymous = shop.anonymous().await;
    let start = shop.auth.clock.now();
    let old = &anonymous["visitor_secret"];
    let ada = shop.identified("42", Some(old)).await;
    assert_eq!(ada["visitor_id"], anonymous["visitor_id"]);
    // Whoever had the secret, or a token, before she signed in has nothing any more.
    assert_ne!(&ada["visitor_secret"], old);
    let stale = shop.visit(json!({ "visitor_secret": old })).await;
    stale.problem("invalid_credentials");
    let ended = shop.session_of(&anonymous).await;
    assert_ne!(shop.session_of(&ada).await, ended);
    assert_eq!(shop.auth.revocations(start).await, [ended]);
    // A retry after a lost answer finds her again.
    let again = shop.identified("42", Some(old)).await;
    assert_eq!(again["visitor_id"], ada["visitor_id"]);
}

#[tokio::test]
async fn another_persons_browser_does_not_make_them_one() {
    let shop = Shop::open().await;
    let ada = shop.identified("42", None).await;
    // Bob signs in where Ada was, and then where nobody was known yet.
    let bob = shop.identified("43", Some(&ada["visitor_secret"])).await;
    assert_ne!(bob["visitor_id"], ada["visitor_id"]);
    let anonymous = shop.anonymous().await;
    let back = shop
        .identified("43", Some(&anonymous["visitor_secret"]))
        .await;
    assert_eq!(back["visitor_id"], bob["visitor_id"]);
    // The anonymous visitor stays who they were.
    let secret = &anonymous["visitor_secret"];
    let renewed = shop.visit(json!({ "visitor_secret": secret })).await;
    let renewed = renewed.expect(StatusCode::OK);
    assert_eq!(renewed["visitor_id"], anonymous["visitor_id"]);
}

#[tokio::test]
async fn tabs_that_sign_in_at_once_are_one_visitor() {
    let shop = Shop::open().await;
    for person in ["42", "43"] {
        // Once with an anonymous visitor behind them, once without.
        let secret = match person {
            "42" => Some(shop.anonymous().await["visitor_secret"].clone()),
            _ => None,
        };
        let tabs = (0..8).map(|_| shop.identified(person, secret.as_ref()));
        let tabs = join_all(tabs).await;
        let visitors: BTreeSet<_> = tabs.iter().map(|tab| text(tab, "visitor_id")).collect();
        assert_eq!(visitors.len(), 1, "{visitors:?}");
        let mut sessions = BTreeSet::new();
        for tab in &tabs {
            sessions.insert(shop.session_of(tab).await);
        }
        assert_eq!(sessions.len(), 1, "{sessions:?}");
    }
}

#[tokio::test]
async fn nobody_slips_in_by_the_old_secret_while_somebody_signs_in() {
    let shop = Shop::open().await;
    let anonymous = shop.anonymous().await;
    let old = &anonymous["visitor_secret"];
    let start = shop.auth.clock.now();
    let others = join_all((0..8).map(|_| shop.visit(json!({ "visitor_secret": old }))));
    let (others, ada) = tokio::join!(others, shop.identified("42", Some(old)));
    let hers = shop.session_of(&ada).await;
    let ended = shop.auth.revocations(start).await;
    for other in others {
        if other.status == StatusCode::OK {
            let session = shop.session_of(&other.body).await;
            assert!(session != hers && ended.contains(&session), "it goes on");
        } else {
            other.problem("invalid_credentials");
        }
    }
}

#[tokio::test]
async fn old_devices_are_forgotten() {
    let shop = Shop::open().await;
    let first = shop.identified("42", None).await;
    let mut latest = Value::Null;
    for _ in 0..20 {
        shop.auth.advance(1);
        latest = shop.identified("42", None).await;
    }
    let gone = json!({ "visitor_secret": first["visitor_secret"] });
    shop.visit(gone).await.problem("invalid_credentials");
    let good = json!({ "visitor_secret": latest["visitor_secret"] });
    shop.visit(good).await.expect(StatusCode::OK);
    let count = "SELECT count(*) FROM auth.visitor_secrets";
    assert_eq!(shop.auth.count(count).await, 20);
}

#[tokio::test]
async fn who_must_prove_who_they_are_does_so_each_time() {
    let shop = Shop::open().await;
    let anonymous = shop.anonymous().await;
    let ada = shop.identified("42", None).await;
    shop.enforce().await;
    for body in [
        json!({}),
        json!({ "visitor_secret": anonymous["visitor_secret"] }),
        json!({ "visitor_secret": ada["visitor_secret"] }),
    ] {
        shop.visit(body).await.problem("identity_required");
    }
    let back = shop.identified("42", Some(&ada["visitor_secret"])).await;
    assert_eq!(back["visitor_id"], ada["visitor_id"]);
}

#[tokio::test]
async fn a_proof_that_is_none_says_what_is_wrong_with_it() {
    let shop = Shop::open().await;
    let now = shop.auth.clock.now().timestamp();
    let foreign = EncodingKey::from_secret(b"another");
    let claims = json!({ "sub": "42", "exp": now + 60 });
    for (identity, hint) in [
        ("no token".to_owned(), "must be a JWT"),
        (
            encode(&Header::default(), &claims, &foreign).unwrap(),
            "has a signature",
        ),
        (shop.sign(&json!({ "exp": now + 60 })), "must have `sub`"),
        (shop.sign(&json!({ "sub": "42" })), "must have `exp`"),
        (shop.sign(&json!({ "sub": "42", "exp": now })), "has ended"),
        (
            shop.sign(&json!({ "sub": "42", "exp": now + 90_000 })),
            "may end 24 hours ahead at most",
        ),
    ] {
        let answer = shop.visit(json!({ "identity": identity })).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        let problem = answer.problem("invalid_credentials");
        assert_eq!(pointers(&problem), ["/identity"]);
        let detail = text(&problem["errors"][0], "detail");
        assert!(detail.starts_with(hint), "{detail}");
    }
    assert_eq!(
        shop.auth.count("SELECT count(*) FROM auth.visitors").await,
        0
    );
    let empty = shop.visit(json!({ "identity": "" })).await;
    assert_eq!(pointers(&empty.problem("validation_failed")), ["/identity"]);
}

#[tokio::test]
async fn a_new_secret_replaces_the_old_one() {
    let mut shop = Shop::open().await;
    let signed_before = shop.identity("42");
    let ada = shop.identified("42", None).await;
    shop.secret = new_secret(&shop.auth, &shop.owner).await;
    assert!(shop.secret.starts_with("is_") && shop.secret.len() == 46);
    let refused = shop.visit(json!({ "identity": signed_before })).await;
    refused.problem("invalid_credentials");
    let back = shop.identified("42", None).await;
    assert_eq!(back["visitor_id"], ada["visitor_id"]);
    let log = shop
        .auth
        .get("/auth/audit?action=identity_secret.rotated", &shop.owner)
        .await
        .expect(StatusCode::OK);
    assert_eq!(log["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn without_a_secret_nobody_can_prove_who_they_are() {
    let auth = Auth::start().await;
    let owner = auth.register("ada@example.com").await.access;
    let (key, _) = auth.key(&owner, AgentId::new()).await;
    let shop = Shop {
        auth,
        owner,
        key,
        secret: "guessed".to_owned(),
    };
    let identity = shop.identity("42");
    let problem = shop
        .visit(json!({ "identity": identity }))
        .await
        .problem("invalid_credentials");
    let detail = text(&problem["errors"][0], "detail");
    assert!(detail.contains("no identity secret"), "{detail}");
}

#[tokio::test]
async fn only_who_may_change_the_workspace_makes_its_secret() {
    let auth = Auth::start().await;
    let owner = auth.register("ada@example.com").await;
    let path = "/auth/workspace/identity-secret";
    auth.execute("UPDATE auth.memberships SET role = 'supervisor'")
        .await;
    auth.post_as(&owner.access, path, Value::Null)
        .await
        .problem("forbidden");
    let unverified = auth.register_unverified("bob@example.com").await;
    auth.post_as(&unverified.access, path, Value::Null)
        .await
        .problem("email_not_verified");
    let secrets = "SELECT count(*) FROM auth.workspaces WHERE identity_secret IS NOT NULL";
    assert_eq!(auth.count(secrets).await, 0);
}

#[tokio::test]
async fn services_learn_who_somebody_is_as_it_was_said_last() {
    let shop = Shop::open().await;
    let end = shop.auth.clock.now().timestamp() + 60;
    let tell = async |more: Value| {
        let mut claims = json!({ "sub": "42", "exp": end });
        claims
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let body = json!({ "identity": shop.sign(&claims) });
        shop.visit(body).await.expect(StatusCode::OK)
    };
    let ada = tell(json!({ "email": "ada@shop.example", "name": "Ada" })).await;
    let workspace = shop.auth.claims(&shop.owner).await.wid;
    let ask = async |visitor: &Value, token: &str| {
        let visitor = text(visitor, "visitor_id");
        let path = format!("/internal/workspaces/{workspace}/visitors/{visitor}/identity");
        let request = shop.auth.server.internal_request(Method::GET, &path);
        Answer::of(request.bearer_auth(token)).await
    };
    let service = shop.auth.service_token("crm", "auth");
    assert_eq!(
        ask(&ada, &service).await.expect(StatusCode::OK),
        json!({ "external_id": "42", "email": "ada@shop.example", "name": "Ada" })
    );
    tell(json!({ "name": "Ada Lovelace" })).await;
    assert_eq!(
        ask(&ada, &service).await.expect(StatusCode::OK),
        json!({ "external_id": "42", "email": null, "name": "Ada Lovelace" })
    );
    let anonymous = shop.anonymous().await;
    ask(&anonymous, &service).await.problem("not_found");
    ask(&ada, &shop.owner).await.problem("unauthenticated");
    // The table shows none of it.
    let rows: Vec<String> = sqlx::query_scalar("SELECT v::text FROM auth.visitors v")
        .fetch_all(&shop.auth.database.pool)
        .await
        .unwrap();
    let hexadecimal: String = "Lovelace"
        .bytes()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert!(!rows.concat().contains(&hexadecimal));
}
