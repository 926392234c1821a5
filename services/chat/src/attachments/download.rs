//! Giving a file: opened chunk by chunk while it is sent.

use std::sync::Arc;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use bytes::Bytes;
use futures::{Stream, stream};
use ids::{AttachmentId, WorkspaceId};
use object_store::{ObjectStore, ObjectStoreExt};

use super::{
    cipher::{CHUNK, FileKey, Layout, Part},
    error::Error,
    media, upload,
};

/// Chunks that are asked for at a time.
const WINDOW: u64 = 16;

/// What is given, and how.
#[derive(Debug)]
pub(super) struct Given<'a> {
    pub(super) id: (WorkspaceId, AttachmentId),
    pub(super) part: Part,
    pub(super) name: &'a str,
    pub(super) media_type: &'a str,
    pub(super) size: u64,
}

/// Answers a file, or the range of it that the client asks for.
///
/// # Errors
/// When the store does not have it, or the first piece of it does not open.
pub(super) async fn answer(
    objects: Arc<dyn ObjectStore>,
    key: &FileKey,
    given: Given<'_>,
    asked: &HeaderMap,
) -> Result<Response, Error> {
    let range = range(asked, given.size);
    let (from, to) = range.unwrap_or((0, given.size));
    let mut pieces = Pieces {
        objects,
        cipher: key.cipher(given.part),
        path: upload::path(given.id, given.part),
        layout: Layout::of(given.size),
        from,
        to,
        done: false,
    };
    // Before the status is sent: what fails here can still be said.
    let first = pieces.next().await?.unwrap_or_default();
    let rest = stream::try_unfold(pieces, |mut pieces| async move {
        Ok::<_, Error>(pieces.next().await?.map(|piece| (piece, pieces)))
    });
    let mut response = Response::new(Body::from_stream(followed_by(first, rest)));
    let headers = response.headers_mut();
    let shown = media::is_shown(given.media_type);
    let content_type = match given.media_type {
        "text/plain" => "text/plain; charset=utf-8",
        known if shown => known,
        _ => "application/octet-stream",
    };
    if let Ok(value) = HeaderValue::from_str(content_type) {
        headers.insert(header::CONTENT_TYPE, value);
    }
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(to - from));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CONTENT_DISPOSITION, disposition(given.name, shown));
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; sandbox",
        ),
        // It may be taken back.
        (header::CACHE_CONTROL, "private, max-age=300"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if range.is_some() {
        let value = format!("bytes {from}-{}/{}", to.saturating_sub(1), given.size);
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(header::CONTENT_RANGE, value);
        }
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}

fn followed_by(
    first: Bytes,
    rest: impl Stream<Item = Result<Bytes, Error>> + Send + 'static,
) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static {
    use futures::StreamExt;
    stream::once(async { Ok(first) }).chain(rest)
}

/// The bytes `from <= at < to` of a part, a window at a time.
struct Pieces {
    objects: Arc<dyn ObjectStore>,
    cipher: super::cipher::Cipher,
    path: object_store::path::Path,
    layout: Layout,
    from: u64,
    to: u64,
    done: bool,
}

impl Pieces {
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        if self.done {
            return Ok(None);
        }
        let first = Layout::chunk_of(self.from);
        let last_wanted = Layout::chunk_of(self.to.saturating_sub(1).max(self.from));
        let end = (first + WINDOW).min(last_wanted + 1);
        let stored = self.layout.stored(first).start..self.layout.stored(end - 1).end;
        let sealed = self.objects.get_range(&self.path, stored.clone()).await?;
        let mut plain = Vec::with_capacity(sealed.len());
        for number in first..end {
            let at = self.layout.stored(number);
            let inside = |at: u64| usize::try_from(at - stored.start).unwrap_or(usize::MAX);
            let mut chunk = sealed
                .get(inside(at.start)..inside(at.end))
                .unwrap_or_default()
                .to_vec();
            let last = number + 1 == self.layout.chunks();
            let number32 = u32::try_from(number).unwrap_or(u32::MAX);
            self.cipher.open(number32, last, &mut chunk)?;
            plain.extend(chunk);
        }
        let begin = first * CHUNK as u64;
        let skip = usize::try_from(self.from - begin).unwrap_or(usize::MAX);
        let upto = usize::try_from(self.to - begin).unwrap_or(usize::MAX);
        let piece = Bytes::from(plain);
        let piece = piece.slice(skip.min(piece.len())..upto.min(piece.len()));
        self.from = end * CHUNK as u64;
        self.done = self.from >= self.to;
        Ok(Some(piece))
    }
}

/// The one range that is asked for, if it can be given: RFC 9110 §14.2 lets a server pass over any.
fn range(headers: &HeaderMap, size: u64) -> Option<(u64, u64)> {
    let value = headers.get(header::RANGE)?.to_str().ok()?;
    let (from, to) = value.strip_prefix("bytes=")?.split_once('-')?;
    let (from, to) = match (from.is_empty(), to.is_empty()) {
        (true, true) => return None,
        // The last so many bytes.
        (true, false) => (size.saturating_sub(to.parse().ok()?), size),
        (false, true) => (from.parse().ok()?, size),
        (false, false) => (
            from.parse().ok()?,
            to.parse::<u64>().ok()?.saturating_add(1).min(size),
        ),
    };
    (from < to).then_some((from, to))
}

/// RFC 6266: the name in UTF-8 for those who know of it, and something for the others.
fn disposition(name: &str, shown: bool) -> HeaderValue {
    let kind = if shown { "inline" } else { "attachment" };
    let plain: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') {
                c
            } else {
                '_'
            }
        })
        .collect();
    let mut encoded = String::with_capacity(name.len() * 3);
    for byte in name.bytes() {
        // attr-char of RFC 8187.
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    HeaderValue::from_str(&format!(
        "{kind}; filename=\"{plain}\"; filename*=UTF-8''{encoded}"
    ))
    .unwrap_or_else(|_| HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static(value))])
    }

    #[test]
    fn ranges_that_make_sense_are_taken() {
        for (value, expected) in [
            ("bytes=0-0", Some((0, 1))),
            ("bytes=10-", Some((10, 100))),
            ("bytes=-10", Some((90, 100))),
            ("bytes=-1000", Some((0, 100))),
            ("bytes=90-1000", Some((90, 100))),
            ("bytes=100-", None),
            ("bytes=5-2", None),
            ("bytes=0-1,5-6", None),
            ("lines=0-1", None),
            ("bytes=-", None),
        ] {
            assert_eq!(range(&asked(value), 100), expected, "{value}");
        }
        assert_eq!(range(&HeaderMap::new(), 100), None);
        assert_eq!(range(&asked("bytes=-5"), 0), None);
    }

    #[test]
    fn any_name_fits_into_the_header() {
        let value = disposition("Übergröße \"x\".pdf", true);
        assert_eq!(
            value.to_str().unwrap(),
            "inline; filename=\"_bergr__e__x_.pdf\"; filename*=UTF-8''%C3%9Cbergr%C3%B6%C3%9Fe%20%22x%22.pdf"
        );
        assert!(
            disposition("a\r\nb", false)
                .to_str()
                .unwrap()
                .starts_with("attachment; ")
        );
    }
}
