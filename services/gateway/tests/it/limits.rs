//! Who asks too often, on one gateway and on several, with Redis and without.

use std::time::{Duration, Instant};

use gateway::limits::{LimitsConfig, Quota};
use reqwest::StatusCode;
use testkit::Proxy;

use crate::{
    Gateway, Setup, problem,
    support::{Edge, limits},
};

/// An address that no other test comes from: Redis is shared.
fn stranger() -> String {
    let [a, b, c, d]: [u16; 4] = rand::random();
    format!("2001:db8:{a:x}:{b:x}::{c:x}:{d:x}")
}

fn sensitive(quota: Quota) -> LimitsConfig {
    LimitsConfig {
        limit_sensitive: quota,
        ..limits()
    }
}

async fn sign_in(edge: &Edge, from: &str) -> reqwest::Response {
    let request = edge.post("/api/v1/auth/login");
    request
        .header("x-forwarded-for", from)
        .send()
        .await
        .unwrap()
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let gateway = Setup {
        limits: sensitive(Quota::new(3, 60)),
        ..Setup::default()
    };
    let gateway = gateway.beside(&[]).await;
    let (one, other) = (stranger(), stranger());
    for left in [2, 1, 0] {
        let answer = sign_in(&gateway.server, &one).await;
        assert_eq!(answer.status(), 201);
        let header = |name| answer.headers()[name].to_str().unwrap();
        assert_eq!(header("ratelimit-policy"), "\"sensitive\";q=3;w=60");
        let standing = header("ratelimit");
        assert!(
            standing.starts_with(&format!("\"sensitive\";r={left};t=")),
            "{standing}"
        );
    }
    let refused = sign_in(&gateway.server, &one).await;
    let wait: u64 = refused.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    assert!(refused.headers().contains_key("ratelimit-policy"));
    problem(refused, 429, "rate_limited").await;
    assert_eq!(
        gateway.seen.lock().unwrap().len(),
        3,
        "the service is spared"
    );
    assert_eq!(sign_in(&gateway.server, &other).await.status(), 201);
}

#[tokio::test]
async fn people_and_their_workspace_have_limits() {
    let gateway = Setup {
        limits: LimitsConfig {
            limit_user: Quota::new(2, 60),
            ..limits()
        },
        ..Setup::default()
    };
    let gateway = gateway.beside(&[]).await;
    let call = |token: &str| {
        let request = gateway.server.get("/api/v1/contacts");
        request.bearer_auth(token).send()
    };
    let (ada, bob) = (gateway.person(), gateway.person());
    for token in [&ada, &ada, &bob] {
        let answer = call(token).await.unwrap();
        assert_eq!(answer.headers()["ratelimit-policy"], "\"user\";q=2;w=60");
        assert_eq!(answer.status(), 201);
    }
    problem(call(&ada).await.unwrap(), 429, "rate_limited").await;
    assert_eq!(call(&bob).await.unwrap().status(), 201);
}

#[tokio::test]
async fn guessing_tokens_ends_and_good_ones_pass() {
    let gateway = Setup {
        limits: LimitsConfig {
            limit_refused: Quota::new(5, 60),
            ..limits()
        },
        ..Setup::default()
    };
    let gateway = gateway.beside(&[]).await;
    let address = stranger();
    let call = |token: String| {
        let request = gateway.server.get("/api/v1/contacts");
        let request = request.header("x-forwarded-for", &address);
        request.bearer_auth(token).send()
    };
    let known = gateway.person();
    assert_eq!(call(known.clone()).await.unwrap().status(), 201);
    for guess in 0..5 {
        let refused = call(format!("guess{guess}")).await.unwrap();
        problem(refused, 401, "unauthenticated").await;
    }
    problem(
        call("guess6".to_owned()).await.unwrap(),
        429,
        "rate_limited",
    )
    .await;
    // Whoever was here with a good token is not shut out by a neighbour.
    assert_eq!(call(known).await.unwrap().status(), 201);
}

/// Two gateways that share what they count.
async fn two(limits: &LimitsConfig, redis: impl Fn() -> stores::redis::Redis) -> [Gateway; 2] {
    let keys = testkit::Keys::new(clock::Clock::system());
    let start = |redis| {
        let setup = Setup {
            keys: keys.clone(),
            limits: limits.clone(),
            redis: Some(redis),
            ..Setup::default()
        };
        async move { setup.beside(&[]).await }
    };
    [start(redis()).await, start(redis()).await]
}

#[tokio::test]
async fn several_gateways_count_sign_ins_together() {
    let mut limits = sensitive(Quota::new(10, 600));
    limits.gateway_replicas = 2;
    let gateways = two(&limits, testkit::redis).await;
    let from = stranger();
    let mut statuses = Vec::new();
    for turn in 0..16 {
        statuses.push(sign_in(&gateways[turn % 2].server, &from).await.status());
    }
    let passed = statuses
        .iter()
        .filter(|status| **status == StatusCode::CREATED);
    assert_eq!(passed.count(), 10, "{statuses:?}");
    assert!(
        statuses[..10]
            .iter()
            .all(|status| *status == StatusCode::CREATED)
    );
}

#[tokio::test]
async fn several_gateways_share_the_quota_of_a_person() {
    let limits = LimitsConfig {
        limit_user: Quota::new(60, 600),
        gateway_replicas: 2,
        ..limits()
    };
    let gateways = two(&limits, testkit::redis).await;
    let token = gateways[0].person();
    let mut passed = 0;
    for turn in 0..200 {
        let request = gateways[turn % 2].server.get("/api/v1/contacts");
        let answer = request.bearer_auth(&token).send().await.unwrap();
        passed += u32::from(answer.status() == StatusCode::CREATED);
    }
    // One more a gateway, and what came back while the test ran.
    assert!((50..=64).contains(&passed), "{passed}");
}

#[tokio::test]
async fn without_redis_each_gateway_enforces_its_share_and_nobody_waits() {
    let proxy = Proxy::start(&testkit::redis_url()).await;
    let through = proxy.through(&testkit::redis_url());
    let mut limits = sensitive(Quota::new(10, 600));
    (limits.gateway_replicas, limits.limit_user) = (2, Quota::new(10, 600));
    let [gateway, _other] = two(&limits, || testkit::redis_at(through.clone())).await;
    // The worst case: nothing is refused, nothing answers.
    sign_in(&gateway.server, &stranger()).await;
    proxy.stall();
    let (from, token) = (stranger(), gateway.person());
    let (mut signed_in, mut asked) = (0, 0);
    let begun = Instant::now();
    for _ in 0..10 {
        let answer = sign_in(&gateway.server, &from).await;
        signed_in += u32::from(answer.status() == StatusCode::CREATED);
        let request = gateway.server.get("/api/v1/contacts");
        let answer = request.bearer_auth(&token).send().await.unwrap();
        asked += u32::from(answer.status() == StatusCode::CREATED);
    }
    assert_eq!((signed_in, asked), (5, 5));
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
}
