//! Lines of JSON out of a body that is still being sent.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::{Buf, BytesMut};
use common::{ErrorCode, Problem};
use futures::StreamExt;
use serde::de::DeserializeOwned;

/// The longest line: a whole message with its sources.
const MAX_LINE: usize = 512 * 1024;
/// A sender that is silent for longer is gone.
const SILENCE: Duration = Duration::from_secs(60);

/// The lines of one request.
#[derive(Debug)]
pub(super) struct Lines {
    body: BodyDataStream,
    read: BytesMut,
    /// How much of `read` has no line break, as far as it was looked at.
    looked: usize,
    silence: Duration,
}

impl Lines {
    pub(super) fn new(body: Body) -> Self {
        Self {
            body: body.into_data_stream(),
            read: BytesMut::new(),
            looked: 0,
            silence: SILENCE,
        }
    }

    /// The next line; none at the end. May be dropped while it waits, without losing anything.
    pub(super) async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Problem> {
        loop {
            if let Some(end) = self.read[self.looked..]
                .iter()
                .position(|byte| *byte == b'\n')
            {
                let line = self.read.split_to(self.looked + end);
                self.read.advance(1);
                self.looked = 0;
                if line.is_empty() {
                    continue;
                }
                return parse(&line).map(Some);
            }
            self.looked = self.read.len();
            if self.looked > MAX_LINE {
                return Err(Problem::new(ErrorCode::PayloadTooLarge).detail("a line is too long"));
            }
            match tokio::time::timeout(self.silence, self.body.next()).await {
                Ok(Some(Ok(bytes))) => self.read.extend_from_slice(&bytes),
                Ok(None) if self.read.is_empty() => return Ok(None),
                Ok(None) => {
                    // The last line needs no break.
                    self.looked = 0;
                    let line = self.read.split();
                    return parse(&line).map(Some);
                }
                Ok(Some(Err(_))) => {
                    return Err(invalid("the body ended before it was complete".to_owned()));
                }
                Err(_) => return Err(invalid(format!("no line within {:?}", self.silence))),
            }
        }
    }
}

fn parse<T: DeserializeOwned>(line: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(line).map_err(|error| {
        if error.is_data() {
            Problem::new(ErrorCode::ValidationFailed)
                .detail("a line has missing, unknown or wrong fields")
        } else {
            invalid("a line is not JSON".to_owned())
        }
    })
}

fn invalid(detail: String) -> Problem {
    Problem::new(ErrorCode::InvalidJson).detail(detail)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::stream;

    use super::*;

    fn lines(chunks: Vec<&'static str>) -> Lines {
        let chunks = chunks
            .into_iter()
            .map(|chunk| Ok::<_, std::io::Error>(Bytes::from_static(chunk.as_bytes())));
        Lines::new(Body::from_stream(stream::iter(chunks)))
    }

    #[tokio::test]
    async fn lines_are_whole_however_they_are_cut() {
        let mut lines = lines(vec!["[1", "]\n", "\n[2]\n[", "3", "]"]);
        for n in 1..=3 {
            assert_eq!(lines.next::<Vec<i32>>().await.unwrap(), Some(vec![n]));
        }
        assert_eq!(lines.next::<Vec<i32>>().await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_line_without_end_is_refused() {
        let piece: &'static str = Box::leak("x".repeat(MAX_LINE).into_boxed_str());
        let error = lines(vec![piece, "xx"])
            .next::<Vec<i32>>()
            .await
            .unwrap_err();
        assert_eq!(error.code(), ErrorCode::PayloadTooLarge);
    }

    #[tokio::test]
    async fn silence_ends_it() {
        let body = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        let mut lines = Lines {
            silence: Duration::from_millis(10),
            ..Lines::new(body)
        };
        let error = lines.next::<Vec<i32>>().await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidJson);
    }
}
