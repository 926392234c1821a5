//! The two cookies of a signed-in browser.
//!
//! Where the public URL is https they carry `Secure` and the `__Host-` prefix, which binds them to this
//! host; the prefix demands `Path=/` (RFC 6265bis §4.1.3.2). Over plain http the refresh token keeps to
//! the path where it is needed.

use axum_extra::extract::CookieJar;
use chrono::Duration;
use common::tokens::{access_cookie, refresh_cookie};
use http::{HeaderMap, HeaderValue, header};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::{sessions, signing};

/// Where the gateway serves the routes that take the refresh token.
const REFRESH_PATH: &str = "/api/v1/auth";

/// How the cookies are called and kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cookies {
    secure: bool,
}

impl Cookies {
    /// The cookies for people who come by this URL.
    #[must_use]
    pub(crate) fn new(public_url: &Url) -> Self {
        Self {
            secure: public_url.scheme() == "https",
        }
    }

    /// The refresh token that a browser sent.
    pub(crate) fn refresh_token(self, headers: &HeaderMap) -> Option<SecretString> {
        read(headers, self.refresh_name())
    }

    /// The access token that a browser sent.
    pub(crate) fn access_token(self, headers: &HeaderMap) -> Option<SecretString> {
        read(headers, self.access_name())
    }

    /// Keeps both tokens.
    pub(crate) fn set(self, headers: &mut HeaderMap, access: &str, refresh: &SecretString) {
        self.put(headers, self.access_name(), (access, "/"), signing::PERSON);
        let refresh = (refresh.expose_secret(), self.refresh_path());
        self.put(headers, self.refresh_name(), refresh, sessions::IDLE);
    }

    /// Forgets both tokens.
    pub(crate) fn clear(self, headers: &mut HeaderMap) {
        self.put(headers, self.access_name(), ("", "/"), Duration::zero());
        self.put(
            headers,
            self.refresh_name(),
            ("", self.refresh_path()),
            Duration::zero(),
        );
    }

    fn put(self, headers: &mut HeaderMap, name: &str, (value, path): (&str, &str), age: Duration) {
        let secure = if self.secure { "; Secure" } else { "" };
        let age = age.num_seconds();
        let text =
            format!("{name}={value}; Path={path}; Max-Age={age}; HttpOnly; SameSite=Lax{secure}");
        let mut cookie = HeaderValue::try_from(text).expect("tokens are base64url and dots");
        cookie.set_sensitive(true);
        headers.append(header::SET_COOKIE, cookie);
    }

    const fn access_name(self) -> &'static str {
        access_cookie(self.secure)
    }

    const fn refresh_name(self) -> &'static str {
        refresh_cookie(self.secure)
    }

    const fn refresh_path(self) -> &'static str {
        if self.secure { "/" } else { REFRESH_PATH }
    }
}

fn read(headers: &HeaderMap, name: &str) -> Option<SecretString> {
    let jar = CookieJar::from_headers(headers);
    jar.get(name).map(|cookie| cookie.value().to_owned().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookies(url: &str) -> Vec<String> {
        let mut headers = HeaderMap::new();
        Cookies::new(&url.parse().unwrap()).set(&mut headers, "a.b.c", &"rt_x".to_owned().into());
        let values = headers.get_all(header::SET_COOKIE).iter();
        values
            .map(|value| value.to_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn a_secure_origin_binds_them_to_the_host() {
        assert_eq!(
            cookies("https://syntera.example"),
            [
                "__Host-syntera_access=a.b.c; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure",
                "__Host-syntera_refresh=rt_x; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax; Secure",
            ]
        );
        assert_eq!(
            cookies("http://localhost:4000"),
            [
                "syntera_access=a.b.c; Path=/; Max-Age=600; HttpOnly; SameSite=Lax",
                "syntera_refresh=rt_x; Path=/api/v1/auth; Max-Age=2592000; HttpOnly; SameSite=Lax",
            ]
        );
    }

    #[test]
    fn only_the_own_name_is_read() {
        let secure = Cookies::new(&"https://syntera.example".parse().unwrap());
        let mut headers = HeaderMap::new();
        headers.insert(
            header::COOKIE,
            HeaderValue::from_static("syntera_refresh=rt_tossed; other=1"),
        );
        assert!(secure.refresh_token(&headers).is_none());
        headers.insert(
            header::COOKIE,
            HeaderValue::from_static("other=1; __Host-syntera_refresh=rt_own"),
        );
        assert_eq!(
            secure.refresh_token(&headers).unwrap().expose_secret(),
            "rt_own"
        );
    }
}
