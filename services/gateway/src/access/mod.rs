//! Who passes: origin first, then token, then limits.
//!
//! Where a token comes from decides what must be proven. A cookie is sent by the browser without the
//! page's doing, so a write that rests on one must come from our own pages. A bearer token is put there
//! on purpose.

mod cache;
mod hash;
mod keys;
mod origin;

use std::{net::IpAddr, sync::Arc};

use common::{
    ErrorCode, Problem,
    tokens::{access_cookie, bearer},
};
use http::{HeaderMap, HeaderValue, header};

pub(crate) use cache::Verifier;
pub use keys::SecretKeys;

use self::{cache::Known, hash::Hash};
use crate::{
    app::Inner,
    limits::{Class, Counter, Policy, Standing, Subject},
    routes::{Access, Carriage, Route},
};

const SOCKET_BEARER: &str = "bearer.";

/// Where a request's token was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// `Authorization`.
    Header,
    /// A subprotocol of a WebSocket.
    Protocol,
    Cookie,
}

/// A request's token.
struct Token<'a> {
    text: &'a str,
    source: Source,
}

/// What a request that passes is forwarded with.
#[derive(Debug)]
pub(crate) struct Pass {
    /// The header that replaces the client's `Authorization`; none to leave that as it is.
    pub(crate) authorization: Option<HeaderValue>,
    /// How it stands to its limits.
    pub(crate) standing: Option<Standing>,
}

/// Lets a request pass.
///
/// # Errors
/// 401, 403, 429 or 503.
pub(crate) async fn check(
    app: &Inner,
    route: &Route,
    headers: &HeaderMap,
    address: IpAddr,
) -> Result<Pass, Problem> {
    let token = find_token(app.secure, route, headers);
    let by_cookie = matches!(&token, Some(token) if token.source == Source::Cookie);
    origin::prove(app, route, headers, by_cookie)?;
    if route.access == Access::Public {
        return Ok(Pass {
            authorization: None,
            standing: limit_public(app, route, address).await?,
        });
    }
    let Some(token) = token else {
        return Err(Problem::new(ErrorCode::Unauthenticated)
            .detail("send the access token as `Authorization: Bearer <token>`, or sign in"));
    };
    let (known, key, authorization) =
        if token.source == Source::Header && token.text.starts_with(keys::PREFIX) {
            let hash = Hash::of(token.text);
            let (known, exchanged) = Box::pin(by_key(app, token.text, hash, address)).await?;
            (known, Some(hash), Some(authorization(&exchanged)))
        } else {
            let known = by_token(app, token.text, address).await?;
            let replaced = token.source != Source::Header;
            (known, None, replaced.then(|| authorization(token.text)))
        };
    if route.access == Access::Person && !known.person {
        return Err(
            Problem::new(ErrorCode::Forbidden).detail("a visitor's token is not enough here")
        );
    }
    origin::bound(headers, known.origin.as_deref())?;
    Ok(Pass {
        authorization,
        standing: limit_known(app, route, &known, key).await?,
    })
}

/// Whom an access token names.
async fn by_token(app: &Inner, token: &str, address: IpAddr) -> Result<Known, Problem> {
    let hash = Hash::of(token);
    let known = match app.verifier.kept(&hash) {
        Some(known) => known,
        None => {
            let refusals = Counter::new(Policy::Refused, Subject::address(address));
            app.limits.look(refusals)?;
            let verified = Box::pin(app.verifier.verify(token, hash)).await;
            count_refusal(app, refusals, &verified);
            verified?
        }
    };
    app.revocations.check(known.session)?;
    Ok(known)
}

/// Whom a secret key names, and the token that it was exchanged for.
async fn by_key(
    app: &Inner,
    key: &str,
    hash: Hash,
    address: IpAddr,
) -> Result<(Known, Arc<str>), Problem> {
    let refusals = Counter::new(Policy::Refused, Subject::address(address));
    let mut again = true;
    loop {
        if !app.keys.is_kept(&hash) {
            app.limits.look(refusals)?;
        }
        let exchanged = app.keys.token(key, hash, address).await;
        count_refusal(app, refusals, &exchanged);
        let exchanged = exchanged?;
        match by_token(app, &exchanged, address).await {
            Ok(known) => return Ok((known, exchanged)),
            // The session of the token has ended; whether the key has, auth knows.
            Err(problem) if again && is_refusal(&problem) => {
                again = false;
                app.keys.forget(&hash, &exchanged);
            }
            Err(problem) => return Err(problem),
        }
    }
}

/// Guessing costs us a signature or a question to auth, so an address has only so many tries.
fn count_refusal<T>(app: &Inner, counter: Counter, result: &Result<T, Problem>) {
    if let Err(problem) = result
        && is_refusal(problem)
    {
        // That the count is full is told with the next try.
        let _ = app.limits.take(&[counter]);
    }
}

fn is_refusal(problem: &Problem) -> bool {
    problem.code().status() == http::StatusCode::UNAUTHORIZED
}

async fn limit_public(
    app: &Inner,
    route: &Route,
    address: IpAddr,
) -> Result<Option<Standing>, Problem> {
    let subject = Subject::address(address);
    match route.limit {
        Class::Sensitive => {
            let counter = Counter::new(Policy::Sensitive, subject);
            Box::pin(app.limits.take_strictly(counter)).await.map(Some)
        }
        Class::Standard | Class::Costly => {
            app.limits.take(&[Counter::new(Policy::Address, subject)])
        }
    }
}

async fn limit_known(
    app: &Inner,
    route: &Route,
    known: &Known,
    key: Option<Hash>,
) -> Result<Option<Standing>, Problem> {
    let (policy, subject) = match key {
        Some(hash) => (Policy::Key, Subject::Key(hash.half())),
        None => (Policy::User, Subject::Id(known.id)),
    };
    if route.limit == Class::Sensitive {
        let counter = Counter::new(Policy::Sensitive, subject);
        Box::pin(app.limits.take_strictly(counter)).await?;
    }
    let workspace = Subject::Id(known.workspace.as_uuid());
    let counters = [
        Counter::new(policy, subject),
        Counter::new(Policy::Workspace, workspace),
        Counter::new(Policy::Costly, subject),
    ];
    let counted = match route.limit {
        Class::Costly => &counters[..],
        Class::Standard | Class::Sensitive => &counters[..2],
    };
    app.limits.take(counted)
}

fn authorization(token: &str) -> HeaderValue {
    let value = HeaderValue::try_from(format!("Bearer {token}"));
    let mut value = value.expect("a token that was verified is a header value");
    value.set_sensitive(true);
    value
}

fn find_token<'a>(secure: bool, route: &Route, headers: &'a HeaderMap) -> Option<Token<'a>> {
    let found = |text, source| Some(Token { text, source });
    if let Some(text) = bearer(headers) {
        return found(text, Source::Header);
    }
    if route.carriage == Carriage::Socket
        && let Some(text) = offered_token(headers)
    {
        return found(text, Source::Protocol);
    }
    found(cookie(headers, access_cookie(secure))?, Source::Cookie)
}

/// The token that a browser offers as a subprotocol, because it cannot set headers on a WebSocket.
fn offered_token(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|protocol| protocol.trim().strip_prefix(SOCKET_BEARER))
}

/// The value of a cookie (RFC 6265 §5.4). HTTP/2 may send each in a header of its own.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        let mut add = |text| headers.append(header::COOKIE, HeaderValue::from_static(text));
        add("theme=dark; xsyntera_access=1;syntera_access=ey.J.x ; syntera_access2=2");
        add("__Host-syntera_access=other");
        assert_eq!(cookie(&headers, "syntera_access"), Some("ey.J.x"));
        assert_eq!(cookie(&headers, "__Host-syntera_access"), Some("other"));
        assert_eq!(cookie(&headers, "access"), None);
        assert_eq!(cookie(&HeaderMap::new(), "theme"), None);
    }
}
