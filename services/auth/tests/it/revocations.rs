//! Ended sessions, as the gateway and chat follow them: two replicas of auth, one that each of two
//! followers asks, and Redis between them, or not.

use std::time::Duration;

use common::{
    ErrorCode,
    tokens::{Revocations, ServiceSigner},
};
use futures::future::join_all;
use http::StatusCode;
use ids::SessionId;
use serde_json::json;
use stores::redis::Redis;
use testkit::{Proxy, Server, eventually, eventually_within};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    fixture::{Answer, Auth, Tokens, nobodys_redis},
    replica::Replica,
};

const PROMISED: Duration = Duration::from_secs(1);

/// What a gateway knows of ended sessions.
struct Follower {
    revocations: Revocations,
    _stop: DropGuard,
}

impl Follower {
    /// Asks this replica of auth, and listens at this Redis.
    async fn of(auth: &Auth, replica: &Server, redis: Redis) -> Self {
        let stop = CancellationToken::new();
        let file = auth.folder().join("gateway/key.pem");
        let signer = ServiceSigner::read("gateway", &file, auth.clock.clone()).unwrap();
        let revocations =
            Revocations::start(&replica.internal, signer, auth.clock.clone(), stop.clone())
                .unwrap();
        let (listen, until) = (
            stores::revocations::follow(redis, revocations.clone()),
            stop.clone(),
        );
        tokio::spawn(async move { until.run_until_cancelled(listen).await });
        eventually("the list is there", || async { revocations.healthy().ok() }).await;
        Self {
            revocations,
            _stop: stop.drop_guard(),
        }
    }

    async fn refuses(&self, session: SessionId) {
        eventually_within(PROMISED, "the session is refused", || async {
            let refused = self.revocations.check(session).err()?;
            (refused.code() == ErrorCode::SessionRevoked).then_some(())
        })
        .await;
    }
}

/// Ends sessions at both replicas, in two ways, and sees each refused by both followers in time.
/// `harm` is what happens to Redis right after each end.
async fn ended_anywhere_is_refused_everywhere(redis: impl Fn() -> Redis, harm: impl Fn()) {
    let auth = Auth::start().await;
    let other = Replica::with(&auth, auth.database.pool.clone(), redis()).await;
    auth.register("ada@example.com").await;
    let replicas = [&auth.server, &other.server];
    let followers = join_all(replicas.map(|replica| Follower::of(&auth, replica, redis()))).await;
    for turn in 0..4 {
        let (here, there) = (replicas[turn % 2], replicas[(turn + 1) % 2]);
        let tokens = auth.login("ada@example.com").await;
        let session = auth.claims(&tokens.access).await.sid;
        for follower in &followers {
            follower.revocations.check(session).unwrap();
        }
        if turn < 2 {
            let logout = here.post("/auth/logout").bearer_auth(&tokens.access);
            Answer::of(logout).await.expect(StatusCode::NO_CONTENT);
        } else {
            steal(&tokens, here, there).await;
        }
        harm();
        join_all(followers.iter().map(|follower| follower.refuses(session))).await;
    }
}

/// The owner renews twice at one replica, and a copy of the first token comes to the other one.
async fn steal(tokens: &Tokens, here: &Server, there: &Server) {
    let refresh = async |server: &Server, token: &str| {
        let body = json!({ "refresh_token": token });
        Answer::of(server.post("/auth/refresh").json(&body)).await
    };
    let second = refresh(here, &tokens.refresh).await;
    let second = Tokens::of(second.expect(StatusCode::OK));
    refresh(here, &second.refresh).await.expect(StatusCode::OK);
    refresh(there, &tokens.refresh)
        .await
        .problem("refresh_token_reused");
}

#[tokio::test]
async fn a_session_that_ends_at_one_replica_is_refused_everywhere_within_a_second() {
    ended_anywhere_is_refused_everywhere(testkit::redis, || ()).await;
}

#[tokio::test]
async fn without_redis_it_is_refused_as_soon() {
    ended_anywhere_is_refused_everywhere(nobodys_redis, || ()).await;
}

#[tokio::test]
async fn when_redis_falls_silent_or_breaks_it_is_refused_as_soon() {
    for harm in [Proxy::stall, Proxy::cut, Proxy::take_down] {
        let proxy = Proxy::start(&testkit::redis_url()).await;
        let through = proxy.through(&testkit::redis_url());
        let redis = || testkit::redis_at(through.clone());
        ended_anywhere_is_refused_everywhere(redis, || harm(&proxy)).await;
    }
}
