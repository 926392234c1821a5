//! Ended sessions, at once: auth tells of them on Redis, and whoever accepts tokens listens. What is
//! missed comes with the next answer of auth, half a second later at most.

use std::time::Duration;

use common::tokens::{REVOKED_CHANNEL, Revocations, RevokedSession};
use futures::StreamExt;
use redis::{ErrorKind, RedisResult};
use serde::Deserialize;

use crate::redis::Redis;

const RECONNECT_AFTER: Duration = Duration::from_millis(500);
/// A connection that is silent for so long is asked whether it lives.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// An answer of Redis that takes longer counts as none.
const WITHIN: Duration = Duration::from_secs(2);

/// What a message says.
#[derive(Deserialize)]
#[serde(untagged)]
enum Told {
    One(RevokedSession),
    Many(Vec<RevokedSession>),
}

/// Notes what auth tells, for as long as it is polled, on a connection that is made anew whenever it
/// breaks.
pub async fn follow(redis: Redis, revocations: Revocations) {
    loop {
        if let Err(error) = listen(&redis, &revocations).await {
            tracing::debug!(%error, "redis is not there; revocations come from auth");
        }
        tokio::time::sleep(RECONNECT_AFTER).await;
    }
}

async fn listen(redis: &Redis, revocations: &Revocations) -> RedisResult<()> {
    let (mut sink, mut messages) = redis.pubsub().await?.split();
    within(sink.subscribe(REVOKED_CHANNEL)).await?;
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            message = messages.next() => match message {
                Some(message) => note(revocations, message.get_payload_bytes()),
                None => return Err((ErrorKind::Io, "the connection ended").into()),
            },
            // Without this, a peer that vanished without a word would be waited for.
            _ = look.tick() => within(sink.ping::<redis::Value>()).await.map(drop)?,
        }
    }
}

fn note(revocations: &Revocations, message: &[u8]) {
    match serde_json::from_slice(message) {
        Ok(Told::One(session)) => revocations.note(&[session]),
        Ok(Told::Many(sessions)) => revocations.note(&sessions),
        Err(error) => tracing::warn!(%error, "a message about revoked sessions cannot be read"),
    }
}

async fn within<T>(call: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    match tokio::time::timeout(WITHIN, call).await {
        Ok(result) => result,
        Err(_) => Err((ErrorKind::Io, "no answer in time").into()),
    }
}

#[cfg(test)]
mod tests {
    use common::ErrorCode;

    use super::*;

    #[test]
    fn one_and_many_are_understood_and_nonsense_changes_nothing() {
        let ids = [
            "01890a5d-ac96-774b-bcce-b302099a8057",
            "01890a5d-ac96-774b-bcce-b302099a8058",
            "01890a5d-ac96-774b-bcce-b302099a8059",
        ];
        let told =
            ids.map(|id| format!(r#"{{"session_id":"{id}","revoked_at":"1970-01-01T00:00:00Z"}}"#));
        let clock = clock::Clock::manual(Default::default());
        let revocations = Revocations::empty(clock.clone(), clock.now());
        note(&revocations, told[0].as_bytes());
        note(
            &revocations,
            format!("[{},{}]", told[1], told[2]).as_bytes(),
        );
        note(&revocations, b"{}");
        for id in ids {
            let refused = revocations.check(id.parse().unwrap()).unwrap_err();
            assert_eq!(refused.code(), ErrorCode::SessionRevoked);
        }
        assert!(revocations.check(ids::SessionId::new()).is_ok());
    }
}
