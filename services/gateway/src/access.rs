//! Who passes: origin first, then token.
//!
//! Where a token comes from decides what must be proven. A cookie is sent by the browser without the
//! page's doing, so a write that rests on one must come from our own pages. A bearer token is put there
//! on purpose.

use axum_extra::extract::CookieJar;
use common::{
    ErrorCode, Problem,
    tokens::{Identity, access_cookie, bearer, refresh_cookie},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::{
    app::Inner,
    routes::{Access, Carriage, Route, Upstream},
};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SOCKET_BEARER: &str = "bearer.";

/// Where a request's token was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Header,
    Cookie,
}

/// A request's token.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) source: Source,
}

/// Lets a request pass, and answers the token to forward.
///
/// # Errors
/// 401, 403 or 503.
pub(crate) async fn check(
    app: &Inner,
    route: &Route,
    headers: &HeaderMap,
) -> Result<Option<Token>, Problem> {
    let token = find_token(app.secure, route, headers);
    // Sign-in, refresh and sign-out set or read cookies themselves.
    let sets_cookies = route.upstream == Upstream::Auth && !route.any_origin;
    let by_cookie = matches!(&token, Some(token) if token.source == Source::Cookie)
        || (sets_cookies
            && CookieJar::from_headers(headers)
                .get(refresh_cookie(app.secure))
                .is_some());
    let cookies_matter = by_cookie || sets_cookies;
    let changes = route.method != Method::GET || route.carriage == Carriage::Socket;
    if cookies_matter && changes {
        same_origin(app, headers, by_cookie)?;
    }
    if route.access == Access::Public {
        return Ok(None);
    }
    let Some(token) = token else {
        return Err(Problem::new(ErrorCode::Unauthenticated)
            .detail("send the access token as `Authorization: Bearer <token>`, or sign in"));
    };
    let (session, origin) = match app.tokens.verify(&token.text).await? {
        Identity::Person(caller) => (caller.session_id, None),
        Identity::Visitor(_) if route.access == Access::Person => {
            return Err(
                Problem::new(ErrorCode::Forbidden).detail("a visitor's token is not enough here")
            );
        }
        Identity::Visitor(visitor) => (visitor.session_id, visitor.origin),
    };
    app.revocations.check(session)?;
    // A visitor's token that was copied to another site is of no use there.
    if let (Some(bound), Some(sent)) = (origin, headers.get(header::ORIGIN))
        && sent.as_bytes() != bound.as_bytes()
    {
        return Err(not_allowed("the token belongs to another site"));
    }
    Ok(Some(token))
}

fn find_token(secure: bool, route: &Route, headers: &HeaderMap) -> Option<Token> {
    if let Some(text) = bearer(headers) {
        return Some(Token {
            text: text.to_owned(),
            source: Source::Header,
        });
    }
    if route.carriage == Carriage::Socket
        && let Some(text) = offered_token(headers)
    {
        return Some(Token {
            text,
            source: Source::Header,
        });
    }
    let jar = CookieJar::from_headers(headers);
    let text = jar.get(access_cookie(secure))?.value().to_owned();
    Some(Token {
        text,
        source: Source::Cookie,
    })
}

/// The token that a browser offers as a subprotocol, because it cannot set headers on a WebSocket.
fn offered_token(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|protocol| protocol.trim().strip_prefix(SOCKET_BEARER))
        .map(str::to_owned)
}

/// Lets pass what comes from our own pages. Programs send neither header; that is enough only where no
/// cookie is at stake.
fn same_origin(app: &Inner, headers: &HeaderMap, by_cookie: bool) -> Result<(), Problem> {
    let site = headers.get(FETCH_SITE).map(HeaderValue::as_bytes);
    let origin = headers.get(header::ORIGIN);
    let proven = match (origin, site) {
        (Some(origin), _) => *origin == app.origin,
        (None, Some(site)) => site == b"same-origin",
        (None, None) => !by_cookie,
    };
    if proven {
        Ok(())
    } else {
        Err(not_allowed("this request must come from our own pages"))
    }
}

fn not_allowed(why: &'static str) -> Problem {
    Problem::new(ErrorCode::OriginNotAllowed).detail(why)
}
