//! Headers on their way: what a client may not claim goes, what the services need comes.

use std::net::{IpAddr, SocketAddr};

use axum::response::Response;
use common::telemetry;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};

use super::Network;
use crate::{
    access::{Source, Token},
    app::Inner,
    routes::{Route, Upstream},
};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Headers that belong to one connection (RFC 9110 §7.6.1).
const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

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

/// Makes the request fit to be forwarded.
pub(super) fn rewrite(
    app: &Inner,
    route: &Route,
    address: IpAddr,
    (parts, token): (&mut Parts, Option<Token>),
) {
    let host = parts.headers.get(header::HOST).cloned();
    strip(&mut parts.headers);
    let headers = &mut parts.headers;
    if let Some(token) = token {
        let value = HeaderValue::try_from(format!("Bearer {}", token.text));
        let mut value = value.expect("a token that was verified is a header value");
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
        // The subprotocols held the token; the service needs only to know the protocol's name.
        if token.source == Source::Header && headers.contains_key(header::SEC_WEBSOCKET_PROTOCOL) {
            headers.insert(
                header::SEC_WEBSOCKET_PROTOCOL,
                HeaderValue::from_static("syntera.v1"),
            );
        }
    }
    // Only auth reads cookies, and only where it set them.
    if route.upstream != Upstream::Auth || route.any_origin {
        headers.remove(header::COOKIE);
    }
    let address = HeaderValue::try_from(address.to_string()).expect("an address is a header value");
    headers.insert(FORWARDED_FOR, address);
    headers.insert(
        FORWARDED_PROTO,
        HeaderValue::from_static(if app.secure { "https" } else { "http" }),
    );
    if let Some(host) = host {
        headers.insert(FORWARDED_HOST, host);
    }
    headers.remove(header::HOST);
    telemetry::inject(headers);
}

/// Removes what belongs to the connection, and what a client may not claim.
fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
    let claimed: Vec<HeaderName> = headers
        .keys()
        .filter(|name| {
            CLAIMS
                .iter()
                .any(|prefix| name.as_str().starts_with(prefix))
                || *name == header::FORWARDED
        })
        .cloned()
        .collect();
    for name in claimed {
        headers.remove(name);
    }
}

/// Makes an answer of a service fit for the client.
pub(super) fn answer(response: &mut Response) {
    let too_large = response.status() == StatusCode::PAYLOAD_TOO_LARGE;
    let headers = response.headers_mut();
    for name in &HOP_BY_HOP {
        // An upgrade is the one answer whose connection headers are the client's too.
        if headers.contains_key(header::UPGRADE)
            && (name == header::CONNECTION || name == header::UPGRADE)
        {
            continue;
        }
        headers.remove(name);
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
