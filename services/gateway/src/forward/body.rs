//! Bodies pass through as they come; only their size is watched.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
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
/// client of the service reports is only that the connection broke.
pub(super) struct Watched {
    body: Body,
    left: u64,
    exceeded: Arc<AtomicBool>,
}

/// Tells whether a [`Watched`] body was too large.
#[derive(Clone)]
pub(super) struct Exceeded(Arc<AtomicBool>);

impl Exceeded {
    pub(super) fn happened(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Watched {
    pub(super) fn new(body: Body, limit: u64) -> (Self, Exceeded) {
        let exceeded = Arc::new(AtomicBool::new(false));
        (
            Self {
                body,
                left: limit,
                exceeded: exceeded.clone(),
            },
            Exceeded(exceeded),
        )
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            match self.left.checked_sub(data.len() as u64) {
                Some(left) => self.left = left,
                None => {
                    self.exceeded.store(true, Ordering::Relaxed);
                    return Poll::Ready(Some(
                        Err("the body is larger than the route takes".into()),
                    ));
                }
            }
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
