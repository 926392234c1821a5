//! TLS, and the versions of HTTP.

use std::{fs, path::Path, sync::Arc};

use axum::body::Body;
use common::server::TlsConfig;
use futures::{SinkExt, StreamExt};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName},
        version::{TLS12, TLS13},
    },
};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};

use crate::{Gateway, Setup, log::Kept};

const NAME: &str = "syntera.test";

/// Writes a new certificate and its key, and answers it.
fn renew(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
    fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    made.cert.der().clone()
}

fn files(folder: &Path) -> TlsConfig {
    TlsConfig {
        tls_cert_file: Some(folder.join("cert.pem")),
        tls_key_file: Some(folder.join("key.pem")),
    }
}

async fn secured(folder: &Path, kept: &Kept) -> Gateway {
    let setup = Setup {
        tls: files(folder),
        public_url: "https://syntera.test",
        log: kept.log(),
        ..Setup::default()
    };
    setup.beside(&[]).await
}

/// A connection by a client that trusts one certificate.
async fn connect(
    gateway: &Gateway,
    trusted: &CertificateDer<'static>,
    version: &'static SupportedProtocolVersion,
    protocols: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
    let address = gateway.server.public.socket_addrs(|| None).unwrap()[0];
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from(NAME).unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

/// Asks by HTTP/2, and answers status and headers.
async fn by_http2(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    uri: &str,
    token: &str,
) -> http::response::Parts {
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = Request::get(uri)
        .header("cookie", "a=1")
        .header("cookie", format!("__Host-syntera_access={token}"))
        .body(Body::empty())
        .unwrap();
    let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
    body.collect().await.unwrap();
    parts
}

#[tokio::test]
async fn tls_1_3_is_spoken_and_nothing_older() {
    let (folder, kept) = (tempfile::tempdir().unwrap(), Kept::default());
    let certificate = renew(folder.path());
    let gateway = secured(folder.path(), &kept).await;
    assert!(
        connect(&gateway, &certificate, &TLS12, &["h2"])
            .await
            .is_err()
    );
    let stream = connect(&gateway, &certificate, &TLS13, &["http/1.1", "h2"])
        .await
        .unwrap();
    let (_, session) = stream.get_ref();
    assert_eq!(session.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    assert_eq!(
        session.alpn_protocol(),
        Some(&b"h2"[..]),
        "ours comes first"
    );
    let parts = by_http2(
        stream,
        "https://syntera.test/api/v1/contacts",
        &gateway.person(),
    )
    .await;
    assert_eq!(parts.status, StatusCode::CREATED);
    let forever = parts.headers["strict-transport-security"].to_str().unwrap();
    assert!(forever.starts_with("max-age="), "{forever}");
    assert_eq!(gateway.last().headers["x-forwarded-host"], "syntera.test");
    let line = &kept.lines(1).await[0];
    assert_eq!(
        (&line["tls"], &line["version"]),
        (&true.into(), &"HTTP/2.0".into())
    );
}

#[tokio::test]
async fn http_2_is_spoken_without_tls_to_those_who_know() {
    let gateway = Gateway::start().await;
    let address = gateway.server.public.socket_addrs(|| None).unwrap()[0];
    let stream = TcpStream::connect(address).await.unwrap();
    let uri = "http://syntera.test/api/v1/.well-known/jwks.json";
    let parts = by_http2(stream, uri, "").await;
    assert_eq!(parts.status, StatusCode::CREATED);
    assert!(!parts.headers.contains_key("strict-transport-security"));
    assert!(!gateway.last().headers.contains_key("authorization"));
    // Each cookie came by itself, and auth reads one header.
    assert_eq!(
        gateway.last().headers["cookie"],
        "a=1; __Host-syntera_access="
    );
}

#[tokio::test]
async fn a_socket_is_joined_through_tls() {
    let (folder, kept) = (tempfile::tempdir().unwrap(), Kept::default());
    let certificate = renew(folder.path());
    let gateway = secured(folder.path(), &kept).await;
    let stream = connect(&gateway, &certificate, &TLS13, &["http/1.1"])
        .await
        .unwrap();
    let mut request = "wss://syntera.test/api/v1/ws/chat"
        .into_client_request()
        .unwrap();
    let token = format!("Bearer {}", gateway.visitor());
    request
        .headers_mut()
        .insert("authorization", token.parse().unwrap());
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream)
        .await
        .unwrap();
    socket.send(Message::text("here")).await.unwrap();
    let echoed = socket.next().await.unwrap().unwrap();
    assert_eq!(echoed.into_text().unwrap(), "here");
}

#[tokio::test]
async fn a_new_certificate_is_taken_up_and_a_bad_one_is_not() {
    let (folder, kept) = (tempfile::tempdir().unwrap(), Kept::default());
    // The files are followed by a task of this thread, so its log is this thread's.
    let told = Kept::default();
    let writer = told.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone());
    let _logging = tracing::subscriber::set_default(subscriber.finish());
    let first = renew(folder.path());
    let gateway = secured(folder.path(), &kept).await;
    connect(&gateway, &first, &TLS13, &[]).await.unwrap();
    // Half of a pair, as a careless copy leaves it.
    let good = fs::read(folder.path().join("cert.pem")).unwrap();
    fs::write(folder.path().join("cert.pem"), &good[..good.len() / 2]).unwrap();
    testkit::eventually("the bad one was looked at", || async {
        told.text().contains("the old one stays").then_some(())
    })
    .await;
    connect(&gateway, &first, &TLS13, &[]).await.unwrap();
    let second = renew(folder.path());
    testkit::eventually("the new one is used", || async {
        connect(&gateway, &second, &TLS13, &[]).await.ok()
    })
    .await;
    assert!(connect(&gateway, &first, &TLS13, &[]).await.is_err());
}
