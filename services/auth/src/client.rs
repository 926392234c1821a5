//! Where a request comes from, as the gateway says it.

use std::{convert::Infallible, net::IpAddr};

use axum::extract::FromRequestParts;
use http::{HeaderName, header, request::Parts};

/// The gateway puts one address here: the client's.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// A `User-Agent` is kept this far.
const USER_AGENT: usize = 256;

/// Where a request comes from. For showing to people, never for deciding who somebody is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Client {
    /// The client's address.
    pub(crate) address: Option<IpAddr>,
    /// What the client calls itself.
    pub(crate) user_agent: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let text = |name| {
            parts
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        Ok(Self {
            address: text(&FORWARDED_FOR).and_then(|address| address.trim().parse().ok()),
            user_agent: text(&header::USER_AGENT).map(clean),
        })
    }
}

/// A `User-Agent` as it is kept.
fn clean(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(USER_AGENT)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_agent_is_cut_and_clean() {
        assert_eq!(clean("a\u{7f}b\nc"), "abc");
        assert_eq!(clean(&"é".repeat(1000)).chars().count(), 256);
    }

    #[tokio::test]
    async fn the_address_is_what_the_gateway_wrote() {
        let read = async |address: &str| {
            let request = http::Request::builder().header("x-forwarded-for", address);
            let (mut parts, ()) = request.body(()).unwrap().into_parts();
            let Ok(client) = Client::from_request_parts(&mut parts, &()).await;
            client.address
        };
        assert_eq!(read("192.0.2.7").await, Some("192.0.2.7".parse().unwrap()));
        assert_eq!(
            read("2001:db8::7").await,
            Some("2001:db8::7".parse().unwrap())
        );
        assert_eq!(read("somewhere").await, None);
    }
}
