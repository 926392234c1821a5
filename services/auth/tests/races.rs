//! Refresh tokens under the load that breaks rotations: ten thousand sessions, each renewed by sixteen
//! at once, on two replicas that race each other on one database.
//!
//! A test binary of its own, because it keeps every core busy for a minute or two: beside it, tests that
//! look at times would fail.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

#[path = "it/fixture.rs"]
#[expect(dead_code, reason = "most of it is for the tests of `it`")]
mod fixture;
#[path = "it/replica.rs"]
#[expect(dead_code, reason = "nothing is asked over HTTP here")]
mod replica;

use auth::app::App;
use axum::{
    Router,
    body::{Body, to_bytes},
};
use futures::{
    future::join_all,
    stream::{self, StreamExt},
};
use http::{Request, StatusCode};
use serde_json::{Value, json};
use stores::postgres::{DatabaseConfig, connect};
use tower::ServiceExt;

use fixture::{Answer, Auth, Tokens};
use replica::Replica;

const RACES: i64 = 10_000;
/// The tabs that renew one session at once, half of them at each replica.
const TABS: usize = 16;
/// Sessions that are renewed at a time: each keeps one connection busy, and all others wait for it.
const AT_A_TIME: usize = 4;

/// Sessions as a sign-in leaves them, without the sign-in: a password's hash costs more than a race.
const OPEN: &str = "WITH opened AS (
    INSERT INTO auth.sessions (id, workspace_id, user_id, methods, created_at, last_used_at)
    SELECT gen_random_uuid(), workspace_id, user_id, methods, created_at, last_used_at
    FROM (SELECT * FROM auth.sessions LIMIT 1) AS one, generate_series(1::bigint, $1)
    RETURNING id, created_at
  )
  INSERT INTO auth.refresh_tokens (hash, session_id, issued_at)
  SELECT sha256(convert_to('rt_race_' || row_number() OVER (), 'UTF8')), id, created_at FROM opened";
/// Sessions that live and have exactly the token that they began with and its successor.
const ROTATED_ONCE: &str = "SELECT count(*) FROM (
    SELECT s.id FROM auth.sessions s JOIN auth.refresh_tokens t ON t.session_id = s.id
    WHERE s.revoked_at IS NULL GROUP BY s.id HAVING count(*) = 2 AND count(t.successor) = 1
  ) AS rotated";
const STOLEN: &str =
    "SELECT count(*) FROM auth.sessions WHERE revoked_reason = 'refresh_token_reused'";
const NOTED: &str = "SELECT count(*) FROM auth.audit WHERE action = 'session.refresh_token_reused'";
const LETTERS: &str = "SELECT count(*) FROM auth.letters";

/// The first refresh token of a session.
fn first(race: i64) -> String {
    format!("rt_race_{race}")
}

/// Two replicas, each with connections of its own.
struct Replicas([Router; 2]);

impl Replicas {
    async fn of(auth: &Auth) -> Self {
        let start = || async {
            let config = DatabaseConfig {
                // The tabs wait for each other, not for the disk.
                database_url: format!("{}+-c+synchronous_commit=off", auth.database.url("auth"))
                    .into(),
                database_connections: 32,
            };
            let pool = connect(&config, "auth").unwrap();
            router(&Replica::with(auth, pool, testkit::redis()).await.app)
        };
        Self([start().await, start().await])
    }

    /// Asks one of the two.
    async fn ask(&self, turn: usize, request: Request<Body>) -> Answer {
        let router = self.0[turn % 2].clone();
        // A task for each, as a server has: they come on both cores.
        tokio::spawn(answer(router, request)).await.unwrap()
    }

    async fn refresh(&self, turn: usize, token: &str) -> Answer {
        let body = json!({ "refresh_token": token }).to_string();
        let request = Request::post("/auth/refresh")
            .header("content-type", "application/json")
            .body(Body::from(body));
        self.ask(turn, request.unwrap()).await
    }

    async fn me(&self, turn: usize, access: &str) -> Answer {
        let request = Request::get("/auth/me")
            .header("authorization", format!("Bearer {access}"))
            .body(Body::empty());
        self.ask(turn, request.unwrap()).await
    }

    /// All tabs of a session at once; answers the successor.
    async fn race(&self, race: i64) -> String {
        let first = first(race);
        let answers = join_all((0..TABS).map(|tab| self.refresh(tab, &first))).await;
        let tokens: Vec<_> = answers
            .into_iter()
            .map(|answer| Tokens::of(answer.expect(StatusCode::OK)))
            .collect();
        let successor = tokens[0].refresh.clone();
        assert_ne!(successor, first);
        let others = tokens.iter().filter(|got| got.refresh != successor).count();
        assert_eq!(others, 0, "race {race} has more than one successor");
        // The session lives, for what either replica signed.
        for (turn, got) in tokens.iter().enumerate().take(2) {
            self.me(turn + 1, &got.access).await.expect(StatusCode::OK);
        }
        successor
    }

    /// Somebody has a copy of the first token.
    async fn replay(&self, race: i64, mut newest: String) {
        let turn = usize::from(race % 4 < 2);
        if race % 2 == 0 {
            // The owner renewed once more before the copy came back.
            let next = self.refresh(turn, &newest).await;
            newest = Tokens::of(next.expect(StatusCode::OK)).refresh;
        }
        self.refresh(turn, &first(race))
            .await
            .problem("refresh_token_reused");
        self.refresh(turn + 1, &newest)
            .await
            .problem("session_revoked");
    }
}

/// The public side of a replica, made ready once instead of for every request.
fn router(app: &App) -> Router {
    auth::public(app.clone()).with_state(())
}

async fn answer(router: Router, request: Request<Body>) -> Answer {
    let (parts, body) = router.oneshot(request).await.unwrap().into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    let body: Value = serde_json::from_slice(&bytes).unwrap();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_races_rotate_once_each_and_each_replay_ends_its_session() {
    let auth = Auth::start().await;
    auth.register("ada@example.com").await;
    auth.letters.cancel();
    let replicas = Replicas::of(&auth).await;
    let opened = sqlx::query(OPEN)
        .bind(RACES)
        .execute(&auth.database.pool)
        .await;
    assert_eq!(opened.unwrap().rows_affected(), RACES.unsigned_abs());

    let replicas = &replicas;
    let raced: Vec<_> = stream::iter(1..=RACES)
        .map(|race| async move { (race, replicas.race(race).await) })
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await;
    assert_eq!(auth.count(ROTATED_ONCE).await, RACES);

    auth.advance(11);
    stream::iter(raced)
        .for_each_concurrent(AT_A_TIME * 2, |(race, newest)| {
            replicas.replay(race, newest)
        })
        .await;
    assert_eq!(auth.count(STOLEN).await, RACES);
    assert_eq!(auth.count(NOTED).await, RACES);
    assert_eq!(
        auth.count(LETTERS).await,
        RACES,
        "the owner is told of each"
    );
}
