//! The service behind all contestants of a kind, played by nginx, and the proxies of others in front of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::ground::Ground;
use super::proxy::Proxy;
use super::server::{self, Server};
use crate::install::{Need, need};
use crate::{http, run};

pub(super) const HAPROXY: Need = need("haproxy", "haproxy");
pub(super) const NGINX: Need = need("nginx", "nginx");
pub(super) const WRK: Need = need("wrk", "wrk");

/// People with a token each.
const PEOPLE: &str = "256";
/// The path that is asked for.
pub(super) const PATH: &str = "/api/v1/contacts";

/// How far above a service's port our gateway asks whether it is ready.
const READINESS: u16 = 100;

/// The ports of these benches.
#[derive(Debug, Clone, Copy)]
pub(super) enum Port {
    Upstream,
    Counters,
    Auth,
    Nginx,
    Haproxy,
    HaproxyEs256,
    /// The first of the two of our gateway.
    Gateway,
    GatewayUncached,
    Hyper,
    PerCore,
    Axum,
    /// The first of the two of our chat.
    Chat,
    IdleChat,
    Centrifuge,
    IdleCentrifuge,
    Nchan,
}

impl Port {
    pub(super) fn of(self, ground: &Ground<'_>) -> u16 {
        ground.port(match self {
            Self::Upstream => 0,
            Self::Counters => 1,
            Self::Auth => 2,
            Self::Nginx => 3,
            Self::Haproxy => 4,
            Self::HaproxyEs256 => 5,
            Self::Gateway => 6,
            Self::GatewayUncached => 8,
            Self::Hyper => 10,
            Self::PerCore => 11,
            Self::Axum => 12,
            Self::Chat => 14,
            Self::IdleChat => 16,
            Self::Centrifuge => 18,
            Self::IdleCentrifuge => 19,
            Self::Nchan => 20,
        })
    }
}

/// The service behind all of them, and the tokens of those who ask it.
pub(super) struct Upstream<'a> {
    pub(super) ground: &'a Ground<'a>,
    /// Keys and tokens, as `bench keys` writes them.
    pub(super) keys: PathBuf,
    pub(super) tokens: Vec<String>,
    /// What it answers.
    pub(super) body: String,
    /// Runs as long as this exists.
    _server: Server,
}

impl<'a> Upstream<'a> {
    pub(super) fn start(ground: &'a Ground<'a>) -> Result<Self> {
        Self::with_company(ground, (0, 0))
    }

    /// With a company of so many colleagues and rooms among the keys.
    pub(super) fn with_company(
        ground: &'a Ground<'a>,
        (colleagues, rooms): (u32, u32),
    ) -> Result<Self> {
        let keys = ground.folder.join("keys");
        let mut make = Command::new(ground.program("bench"));
        make.args(["keys", "--people", PEOPLE])
            .args(["--colleagues", &colleagues.to_string()])
            .args(["--rooms", &rooms.to_string(), "--out"])
            .arg(&keys);
        run::output(&mut make)?;
        let read =
            |path: PathBuf| fs::read_to_string(&path).with_context(|| path.display().to_string());
        let body = read(ground.source("gateway/contacts.json"))?
            .trim()
            .to_owned();
        let port = |port: Port| port.of(ground).to_string();
        let configuration = ground.configure(
            "peers/upstream.conf",
            &[
                ("upstream", port(Port::Upstream)),
                ("counters", port(Port::Counters)),
                (
                    "readiness",
                    (Port::Upstream.of(ground) + READINESS).to_string(),
                ),
                ("auth", port(Port::Auth)),
                ("jwks", read(keys.join("auth.jwks.json"))?),
                ("body", body.clone()),
            ],
        )?;
        let upstream = Port::Upstream.of(ground);
        let server = nginx(ground, "upstream", &configuration, upstream)?;
        Ok(Self {
            ground,
            tokens: read(keys.join("tokens.txt"))?
                .lines()
                .map(str::to_owned)
                .collect(),
            keys,
            body,
            _server: server,
        })
    }

    /// How many requests it has answered.
    pub(super) fn answered(&self) -> Result<u64> {
        let (_, text) = http::get(Port::Counters.of(self.ground), "/")?;
        requests(&text).with_context(|| format!("nginx's counters: {text}"))
    }

    /// nginx as a proxy in front of it.
    pub(super) fn nginx(&self) -> Result<Proxy<'_>> {
        let port = Port::Nginx.of(self.ground);
        let configuration = self
            .ground
            .configure("peers/nginx.conf", &self.ports(port))?;
        Ok(Proxy {
            name: "nginx",
            about: "a proxy that checks nothing",
            server: nginx(self.ground, "nginx", &configuration, port)?,
            port,
            refuses: false,
            upstream: self,
        })
    }

    /// HAProxy as a proxy in front of it.
    pub(super) fn haproxy(&self) -> Result<Proxy<'_>> {
        let port = Port::Haproxy.of(self.ground);
        let configuration = self
            .ground
            .configure("peers/haproxy.cfg", &self.ports(port))?;
        Ok(Proxy {
            name: "HAProxy",
            about: "a proxy that checks nothing",
            server: haproxy(self.ground, "haproxy", &configuration, port)?,
            port,
            refuses: false,
            upstream: self,
        })
    }

    /// HAProxy that verifies the signature of each request's token.
    pub(super) fn haproxy_es256(&self) -> Result<Proxy<'_>> {
        let port = Port::HaproxyEs256.of(self.ground);
        let mut values = self.ports(port).to_vec();
        values.push(("key", self.keys.join("auth.pem").display().to_string()));
        let configuration = self.ground.configure("peers/haproxy-es256.cfg", &values)?;
        Ok(Proxy {
            name: "HAProxy ES256",
            about: "`jwt_verify` of each request's token, nothing else of it",
            server: haproxy(self.ground, "haproxy-es256", &configuration, port)?,
            port,
            refuses: true,
            upstream: self,
        })
    }

    fn ports(&self, port: u16) -> [(&'static str, String); 2] {
        let upstream = Port::Upstream.of(self.ground).to_string();
        [("port", port.to_string()), ("upstream", upstream)]
    }
}

fn nginx(
    ground: &Ground<'_>,
    name: &'static str,
    configuration: &Path,
    port: u16,
) -> Result<Server> {
    let folder = ground.folder.display().to_string();
    let file = configuration.display().to_string();
    let argv = ["nginx", "-e", "stderr", "-p", &folder, "-c", &file];
    Server::start(ground.instance, &ground.spec(name, &argv), &[port], || {
        server::answers(port, PATH)
    })
}

fn haproxy(
    ground: &Ground<'_>,
    name: &'static str,
    configuration: &Path,
    port: u16,
) -> Result<Server> {
    let file = configuration.display().to_string();
    // In the foreground, as one process.
    let argv = ["haproxy", "-db", "-f", &file];
    Server::start(ground.instance, &ground.spec(name, &argv), &[port], || {
        // With or without a token: any answer will do.
        http::get(port, PATH).is_ok()
    })
}

/// The third of the counters `accepts handled requests`.
fn requests(status: &str) -> Option<u64> {
    let numbers = status.lines().nth(2)?;
    numbers.split_whitespace().nth(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_of_requests() {
        let status =
            "Active connections: 3 \nserver accepts handled requests\n 16 16 1234 \nReading: 0\n";
        assert_eq!(requests(status), Some(1234));
        assert_eq!(requests("<html>"), None);
    }
}
