//! Headers on their way: what a client may not claim goes, what the services need comes.

use std::{
    fmt,
    io::Write,
    net::{IpAddr, SocketAddr},
};

use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};

use super::Network;
use crate::{
    app::Inner,
    routes::{Carriage, Route, Upstream},
};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Prefixes of headers that name an identity: only we may say who somebody is.
const CLAIMS: [&str; 5] = [
    "x-syntera-",
    "x-user-",
    "x-workspace-",
    "x-auth-",
    "x-forwarded-",
];

/// The client's address: the peer's, unless the peer is a trusted proxy; then the last address that it
/// did not add itself.
pub(super) fn client_address(proxies: &[Network], peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
    let trusted = |address: IpAddr| proxies.iter().any(|network| network.contains(address));
    let mut address = peer.ip().to_canonical();
    if !trusted(address) {
        return address;
    }
    let chain: Vec<&str> = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    for hop in chain.into_iter().rev() {
        if !trusted(address) {
            break;
        }
        match hop.trim().parse::<IpAddr>() {
            Ok(hop) => address = hop.to_canonical(),
            Err(_) => break,
        }
    }
    address
}

/// Makes the request fit to be forwarded. `authorization` replaces what the client sent.
pub(super) fn rewrite(
    app: &Inner,
    route: &Route,
    parts: &mut Parts,
    (address, authorization): (IpAddr, Option<HeaderValue>),
) {
    // HTTP/2 has it in the URI (RFC 9113 §8.3.1).
    let host = match parts.uri.authority() {
        Some(authority) => HeaderValue::from_str(authority.as_str()).ok(),
        // It stays: the replica's name takes its place, and the map need not grow for it.
        None => parts.headers.get(header::HOST).cloned(),
    };
    strip(&mut parts.headers);
    let headers = &mut parts.headers;
    if let Some(authorization) = authorization {
        headers.insert(header::AUTHORIZATION, authorization);
    }
    // The subprotocols may hold the token; the service needs only to know the protocol's name.
    if route.carriage == Carriage::Socket && headers.contains_key(header::SEC_WEBSOCKET_PROTOCOL) {
        let protocol = HeaderValue::from_static("syntera.v1");
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    // Only auth reads cookies, and only where it set them.
    if route.upstream != Upstream::Auth || route.any_origin {
        headers.remove(header::COOKIE);
    } else {
        join_cookies(headers);
    }
    headers.insert(FORWARDED_FOR, address_value(address));
    headers.insert(
        FORWARDED_PROTO,
        HeaderValue::from_static(if app.secure { "https" } else { "http" }),
    );
    if let Some(host) = host {
        headers.insert(FORWARDED_HOST, host);
    }
}

/// HTTP/2 may send each cookie by itself; in HTTP/1.1 they are one header (RFC 9113 §8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let mut all = headers.get_all(header::COOKIE).iter();
    let (Some(first), Some(second)) = (all.next(), all.next()) else {
        return;
    };
    let all = [first, second].into_iter().chain(all);
    let all: Vec<_> = all.map(HeaderValue::as_bytes).collect();
    if let Ok(joined) = HeaderValue::from_bytes(&all.join(&b"; "[..])) {
        headers.insert(header::COOKIE, joined);
    }
}

fn address_value(address: IpAddr) -> HeaderValue {
    header_value(format_args!("{address}"))
}

/// A short text as a header's value, without a string in between.
pub(crate) fn header_value(text: fmt::Arguments<'_>) -> HeaderValue {
    let mut bytes = [0; 64];
    let mut rest = &mut bytes[..];
    rest.write_fmt(text).expect("the text is short");
    let length = 64 - rest.len();
    HeaderValue::from_bytes(&bytes[..length]).expect("it is made of names and numbers")
}

/// Removes what belongs to the connection, and what a client may not claim.
fn strip(headers: &mut HeaderMap) {
    remove_all(headers, |name| is_hop_by_hop(name) || is_claim(name));
}

/// Removes the headers that `unwanted` names, and those that `Connection` does (RFC 9110 §7.6.1).
fn remove_all(headers: &mut HeaderMap, unwanted: impl Fn(&HeaderName) -> bool) {
    // One look at each: looking for each of them would cost more, and mostly none is there.
    let mut removed: Vec<HeaderName> = headers
        .keys()
        .filter(|name| unwanted(name))
        .cloned()
        .collect();
    if removed.contains(&header::CONNECTION) {
        let named = headers
            .get_all(header::CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|name| name.trim().parse::<HeaderName>().ok());
        removed.extend(named);
    }
    for name in removed {
        headers.remove(name);
    }
}

/// Whether a header belongs to one connection (RFC 9110 §7.6.1).
fn is_hop_by_hop(name: &HeaderName) -> bool {
    // Texts, because a constant list of names would be made anew for each look.
    matches!(
        name.as_str(),
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

fn is_claim(name: &HeaderName) -> bool {
    let text = name.as_str();
    // Most names are none, and their first letters tell.
    (text.starts_with("x-") && CLAIMS.iter().any(|prefix| text.starts_with(prefix)))
        || *name == header::FORWARDED
}

/// Makes an answer of a service fit for the client.
pub(super) fn answer(response: &mut Response) {
    let too_large = response.status() == StatusCode::PAYLOAD_TOO_LARGE;
    let headers = response.headers_mut();
    // An upgrade is the one answer whose connection headers are the client's too.
    if !headers.contains_key(header::UPGRADE) {
        remove_all(headers, is_hop_by_hop);
    }
    if too_large {
        // The rest of the body is not read, so the connection ends.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_of_http_2_become_one_header() {
        let mut headers = HeaderMap::new();
        for cookie in ["a=1", "b=2", "c=3"] {
            headers.append(header::COOKIE, HeaderValue::from_static(cookie));
        }
        join_cookies(&mut headers);
        let joined: Vec<_> = headers.get_all(header::COOKIE).iter().collect();
        assert_eq!(joined, ["a=1; b=2; c=3"]);
        join_cookies(&mut headers);
        assert_eq!(headers[header::COOKIE], "a=1; b=2; c=3");
    }

    #[test]
    fn what_belongs_to_the_connection_and_what_only_we_may_say_goes() {
        let sent = [
            ("connection", "keep-alive, X-Hop"),
            ("x-hop", "1"),
            ("te", "trailers"),
            ("x-user-id", "1"),
            ("x-forwarded-for", "1.2.3.4"),
            ("forwarded", "for=1.2.3.4"),
            ("x-request-id", "kept"),
            ("accept", "kept"),
        ];
        let mut headers: HeaderMap = sent
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect();
        strip(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["accept", "x-request-id"]);
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let proxies = ["10.0.0.0/8".parse().unwrap()];
        let address = |peer: &str, chain: &[&str]| {
            let peer = SocketAddr::new(peer.parse().unwrap(), 4000);
            let lines = chain
                .iter()
                .map(|line| HeaderValue::from_str(line).unwrap());
            let headers = lines.map(|line| (FORWARDED_FOR, line)).collect();
            client_address(&proxies, peer, &headers).to_string()
        };
        assert_eq!(address("198.51.100.7", &[]), "198.51.100.7");
        assert_eq!(address("198.51.100.7", &["203.0.113.9"]), "198.51.100.7");
        assert_eq!(address("10.0.0.1", &["203.0.113.9"]), "203.0.113.9");
        // What the stranger wrote stands before what our proxies added.
        assert_eq!(
            address("10.0.0.1", &["192.0.2.1, 203.0.113.9, 10.0.0.2"]),
            "203.0.113.9"
        );
        assert_eq!(
            address("10.0.0.1", &["192.0.2.1", "203.0.113.9"]),
            "203.0.113.9"
        );
        assert_eq!(address("10.0.0.1", &["unknown"]), "10.0.0.1");
    }
}
