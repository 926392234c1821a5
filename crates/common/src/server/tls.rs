//! TLS 1.3 on a listener, with a certificate that is read again when its files change.
//!
//! Nothing below 1.3 is offered (RFC 9325 §3.1.1 recommends it, and every browser of the last years
//! speaks it). HTTP/2 and HTTP/1.1 are agreed on by ALPN (RFC 7301).

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use anyhow::{Context, bail};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
        version::TLS13,
    },
};
use tokio_util::sync::CancellationToken;

/// The files are looked at this often. They are compared by content: a mounted secret of Kubernetes is
/// a link that is exchanged, and its times say little.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The certificate of a listener; both files or none.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct TlsConfig {
    /// The certificate chain in PEM, the server's own first. With it and the key the public listener
    /// speaks TLS 1.3 only; without them it is plain, for a load balancer that ends TLS.
    #[arg(long, env = "SYNTERA_TLS_CERT_FILE")]
    pub tls_cert_file: Option<PathBuf>,
    /// Its private key in PEM.
    #[arg(long, env = "SYNTERA_TLS_KEY_FILE")]
    pub tls_key_file: Option<PathBuf>,
}

/// What a listener agrees on TLS with. Cheap to clone.
#[derive(Clone)]
pub struct Tls(Arc<RwLock<Arc<ServerConfig>>>);

impl Tls {
    /// Reads the files and follows their changes until `stop`; none without files. A new pair that
    /// cannot be used leaves the old one in place, with a warning.
    ///
    /// # Errors
    /// When only one file is named, or the two cannot be used.
    pub fn start(config: &TlsConfig, stop: CancellationToken) -> anyhow::Result<Option<Self>> {
        Self::start_looking(config, LOOK_EVERY, stop)
    }

    /// As [`Tls::start`], looking at the files this often.
    ///
    /// # Errors
    /// As [`Tls::start`].
    pub fn start_looking(
        config: &TlsConfig,
        look_every: Duration,
        stop: CancellationToken,
    ) -> anyhow::Result<Option<Self>> {
        // An unset variable of a container is an empty one.
        let named = |file: &Option<PathBuf>| {
            let file = file.clone();
            file.filter(|file| !file.as_os_str().is_empty())
        };
        let files = match (named(&config.tls_cert_file), named(&config.tls_key_file)) {
            (None, None) => return Ok(None),
            (Some(cert), Some(key)) => Files { cert, key },
            _ => bail!("SYNTERA_TLS_CERT_FILE and SYNTERA_TLS_KEY_FILE go together"),
        };
        let read = files.read()?;
        let tls = Self(Arc::new(RwLock::new(read.config()?)));
        let follower = tls.clone();
        tokio::spawn(async move {
            stop.run_until_cancelled(follower.follow(files, read, look_every))
                .await;
        });
        Ok(Some(tls))
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let config = self.0.read().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(config.clone())
    }

    async fn follow(self, files: Files, mut last: Pair, look_every: Duration) {
        loop {
            tokio::time::sleep(look_every).await;
            let now = match files.read() {
                Ok(now) => now,
                Err(error) => {
                    tracing::warn!(
                        error = format!("{error:#}"),
                        "the certificate cannot be read; the old one stays"
                    );
                    continue;
                }
            };
            if now == last {
                continue;
            }
            match now.config() {
                Ok(config) => {
                    *self.0.write().unwrap_or_else(PoisonError::into_inner) = config;
                    tracing::info!("a new certificate is in use");
                }
                Err(error) => tracing::warn!(
                    error = format!("{error:#}"),
                    "the new certificate cannot be used; the old one stays"
                ),
            }
            // Also when it is bad: it is told once.
            last = now;
        }
    }
}

struct Files {
    cert: PathBuf,
    key: PathBuf,
}

impl Files {
    fn read(&self) -> anyhow::Result<Pair> {
        let read =
            |file: &Path| fs::read(file).with_context(|| format!("cannot read {}", file.display()));
        Ok(Pair {
            cert: read(&self.cert)?,
            key: read(&self.key)?,
        })
    }
}

/// What the files hold, in PEM.
#[derive(PartialEq, Eq)]
struct Pair {
    cert: Vec<u8>,
    key: Vec<u8>,
}

impl Pair {
    fn config(&self) -> anyhow::Result<Arc<ServerConfig>> {
        let chain = CertificateDer::pem_slice_iter(&self.cert)
            .collect::<Result<Vec<_>, _>>()
            .context("SYNTERA_TLS_CERT_FILE is not PEM")?;
        anyhow::ensure!(
            !chain.is_empty(),
            "SYNTERA_TLS_CERT_FILE holds no certificate"
        );
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .context("SYNTERA_TLS_KEY_FILE holds no private key in PEM")?;
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_protocol_versions(&[&TLS13])?
                .with_no_client_auth()
                .with_single_cert(chain, key)
                .context("the certificate and its key cannot be used together")?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // Clients that return spare themselves and us the signature.
        config.ticketer = aws_lc_rs::Ticketer::new()?;
        Ok(Arc::new(config))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_file_alone_or_a_bad_one_is_refused_at_the_start() {
        let start = |config: &TlsConfig| Tls::start(config, CancellationToken::new());
        assert!(start(&TlsConfig::default()).unwrap().is_none());
        let empty = TlsConfig {
            tls_cert_file: Some(PathBuf::new()),
            tls_key_file: Some(PathBuf::new()),
        };
        assert!(start(&empty).unwrap().is_none());
        let alone = TlsConfig {
            tls_cert_file: Some("cert.pem".into()),
            tls_key_file: None,
        };
        let error = start(&alone).err().unwrap().to_string();
        assert!(error.contains("SYNTERA_TLS_KEY_FILE"), "{error}");
        // This file is no certificate.
        let bad = TlsConfig {
            tls_cert_file: Some(file!().into()),
            tls_key_file: Some(file!().into()),
        };
        assert!(start(&bad).is_err());
    }
}
