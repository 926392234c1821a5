//! The servers of `fanout`: our chat with its stores, and its peers.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::load::Target;
use crate::bench::ground::Ground;
use crate::bench::server::{self, Server};
use crate::bench::upstream::{Port, Upstream};
use crate::ports::Service;
use crate::secrets::Secrets;
use crate::settings::{Env, Settings};
use crate::supervise::Spec;
use crate::{http, install, run, say};

/// Debian's package of the module nchan.
const NCHAN: &str = "libnginx-mod-nchan";
/// Longer than rooms lie idle between two runs, so that no run closes those of the last one.
const IDLE_SECONDS: &str = "31536000";

/// What it takes to start them.
pub(super) struct Servers<'a> {
    upstream: &'a Upstream<'a>,
    secrets: Secrets,
    /// The peer on the library centrifuge.
    centrifuge: PathBuf,
}

impl<'a> Servers<'a> {
    /// Builds what is missing, and brings chat's stores to the state that it expects.
    pub(super) fn prepare(upstream: &'a Upstream<'a>) -> Result<Self> {
        let ground = upstream.ground;
        let module = ground.source("peers/centrifuge");
        let servers = Self {
            upstream,
            secrets: Secrets::of(ground.instance)?,
            centrifuge: install::go_program(ground.workspace, "centrifuge", (&module, "."))?,
        };
        let mut migrate = Command::new(ground.program("chat"));
        migrate
            .arg("migrate")
            .envs(servers.environment(Port::Chat.of(ground)));
        run::quietly("migrating chat", &mut migrate)?;
        Ok(servers)
    }

    fn ground(&self) -> &'a Ground<'a> {
        self.upstream.ground
    }

    /// One instance of our chat.
    pub(super) fn chat(&self, name: &'static str, port: Port) -> Result<Server> {
        let ground = self.ground();
        let port = port.of(ground);
        let argv = vec![ground.program("chat"), "serve".into()];
        let mut spec = Spec::new(name, ground.folder.clone(), argv);
        spec.env = self.environment(port);
        Server::start(ground.instance, &spec, &[port, port + 1], || {
            server::answers(port + 1, "/readyz")
        })
    }

    /// How the load finds it.
    pub(super) fn to_chat(&self, port: Port) -> Target<'a> {
        let port = port.of(self.ground());
        Target {
            to: "chat",
            port,
            internal: Some(port + 1),
            keys: &self.upstream.keys,
        }
    }

    /// The server on the library centrifuge.
    pub(super) fn centrifuge(&self, name: &'static str, port: Port) -> Result<Server> {
        let ground = self.ground();
        let port = port.of(ground);
        let (program, bind) = (
            self.centrifuge.display().to_string(),
            format!("127.0.0.1:{port}"),
        );
        let key = self.upstream.keys.join("auth.pem").display().to_string();
        let argv = [&program, "-bind", &bind, "-key", &key];
        Server::start(ground.instance, &ground.spec(name, &argv), &[port], || {
            server::answers(port, "/ready")
        })
    }

    /// How the load finds it.
    pub(super) fn to_centrifuge(&self, port: Port) -> Target<'a> {
        self.to("centrifuge", port)
    }

    /// nginx with nchan, unless this machine cannot have it, which is then said.
    ///
    /// # Errors
    /// When an interrupt came.
    pub(super) fn nchan(&self) -> Result<Option<Server>> {
        let started = self.start_nchan();
        if let Err(error) = &started {
            run::check()?;
            say::line(format!("  without nchan: {error:#}"));
        }
        Ok(started.ok())
    }

    fn start_nchan(&self) -> Result<Server> {
        let ground = self.ground();
        let package = install::debian_unpacked(ground.workspace, NCHAN)?;
        let module = package.join("usr/lib/nginx/modules/ngx_nchan_module.so");
        let port = Port::Nchan.of(ground);
        let configuration = ground.configure(
            "peers/nchan.conf",
            &[
                ("module", module.display().to_string()),
                ("port", port.to_string()),
            ],
        )?;
        let (folder, file) = (
            ground.folder.display().to_string(),
            configuration.display().to_string(),
        );
        let argv = ["nginx", "-e", "stderr", "-p", &folder, "-c", &file];
        let spec = ground.spec("nchan", &argv);
        Server::start(ground.instance, &spec, &[port], || {
            http::get(port, "/").is_ok()
        })
    }

    /// How the load finds it.
    pub(super) fn to_nchan(&self) -> Target<'a> {
        self.to("nchan", Port::Nchan)
    }

    fn to(&self, to: &'static str, port: Port) -> Target<'a> {
        Target {
            to,
            port: port.of(self.ground()),
            internal: None,
            keys: &self.upstream.keys,
        }
    }

    /// Chat's settings in this instance, with auth played by the upstream.
    fn environment(&self, port: u16) -> Env {
        let ground = self.ground();
        let settings = Settings::new(ground.workspace, ground.instance, &self.secrets);
        let mut env = settings.of(Service::Chat);
        let key = |name: &str| self.upstream.keys.join(name).display().to_string();
        let auth = Port::Auth.of(ground);
        for (name, value) in [
            ("SYNTERA_BIND", format!("127.0.0.1:{port}")),
            ("SYNTERA_INTERNAL_BIND", format!("127.0.0.1:{}", port + 1)),
            (
                "SYNTERA_AUTH_INTERNAL_URL",
                format!("http://127.0.0.1:{auth}"),
            ),
            ("SYNTERA_SERVICE_KEY_FILE", key("chat.pem")),
            ("SYNTERA_SERVICE_JWKS_FILE", key("services.jwks.json")),
            ("SYNTERA_CHAT_IDLE_SECONDS", IDLE_SECONDS.into()),
        ] {
            env.insert(name.into(), value);
        }
        env
    }
}
