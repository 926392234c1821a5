//! Telling other instances that settings changed. Whoever misses a hint finds out some seconds later.

use std::time::Duration;

use futures::StreamExt;
use ids::WorkspaceId;
use redis::{ErrorKind, RedisResult};
use stores::redis::Redis;

use super::Settings;

/// Where it is told; the message is the workspace's id.
const CHANNEL: &str = "chat:settings";
const RECONNECT_AFTER: Duration = Duration::from_millis(500);
/// A connection that is silent for so long is asked whether it lives.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// An answer of Redis that takes longer counts as none.
const WITHIN: Duration = Duration::from_secs(2);

/// Tells that the settings of a workspace changed.
pub(super) async fn tell(redis: &Redis, workspace: WorkspaceId) {
    let mut publish = redis::cmd("PUBLISH");
    publish.arg(CHANNEL).arg(workspace.to_string());
    if let Err(error) = redis.run::<i64>(&publish, Duration::from_secs(1)).await {
        tracing::debug!(%error, "a change of settings was not told");
    }
}

/// Notes what others tell, on a connection that is made anew whenever it breaks.
pub(super) async fn follow(redis: &Redis, settings: &Settings) {
    loop {
        if let Err(error) = listen(redis, settings).await {
            tracing::debug!(%error, "redis is not there; settings are read again every few seconds");
        }
        tokio::time::sleep(RECONNECT_AFTER).await;
    }
}

async fn listen(redis: &Redis, settings: &Settings) -> RedisResult<()> {
    let (mut sink, mut messages) = redis.pubsub().await?.split();
    within(sink.subscribe(CHANNEL)).await?;
    settings.forget_all();
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            message = messages.next() => match message {
                Some(message) => note(settings, message.get_payload_bytes()),
                None => return Err((ErrorKind::Io, "the connection ended").into()),
            },
            // Without this, a peer that vanished without a word would be waited for.
            _ = look.tick() => within(sink.ping::<redis::Value>()).await.map(drop)?,
        }
    }
}

fn note(settings: &Settings, message: &[u8]) {
    let workspace = str::from_utf8(message)
        .ok()
        .and_then(|text| text.parse().ok());
    if let Some(workspace) = workspace {
        settings.forget(workspace);
    }
}

async fn within<T>(call: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    match tokio::time::timeout(WITHIN, call).await {
        Ok(result) => result,
        Err(_) => Err((ErrorKind::Io, "no answer in time").into()),
    }
}
