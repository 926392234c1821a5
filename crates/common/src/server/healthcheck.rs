//! `healthcheck`: asks the process beside it for `/readyz`. An image without a shell has no other way.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context, bail};

const WITHIN: Duration = Duration::from_secs(4);

/// Settings of `healthcheck`.
#[derive(Debug, Clone, clap::Args)]
pub struct Healthcheck {
    /// The internal listener to ask [default: 127.0.0.1, port + 100].
    #[arg(long, env = "SYNTERA_INTERNAL_BIND")]
    pub internal_bind: Option<SocketAddr>,
}

impl Healthcheck {
    /// Asks the service whose public port is `port` by default.
    ///
    /// # Errors
    /// When it does not answer, or says that it is not ready, and why.
    pub async fn run(&self, port: u16) -> anyhow::Result<()> {
        let bound = self
            .internal_bind
            .unwrap_or(SocketAddr::from(([127, 0, 0, 1], port + 100)));
        let address = reachable(bound);
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(WITHIN)
            .build()?;
        let response = client
            .get(format!("http://{address}/readyz"))
            .send()
            .await
            .with_context(|| format!("no answer from {address}"))?;
        if !response.status().is_success() {
            bail!("not ready: {}", response.text().await?);
        }
        Ok(())
    }
}

/// Where to call what listens on `bound`: "every address" is none that can be called.
fn reachable(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, bound.port())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::server::{Health, Unhealthy, operations};

    async fn asked(health: Health) -> anyhow::Result<()> {
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let internal_bind = Some(listener.local_addr().unwrap());
        let server = tokio::spawn(axum::serve(listener, operations(health)).into_future());
        let result = Healthcheck { internal_bind }.run(1).await;
        server.abort();
        result
    }

    #[tokio::test]
    async fn it_says_what_readyz_says() {
        asked(Health::new()).await.unwrap();
        let broken = Health::new().check("bus", || async { Err(Unhealthy("gone".to_owned())) });
        let error = asked(broken).await.unwrap_err().to_string();
        assert!(error.contains("bus") && error.contains("gone"), "{error}");
    }

    #[tokio::test]
    async fn nobody_there_is_a_failure() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let internal_bind = Some(listener.local_addr().unwrap());
        drop(listener);
        assert!(Healthcheck { internal_bind }.run(1).await.is_err());
    }

    #[test]
    fn every_address_becomes_loopback() {
        let at = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(at("0.0.0.0:4101"), "127.0.0.1:4101");
        assert_eq!(at("[::]:4101"), "[::1]:4101");
        assert_eq!(at("10.0.0.7:4101"), "10.0.0.7:4101");
    }
}
