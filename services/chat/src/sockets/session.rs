//! One socket: reading, writing, and its end. What the frames do is in `work`.

use std::{sync::Arc, time::Duration};

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use common::tokens::Participant;
use futures::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use tokio::time::Instant;

use super::work::Work;
use crate::{
    app::App,
    hub::{Close, Outbox},
    metrics,
};

/// The client is pinged this often.
pub(super) const PING_EVERY: Duration = Duration::from_secs(25);
/// A client that gave no sign of life for so long is gone.
const SILENCE: Duration = Duration::from_secs(60);
/// The time for saying goodbye.
const GOODBYE_WITHIN: Duration = Duration::from_secs(5);

/// The client said goodbye, or its connection broke.
const GONE: Close = Close {
    code: 1000,
    reason: "gone",
};
/// A frame broke the framing, or was too large (RFC 6455 §7.4.1).
const TOO_LARGE: Close = Close {
    code: 1009,
    reason: "frame too large",
};
/// No pong came.
const SILENT: Close = Close {
    code: 1001,
    reason: "no pong",
};

/// Serves one socket to its end.
pub(super) async fn run(
    app: App,
    socket: WebSocket,
    who: Participant,
    traceparent: Option<String>,
) {
    let outbox = Arc::new(Outbox::default());
    let (mut sink, mut stream) = socket.split();
    let mut work = Work::new(app, outbox.clone(), who, traceparent);
    let close = tokio::select! {
        close = read(&mut stream, &mut work, &outbox) => close,
        close = write(&mut sink, &outbox) => close,
    };
    // Out of its rooms before the goodbye, which may take a while.
    drop(work);
    metrics::SOCKETS_CLOSED
        .with_label_values(&[close.reason])
        .inc();
    tracing::debug!(code = close.code, reason = close.reason, "socket ended");
    let goodbye = async {
        let frame = CloseFrame {
            code: close.code,
            reason: close.reason.into(),
        };
        let _ = sink.send(Message::Close(Some(frame))).await;
        // Closing with unread bytes would reset the connection, and the goodbye with it.
        while let Some(Ok(_)) = stream.next().await {}
    };
    let _ = tokio::time::timeout(GOODBYE_WITHIN, goodbye).await;
}

/// Takes frames one after the other, so that the messages of one client keep their order.
async fn read(stream: &mut SplitStream<WebSocket>, work: &mut Work, outbox: &Outbox) -> Close {
    let mut ping = tokio::time::interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    let mut heard = Instant::now();
    loop {
        let message = tokio::select! {
            // What has come counts before the time that has passed.
            biased;
            message = stream.next() => message,
            () = tokio::time::sleep_until(heard + SILENCE) => return SILENT,
            _ = ping.tick() => {
                outbox.ping();
                continue;
            }
        };
        heard = Instant::now();
        match message {
            // In a box, so that an idle socket does not hold the memory of a busy one.
            Some(Ok(Message::Text(text))) => Box::pin(work.frame(&text)).await,
            Some(Ok(Message::Binary(_))) => work.not_text(),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Close(_))) | None => return GONE,
            Some(Err(error)) if is_too_large(&error) => return TOO_LARGE,
            Some(Err(_)) => return GONE,
        }
    }
}

/// Writes what is queued, some frames at a time.
async fn write(sink: &mut SplitSink<WebSocket, Message>, outbox: &Outbox) -> Close {
    let mut batch = Vec::new();
    loop {
        if let Err(close) = outbox.take(&mut batch).await {
            return close;
        }
        let send = async {
            for message in batch.drain(..) {
                sink.feed(message).await?;
            }
            sink.flush().await
        };
        tokio::select! {
            sent = send => if sent.is_err() {
                return GONE;
            },
            // A client that does not read would be waited for.
            close = outbox.closed() => return close,
        }
    }
}

fn is_too_large(error: &axum::Error) -> bool {
    // The WebSocket library's error is not part of axum's interface; its text is all there is.
    error.to_string().contains("too long")
}
