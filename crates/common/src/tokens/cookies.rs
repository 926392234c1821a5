//! What the cookies of a signed-in browser are called: auth sets them, the gateway looks for them. Where
//! the origin is secure they have the prefix that browsers bind to this host (RFC 6265bis §4.1.3.2).

/// The cookie that carries the access token.
#[must_use]
pub const fn access_cookie(secure: bool) -> &'static str {
    if secure {
        "__Host-syntera_access"
    } else {
        "syntera_access"
    }
}

/// The cookie that carries the refresh token.
#[must_use]
pub const fn refresh_cookie(secure: bool) -> &'static str {
    if secure {
        "__Host-syntera_refresh"
    } else {
        "syntera_refresh"
    }
}
