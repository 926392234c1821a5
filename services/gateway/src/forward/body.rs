//! Bodies pass through as they come; only their size is watched.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use axum::body::{Body, Bytes};
use common::{ErrorCode, Problem};
use http::{HeaderMap, header};
use http_body::{Body as HttpBody, Frame, SizeHint};

/// The size that the headers announce.
pub(super) fn announced(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// Refuses a body that says that it is too large before any of it is read.
pub(super) fn check_announced(headers: &HeaderMap, limit: u64) -> Result<(), Problem> {
    match announced(headers) {
        Some(size) if size > limit => Err(too_large(limit)),
        _ => Ok(()),
    }
}

pub(super) fn too_large(limit: u64) -> Problem {
    Problem::new(ErrorCode::PayloadTooLarge)
        .detail(format!("this route takes {limit} bytes at most"))
}

/// A body that ends with an error when it grows over its limit, and remembers that it did: what the
/// client of the service reports is only that the connection broke. Clones are the same body, so that
/// what was not read by one replica can be sent to the next.
#[derive(Clone)]
pub(crate) struct Watched(Arc<Mutex<State>>);

struct State {
    body: Body,
    taken: u64,
    limit: u64,
    exceeded: bool,
    failed: bool,
    begun: bool,
}

impl Watched {
    pub(super) fn new(body: Body, limit: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            body,
            taken: 0,
            limit,
            exceeded: false,
            failed: false,
            begun: false,
        })))
    }

    /// Whether it was too large.
    pub(super) fn exceeded(&self) -> bool {
        self.state().exceeded
    }

    /// Whether it ended before its end, which is the client's fault and nobody else's.
    pub(crate) fn failed(&self) -> bool {
        self.state().failed
    }

    /// How many bytes of it were taken.
    pub(super) fn taken(&self) -> u64 {
        self.state().taken
    }

    /// Whether all of it is still there to be sent.
    pub(crate) fn is_whole(&self) -> bool {
        !self.state().begun
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let mut state = self.state();
        let frame = ready!(Pin::new(&mut state.body).poll_frame(context));
        state.begun |= frame.is_some();
        state.failed |= matches!(frame, Some(Err(_)));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            state.taken += data.len() as u64;
            if state.taken > state.limit {
                (state.exceeded, state.failed) = (true, true);
                let error = "the body is larger than the route takes";
                return Poll::Ready(Some(Err(error.into())));
            }
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.state().body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.state().body.size_hint()
    }
}
