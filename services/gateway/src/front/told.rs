//! An answer's body, and the log line that is written when it has ended.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use axum::body::{Body, Bytes};
use http_body::{Body as HttpBody, Frame, SizeHint};

use super::log::{AccessLog, Line};

/// Counts what is taken of a body. The line is written when this is dropped, which is after the last
/// byte, or when the client went away.
pub(super) struct Told {
    pub(super) body: Body,
    pub(super) line: Line,
    pub(super) started: Instant,
    pub(super) log: AccessLog,
}

impl HttpBody for Told {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    self.line.bytes_out += data.len() as u64;
                }
            }
            Some(Err(_)) => {}
            None => self.line.whole = true,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.line.took = self.started.elapsed();
        // Where the length was announced, nobody asks for the end.
        self.line.whole |= self.body.is_end_stream();
        self.log.write(&self.line);
    }
}
