//! What browsers are told about our own answers (OWASP Secure Headers Project; ASVS v5.0.0-3.4).

use axum::{
    body::{Body, Bytes},
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use common::Problem;
use http::{HeaderName, HeaderValue, header};

/// What anything of ours may do that is no page: load and call nothing but us.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'",
);
/// A call from a page needs the microphone; nothing of ours needs the rest.
const PERMISSIONS: HeaderValue =
    HeaderValue::from_static("camera=(), geolocation=(), microphone=(self), payment=(), usb=()");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
/// Files whose names hold a hash of their content never change.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// The loader keeps its name, so pages get a new one soon.
const SOON: HeaderValue = HeaderValue::from_static("public, max-age=300");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");
/// Pages are of a few kilobytes.
pub(super) const LARGEST_PAGE: usize = 4 << 20;

/// Adds them to an answer of the site.
pub(super) async fn add(mut request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    if is_page(&path) {
        forget_versions(&mut request);
    }
    let response = next.run(request).await;
    let html = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if html
        && !response
            .headers()
            .contains_key(header::CONTENT_SECURITY_POLICY)
    {
        return with_nonce(response)
            .await
            .unwrap_or_else(Problem::into_response);
    }
    let mut response = common(response);
    let good = response.status().is_success();
    let headers = response.headers_mut();
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(CONTENT_SECURITY_POLICY);
    let widget = path == "/widget.js" || path.starts_with("/widget/");
    if good {
        let hashed = path.starts_with("/widget/") || path.starts_with("/assets/");
        let keep = match () {
            () if html => HeaderValue::from_static("no-store"),
            () if hashed => FOREVER,
            () if path == "/widget.js" => SOON,
            () => ASK_AGAIN,
        };
        headers.entry(header::CACHE_CONTROL).or_insert(keep);
    }
    // The widget is made to be loaded by other sites.
    let (who, resource) = if widget {
        (Some("*"), "cross-origin")
    } else {
        (None, "same-origin")
    };
    if let Some(who) = who {
        let who = HeaderValue::from_static(who);
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, who);
    }
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static(resource));
    response
}

/// What every answer carries.
fn common(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers
        .entry(header::REFERRER_POLICY)
        .or_insert(HeaderValue::from_static("strict-origin-when-cross-origin"));
    headers.insert(PERMISSIONS_POLICY, PERMISSIONS);
    headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

/// Whether a path may be a page; other files have an ending.
fn is_page(path: &str) -> bool {
    let (_, name) = path.rsplit_once('/').unwrap_or(("", path));
    !name.contains('.') || name.ends_with(".html")
}

/// A page has a new nonce each time, so no copy of it is good, and none that is packed already.
fn forget_versions(request: &mut Request) {
    for name in [
        header::ACCEPT_ENCODING,
        header::IF_MATCH,
        header::IF_NONE_MATCH,
        header::IF_MODIFIED_SINCE,
        header::IF_UNMODIFIED_SINCE,
    ] {
        request.headers_mut().remove(name);
    }
}

/// Gives each script and style of a page of ours the nonce that its policy asks for (CSP Level 3 §8.2):
/// what somebody else brings into the page has none, and does not run.
async fn with_nonce(response: Response) -> Result<Response, Problem> {
    let nonce = format!("{:032x}", rand::random::<u128>());
    let policy = format!(
        "default-src 'self'; script-src 'self' 'nonce-{nonce}' 'strict-dynamic'; \
         style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; object-src 'none'; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'"
    );
    let (parts, body) = response.into_parts();
    let page = axum::body::to_bytes(body, LARGEST_PAGE)
        .await
        .map_err(Problem::internal)?;
    let head_only = page.is_empty();
    let page = marked(&page, &nonce);
    let mut response = common(Response::from_parts(parts, Body::from(page)));
    let headers = response.headers_mut();
    for name in [header::ETAG, header::LAST_MODIFIED, header::ACCEPT_RANGES] {
        headers.remove(name);
    }
    if !head_only {
        headers.remove(header::CONTENT_LENGTH);
    }
    // Without a word about it a browser may guess how the letters are written.
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::try_from(policy).expect("hexadecimal digits are a header value"),
    );
    Ok(response)
}

/// The page with the nonce in each of its tags that need it. The pages are ours, so their tags are
/// written as we write them.
fn marked(page: &Bytes, nonce: &str) -> Vec<u8> {
    let mut marked = Vec::with_capacity(page.len() + 256);
    let mut rest = &page[..];
    while let Some(place) = rest.iter().position(|byte| *byte == b'<') {
        let (before, from) = rest.split_at(place);
        marked.extend_from_slice(before);
        let tags: [&[u8]; 3] = [b"<script", b"<style", b"<link"];
        let tag = tags.iter().find(|tag| {
            let after = from.get(tag.len());
            from.starts_with(tag) && matches!(after, Some(b' ' | b'>' | b'\n'))
        });
        let taken = tag.map_or(1, |tag| tag.len());
        marked.extend_from_slice(&from[..taken]);
        if tag.is_some() {
            marked.extend_from_slice(format!(" nonce=\"{nonce}\"").as_bytes());
        }
        rest = &from[taken..];
    }
    marked.extend_from_slice(rest);
    marked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_script_and_style_is_marked_and_nothing_else() {
        let page = Bytes::from_static(
            b"<!doctype html><link rel=\"stylesheet\" href=\"/a.css\"><script src=x></script>\n\
              <style>a<b{}</style><scripted><p>1 < 2 &lt;script&gt;</p>",
        );
        let marked = String::from_utf8(marked(&page, "N")).unwrap();
        assert_eq!(
            marked,
            "<!doctype html><link nonce=\"N\" rel=\"stylesheet\" href=\"/a.css\"><script nonce=\"N\" src=x></script>\n\
             <style nonce=\"N\">a<b{}</style><scripted><p>1 < 2 &lt;script&gt;</p>"
        );
    }

    #[test]
    fn pages_are_told_from_files() {
        for page in [
            "/",
            "/demo/",
            "/errors/not_found",
            "/api/v1/docs",
            "/demo/help/returns.html",
        ] {
            assert!(is_page(page), "{page}");
        }
        for file in ["/widget.js", "/assets/a.B.css", "/mail/a.eml"] {
            assert!(!is_page(file), "{file}");
        }
    }
}
