//! Asking identity providers: HTTP that a workspace's settings cannot turn against our own network.
//!
//! Whoever owns a workspace says where its provider is, and a provider says where its endpoints are. So
//! every address is looked at, after the name was resolved, which a name that changes its mind does not
//! get around; redirects are not followed; and answers are short and soon.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use reqwest::{
    dns::{Addrs, Name, Resolve, Resolving},
    redirect,
};
use url::{Host, Url};

/// One answer may take so long. The whole of a request to us has five seconds.
pub(super) const WITHIN: Duration = Duration::from_secs(4);
/// The largest answer, in bytes. Discovery and key sets take some kilobytes.
const LARGEST: usize = 1 << 20;

/// Why a provider was not asked, or gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    /// The URL is not https.
    #[error("the URL is not https")]
    NotHttps,
    /// The URL leads into our own network.
    #[error("the address is not public")]
    NotPublic,
    /// The answer is too long.
    #[error("the answer is larger than {LARGEST} bytes")]
    TooLarge,
    /// The request cannot be sent.
    #[error("the request is not valid")]
    Request(#[from] http::Error),
    /// The provider cannot be reached.
    #[error("no answer")]
    Http(#[source] reqwest::Error),
}

impl From<reqwest::Error> for FetchError {
    fn from(error: reqwest::Error) -> Self {
        // The URL of a request may carry what a log must not have.
        Self::Http(error.without_url())
    }
}

/// Where providers may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy {
    /// On this machine, also without TLS: in development.
    pub(super) loopback: bool,
    /// In a private network.
    pub(super) private: bool,
}

impl Policy {
    /// Lets URLs pass whose scheme and literal address are allowed. Names are looked at when they are
    /// resolved.
    pub(super) fn check(self, url: &Url) -> Result<(), FetchError> {
        let (local, allowed) = match url.host() {
            Some(Host::Domain(name)) => (name == "localhost", true),
            Some(Host::Ipv4(address)) => (address.is_loopback(), self.allows(address.into())),
            Some(Host::Ipv6(address)) => (address.is_loopback(), self.allows(address.into())),
            None => (false, false),
        };
        if url.scheme() != "https" && !(url.scheme() == "http" && local && self.loopback) {
            return Err(FetchError::NotHttps);
        }
        if allowed {
            Ok(())
        } else {
            Err(FetchError::NotPublic)
        }
    }

    fn allows(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        if address.is_loopback() {
            return self.loopback;
        }
        self.private
            || match address {
                IpAddr::V4(address) => is_public_v4(address),
                IpAddr::V6(address) => is_public_v6(address),
            }
    }
}

/// Whether an address is on the internet (IANA's special-purpose registry, RFC 6890).
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        // This network, and what is reserved (with the broadcast address).
        || a == 0
        || a >= 240
        // Shared by providers' customers (RFC 6598), protocol assignments, benchmarks.
        || (a == 100 && b & 0xc0 == 64)
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && b & 0xfe == 18);
    !special
}

/// Whether an address is on the internet: global unicast (RFC 4291 §2.4) that is no tunnel to an IPv4
/// address and no documentation.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let special = a == 0x2002 || (a == 0x2001 && (b == 0 || b == 0x0db8)) || a == 0x3fff;
    a & 0xe000 == 0x2000 && !special
}

/// Asks providers. Cheap to clone.
#[derive(Clone)]
pub(super) struct Fetch {
    http: reqwest::Client,
    policy: Policy,
}

impl Fetch {
    /// A client that goes where `policy` lets it.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(super) fn new(policy: Policy) -> Result<Self, FetchError> {
        let http = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .timeout(WITHIN)
            .user_agent("Syntera")
            // A proxy would resolve the names, and nobody would look at the addresses.
            .no_proxy()
            .dns_resolver(Arc::new(Resolver(policy)))
            .build()?;
        Ok(Self { http, policy })
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, FetchError> {
        let request = reqwest::Request::try_from(request)?;
        self.policy.check(request.url())?;
        let mut response = self.http.execute(request).await?;
        let mut answer = http::Response::builder().status(response.status());
        if let Some(headers) = answer.headers_mut() {
            headers.extend(response.headers().clone());
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > LARGEST {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(answer.body(body)?)
    }
}

impl<'c> AsyncHttpClient<'c> for Fetch {
    type Error = FetchError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, FetchError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

impl fmt::Debug for Fetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Fetch").field(&self.policy).finish()
    }
}

/// Resolves names to addresses that are allowed.
struct Resolver(Policy);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found
                .filter(|address| policy.allows(address.ip()))
                .collect();
            if allowed.is_empty() {
                return Err(FetchError::NotPublic.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, http::StatusCode, response::Redirect, routing::get};

    use super::*;

    const PUBLIC: Policy = Policy {
        loopback: false,
        private: false,
    };
    const DEVELOPMENT: Policy = Policy {
        loopback: true,
        private: false,
    };

    fn passes(policy: Policy, url: &str) -> bool {
        policy.check(&url.parse().unwrap()).is_ok()
    }

    #[test]
    fn only_public_addresses_are_asked() {
        for good in [
            "https://login.example.com",
            "https://8.8.8.8",
            "https://100.128.0.1",
            "https://172.32.0.1",
            "https://[2a00:1450:4001::1]",
        ] {
            assert!(passes(PUBLIC, good), "{good}");
        }
        for bad in [
            "http://login.example.com",
            "https://127.0.0.1",
            "https://0.0.0.0",
            "https://10.0.0.1",
            "https://172.16.0.1",
            "https://192.168.0.1",
            "https://169.254.169.254",
            "https://100.64.0.1",
            "https://192.0.0.1",
            "https://198.19.0.1",
            "https://224.0.0.1",
            "https://255.255.255.255",
            "https://[::1]",
            "https://[::]",
            "https://[fe80::1]",
            "https://[fd00::1]",
            "https://[::ffff:10.0.0.1]",
            "https://[2002:a00:1::]",
            "https://[2001:0:a00:1::]",
            "https://[2001:db8::1]",
            "https://[64:ff9b::a00:1]",
        ] {
            assert!(!passes(PUBLIC, bad), "{bad}");
        }
    }

    #[test]
    fn development_reaches_this_machine_and_a_switch_the_own_network() {
        for url in [
            "http://127.0.0.1:5556",
            "http://localhost:5556/dex",
            "http://[::1]:5556",
        ] {
            assert!(passes(DEVELOPMENT, url), "{url}");
        }
        assert!(!passes(DEVELOPMENT, "http://10.0.0.1"));
        assert!(!passes(DEVELOPMENT, "https://10.0.0.1"));
        let own = Policy {
            loopback: false,
            private: true,
        };
        assert!(passes(own, "https://10.0.0.1"));
        assert!(!passes(own, "http://10.0.0.1"));
        assert!(!passes(own, "https://127.0.0.1"));
    }

    async fn ask(policy: Policy, url: &str) -> Result<HttpResponse, FetchError> {
        let fetch = Fetch::new(policy).unwrap();
        let request = http::Request::get(url).body(Vec::new()).unwrap();
        fetch.call(request).await
    }

    /// A server on this machine; answers its port.
    async fn serving(app: Router) -> u16 {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move { axum::serve(listener, app).await });
        port
    }

    #[tokio::test]
    async fn a_name_for_this_machine_is_found_out_when_it_is_resolved() {
        let port = serving(Router::new().route("/", get(async || "here"))).await;
        let answer = ask(DEVELOPMENT, &format!("http://localhost:{port}/")).await;
        assert_eq!(answer.unwrap().body(), b"here");
        let error = ask(PUBLIC, &format!("https://localhost:{port}/")).await;
        let error = format!("{:?}", error.unwrap_err());
        assert!(error.contains("NotPublic"), "{error}");
    }

    #[tokio::test]
    async fn redirects_are_not_followed_and_answers_are_bounded() {
        let app = Router::new()
            .route("/away", get(async || Redirect::to("http://127.0.0.1:1/")))
            .route("/fits", get(async || vec![b'x'; LARGEST]))
            .route("/large", get(async || vec![b'x'; LARGEST + 1]));
        let port = serving(app).await;
        let url = |path: &str| format!("http://127.0.0.1:{port}/{path}");
        let away = ask(DEVELOPMENT, &url("away")).await.unwrap();
        assert_eq!(away.status(), StatusCode::SEE_OTHER);
        let fits = ask(DEVELOPMENT, &url("fits")).await.unwrap();
        assert_eq!(fits.body().len(), LARGEST);
        let large = ask(DEVELOPMENT, &url("large")).await;
        assert!(matches!(large, Err(FetchError::TooLarge)));
    }
}
