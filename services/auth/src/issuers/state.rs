//! The cookie that binds a sign-in to the browser that began it.
//!
//! It names the ticket that waits. Somebody who is led to the way back by another person's link has not
//! got it, and is not signed in as that person (RFC 9700 §4.7).

use axum_extra::extract::CookieJar;
use chrono::Duration;
use http::{HeaderMap, HeaderValue, header};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// Where the gateway serves the routes that need it.
const PATH: &str = "/api/v1/auth/oidc";

/// The ticket that a browser was given.
pub(super) fn ticket(public_url: &Url, headers: &HeaderMap) -> Option<SecretString> {
    let jar = CookieJar::from_headers(headers);
    let (name, _) = name(public_url);
    Some(jar.get(name)?.value().to_owned().into())
}

/// Gives a browser its ticket. `Lax` lets it come along when the provider sends the browser back.
pub(super) fn set(public_url: &Url, headers: &mut HeaderMap, ticket: &SecretString, age: Duration) {
    put(public_url, headers, (ticket.expose_secret(), age));
}

/// Takes the ticket away.
pub(super) fn clear(public_url: &Url, headers: &mut HeaderMap) {
    put(public_url, headers, ("", Duration::zero()));
}

fn put(public_url: &Url, headers: &mut HeaderMap, (value, age): (&str, Duration)) {
    let (name, rest) = name(public_url);
    let age = age.num_seconds();
    let text = format!("{name}={value}; {rest}; Max-Age={age}; HttpOnly; SameSite=Lax");
    let mut cookie = HeaderValue::try_from(text).expect("tickets are base64url");
    cookie.set_sensitive(true);
    headers.append(header::SET_COOKIE, cookie);
}

/// The name, and where it goes. The prefix, which binds it to this host, demands the path `/`
/// (RFC 6265bis §4.1.3.2).
fn name(public_url: &Url) -> (&'static str, String) {
    if public_url.scheme() == "https" {
        ("__Host-syntera_issuer", "Path=/; Secure".to_owned())
    } else {
        ("syntera_issuer", format!("Path={PATH}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookie(url: &str) -> String {
        let (mut headers, url) = (HeaderMap::new(), url.parse().unwrap());
        set(
            &url,
            &mut headers,
            &"tk_x".to_owned().into(),
            Duration::minutes(10),
        );
        headers[header::SET_COOKIE].to_str().unwrap().to_owned()
    }

    #[test]
    fn a_secure_origin_binds_it_to_the_host() {
        assert_eq!(
            cookie("https://syntera.example"),
            "__Host-syntera_issuer=tk_x; Path=/; Secure; Max-Age=600; HttpOnly; SameSite=Lax"
        );
        assert_eq!(
            cookie("http://localhost:4000"),
            "syntera_issuer=tk_x; Path=/api/v1/auth/oidc; Max-Age=600; HttpOnly; SameSite=Lax"
        );
    }

    #[test]
    fn only_the_own_name_is_read() {
        let url: Url = "https://syntera.example".parse().unwrap();
        let mut headers = HeaderMap::new();
        let tossed = HeaderValue::from_static("syntera_issuer=tk_tossed");
        headers.insert(header::COOKIE, tossed);
        assert!(ticket(&url, &headers).is_none());
        let own = HeaderValue::from_static("a=b; __Host-syntera_issuer=tk_own");
        headers.insert(header::COOKIE, own);
        assert_eq!(ticket(&url, &headers).unwrap().expose_secret(), "tk_own");
    }
}
