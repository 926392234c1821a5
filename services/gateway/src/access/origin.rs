//! Where a request comes from: proof that it is one of our own pages, where cookies are at stake.

use common::{ErrorCode, Problem, tokens::refresh_cookie};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use super::cookie;
use crate::{
    app::Inner,
    routes::{Carriage, Route, Upstream},
};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Lets pass what comes from our own pages, where it must. `by_cookie` says whether the token came so.
///
/// # Errors
/// 403.
pub(super) fn prove(
    app: &Inner,
    route: &Route,
    headers: &HeaderMap,
    by_cookie: bool,
) -> Result<(), Problem> {
    let changes = route.method != Method::GET || route.carriage == Carriage::Socket;
    if !changes {
        return Ok(());
    }
    // Sign-in, refresh and sign-out set or read cookies themselves.
    let sets_cookies = route.upstream == Upstream::Auth && !route.any_origin;
    let by_cookie =
        by_cookie || (sets_cookies && cookie(headers, refresh_cookie(app.secure)).is_some());
    if by_cookie || sets_cookies {
        same_origin(app, headers, by_cookie)?;
    }
    Ok(())
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

/// Lets a visitor's token pass on the site that it belongs to. One that was copied to another site is of
/// no use there.
///
/// # Errors
/// 403.
pub(super) fn bound(headers: &HeaderMap, origin: Option<&str>) -> Result<(), Problem> {
    match (origin, headers.get(header::ORIGIN)) {
        (Some(bound), Some(sent)) if sent.as_bytes() != bound.as_bytes() => {
            Err(not_allowed("the token belongs to another site"))
        }
        _ => Ok(()),
    }
}

fn not_allowed(why: &'static str) -> Problem {
    Problem::new(ErrorCode::OriginNotAllowed).detail(why)
}
