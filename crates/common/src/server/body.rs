//! A request's body, read to its end also where nobody wants it.
//!
//! Whoever refuses a request need not look at its body. hyper then closes the connection behind the
//! answer, unless the rest happens to be there already, and tells nobody: the next request on that
//! connection is lost, perhaps somebody else's, because the gateway's connections are shared. So a small
//! rest is read and thrown away before the answer goes out, and with a large one the answer says that
//! the connection ends (RFC 9112 §9.3).

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::Bytes;
use http::{HeaderMap, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::timeout;

/// The largest rest that is read, in bytes.
const SMALL: u64 = 64 * 1024;
/// It must come within this time.
const WITHIN: Duration = Duration::from_secs(1);

/// The body of a request to a listener.
#[derive(Debug)]
pub struct RequestBody {
    /// There until it is dropped.
    incoming: Option<Incoming>,
    shared: Option<Arc<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    ended: AtomicBool,
    /// What was dropped before its end.
    rest: Mutex<Option<Incoming>>,
}

/// What becomes of a request's body after the answer.
#[derive(Debug)]
pub(super) struct Rest {
    shared: Option<Arc<Shared>>,
    /// The client asked whether to send the body at all (RFC 9110 §10.1.1), which reading it would answer.
    asks: bool,
}

impl RequestBody {
    /// The body of a request of HTTP/1.
    pub(super) fn watched(incoming: Incoming, headers: &HeaderMap) -> (Self, Rest) {
        let shared = (!incoming.is_end_stream()).then(Arc::<Shared>::default);
        let body = Self {
            incoming: Some(incoming),
            shared: shared.clone(),
        };
        let asks = headers.contains_key(header::EXPECT);
        (body, Rest { shared, asks })
    }

    /// A body whose rest matters to nobody: HTTP/2 ends a request without its connection.
    pub(super) fn unwatched(incoming: Incoming) -> Self {
        Self {
            incoming: Some(incoming),
            shared: None,
        }
    }
}

impl Shared {
    fn rest(&self) -> MutexGuard<'_, Option<Incoming>> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rest {
    /// Reads what is left, if it is little. Whether the connection can serve another request.
    pub(super) async fn read(self) -> bool {
        let Some(shared) = self.shared else {
            return true;
        };
        if shared.ended.load(Ordering::Acquire) {
            return true;
        }
        let rest = shared.rest().take();
        match rest {
            Some(rest) if !self.asks => timeout(WITHIN, read(rest)).await.unwrap_or(false),
            // Or somebody still has it, and will not come to its end before the answer.
            _ => false,
        }
    }
}

/// Reads a body to its end, which must be near.
async fn read(mut body: Incoming) -> bool {
    if body.size_hint().lower() > SMALL {
        return false;
    }
    let mut taken = 0;
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(frame) = frame else { return false };
        taken += frame.data_ref().map_or(0, |data| data.len() as u64);
        if taken > SMALL {
            return false;
        }
    }
    true
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = &mut *self;
        let Some(incoming) = &mut this.incoming else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(&mut *incoming).poll_frame(context));
        if let Some(shared) = &this.shared
            && (frame.is_none() || incoming.is_end_stream())
        {
            shared.ended.store(true, Ordering::Release);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.incoming {
            Some(incoming) => incoming.size_hint(),
            None => SizeHint::with_exact(0),
        }
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared
            && !shared.ended.load(Ordering::Acquire)
        {
            *shared.rest() = self.incoming.take();
        }
    }
}
