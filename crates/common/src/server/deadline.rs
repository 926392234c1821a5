//! Deadlines that begin when the request is there. The time that a client takes to send its body is
//! the client's, and no reason to call a service unavailable.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    middleware::{self, Next},
    response::IntoResponse,
};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, timeout_at};

use crate::Problem;

/// What of a body comes later than this does not put a deadline off any more, so that a trickle ends.
const UPLOAD_WITHIN: Duration = Duration::from_secs(60);
/// A large body has a second more for so many bytes that have come: whoever is as fast as a slow mobile
/// network is no trickle.
const SLOWEST_PER_SECOND: u64 = 16 * 1024;

/// Answers 503 where the routes of `router` have not begun their answer within `deadline`, counted from
/// the last piece of the request.
pub fn with_deadline(router: Router, deadline: Duration) -> Router {
    router.layer(middleware::from_fn(
        move |request: Request, next: Next| async move {
            let (parts, body) = request.into_parts();
            let (body, arrival) = Arrival::watch(body);
            let request = Request::from_parts(parts, body);
            match arrival.within(deadline, next.run(request)).await {
                Some(response) => response,
                None => {
                    Problem::unavailable(format!("no answer within {deadline:?}")).into_response()
                }
            }
        },
    ))
}

/// When the last piece of a request arrived.
#[derive(Debug, Clone)]
pub struct Arrival {
    begun: Instant,
    /// None of a request that was there as a whole when it began.
    coming: Option<Coming>,
}

#[derive(Debug, Clone)]
struct Coming {
    /// What comes later does not count, but for the time that the bytes so far are worth.
    until: Instant,
    seen: Arc<Mutex<Seen>>,
}

/// What has come of a body.
#[derive(Debug, Clone, Copy)]
struct Seen {
    last: Instant,
    bytes: u64,
}

impl Arrival {
    /// Watches a body, from now on.
    pub fn watch(body: Body) -> (Body, Self) {
        Self::watch_for(body, UPLOAD_WITHIN)
    }

    /// Of a request that is here as a whole, now.
    #[must_use]
    pub fn complete() -> Self {
        Self {
            begun: Instant::now(),
            coming: None,
        }
    }

    fn watch_for(body: Body, upload_within: Duration) -> (Body, Self) {
        let begun = Instant::now();
        let coming = Coming {
            until: begun + upload_within,
            seen: Arc::new(Mutex::new(Seen {
                last: begun,
                bytes: 0,
            })),
        };
        let watched = Watched {
            body,
            coming: coming.clone(),
        };
        let arrival = Self {
            begun,
            coming: Some(coming),
        };
        (Body::new(watched), arrival)
    }

    /// The result of `answer`, or none when it took longer than `deadline` after the last piece.
    pub async fn within<F: Future>(&self, deadline: Duration, answer: F) -> Option<F::Output> {
        let mut answer = std::pin::pin!(answer);
        loop {
            let until = self.last() + deadline;
            match timeout_at(until, &mut answer).await {
                Ok(output) => return Some(output),
                // Another piece may have come since.
                Err(_) if self.last() + deadline > until => {}
                Err(_) => return None,
            }
        }
    }

    fn last(&self) -> Instant {
        self.coming.as_ref().map_or(self.begun, Coming::last)
    }
}

impl Coming {
    fn last(&self) -> Instant {
        let Seen { last, bytes } = *self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        last.min(self.until + Duration::from_secs(bytes / SLOWEST_PER_SECOND))
    }

    fn note(&self, bytes: usize) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.last = Instant::now();
        seen.bytes += bytes as u64;
    }
}

struct Watched {
    body: Body,
    coming: Coming,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let bytes = match &frame {
            Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len),
            _ => 0,
        };
        self.coming.note(bytes);
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::post;
    use futures::{StreamExt, stream};
    use http::StatusCode;
    use tower::ServiceExt;

    use super::*;

    const DEADLINE: Duration = Duration::from_millis(500);

    /// A body of pieces with a pause before each.
    fn pieces(count: usize, pause: Duration) -> Body {
        Body::from_stream(stream::iter(0..count).then(move |_| async move {
            tokio::time::sleep(pause).await;
            Ok::<_, std::io::Error>("piece")
        }))
    }

    async fn status(body: Body) -> StatusCode {
        let routes = Router::new()
            .route("/quick", post(|_: Bytes| async {}))
            .fallback(std::future::pending::<()>);
        let request = http::Request::post("/quick").body(body).unwrap();
        let answer = with_deadline(routes, DEADLINE).oneshot(request).await;
        answer.unwrap().status()
    }

    #[tokio::test]
    async fn a_slow_upload_is_not_counted() {
        assert_eq!(status(pieces(4, DEADLINE / 2)).await, StatusCode::OK);
    }

    #[tokio::test]
    async fn silence_is() {
        let answer = status(pieces(1, DEADLINE * 20)).await;
        assert_eq!(answer, StatusCode::SERVICE_UNAVAILABLE);
    }

    #[tokio::test]
    async fn a_large_body_has_the_time_that_its_bytes_are_worth() {
        let piece = vec![0_u8; SLOWEST_PER_SECOND as usize];
        let pieces = stream::iter(0..4).then(move |_| {
            let piece = piece.clone();
            async move {
                tokio::time::sleep(DEADLINE).await;
                Ok::<_, std::io::Error>(piece)
            }
        });
        let (body, arrival) = Arrival::watch_for(Body::from_stream(pieces), DEADLINE);
        let whole = axum::body::to_bytes(body, usize::MAX);
        let whole = arrival.within(DEADLINE * 2, whole).await;
        assert!(whole.is_some_and(|bytes| bytes.is_ok()));
    }

    #[tokio::test]
    async fn a_trickle_ends() {
        let endless = pieces(usize::MAX, DEADLINE / 10);
        let (body, arrival) = Arrival::watch_for(endless, DEADLINE);
        let begun = Instant::now();
        let whole = axum::body::to_bytes(body, usize::MAX);
        assert!(arrival.within(DEADLINE, whole).await.is_none());
        assert!(begun.elapsed() >= DEADLINE * 2, "{:?}", begun.elapsed());
    }
}
