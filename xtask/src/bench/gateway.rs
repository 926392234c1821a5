//! `gateway`: our gateway against proxies that do less.

use anyhow::Result;

use super::Bench;
use super::contest::{self, Comparison, Contestant, Entry, Figure, Goal, Plan};
use super::ground::Ground;
use super::proxy::Proxy;
use super::server::{self, Server};
use super::upstream::{self, Port, Upstream};
use crate::infra::redis;
use crate::install::{Need, need};
use crate::ports::Service;
use crate::secrets::Secrets;
use crate::settings::{Env, Settings};
use crate::supervise::Spec;

const REDIS: Need = need("redis-server", "redis-server");
const EACH: &str = "gateway, signature each time";
const ALL: &str = "gateway";

pub(super) const BENCH: Bench = Bench {
    name: "gateway",
    about: "GET /api/v1/contacts through a proxy, a small constant JSON behind it. Ours verifies signature, \
        issuer, audience, expiry and revocation, limits rates, sets headers and writes an access log; the \
        peers log nothing.",
    programs: &["bench", "gateway"],
    needs: &[upstream::HAPROXY, upstream::NGINX, upstream::WRK, REDIS],
    timed: true,
    comparisons: &[
        against(Figure::Cpu, EACH, "HAProxy ES256", Some(Goal::AtMost(0.8))),
        against(Figure::Cpu, ALL, "HAProxy", Some(Goal::AtMost(1.25))),
        against(Figure::Cpu, ALL, "nginx", None),
        against(Figure::P99, EACH, "HAProxy ES256", None),
        against(Figure::P99, ALL, "HAProxy", None),
        against(Figure::Memory, ALL, "HAProxy", None),
    ],
    limits: &[],
    optional: &[],
    run,
};

const fn against(
    figure: Figure,
    ours: &'static str,
    theirs: &'static str,
    goal: Option<Goal>,
) -> Comparison {
    Comparison {
        figure,
        ours,
        theirs,
        goal,
    }
}

fn run(ground: &Ground<'_>, plan: Plan) -> Result<Vec<Entry>> {
    let upstream = Upstream::start(ground)?;
    let secrets = Secrets::of(ground.instance)?;
    let port = ground.instance.ports.redis();
    let spec = redis::prepare(ground.instance, &secrets)?;
    let _redis = Server::start(ground.instance, &spec, &[port], || {
        redis::is_ready(port, &secrets.redis)
    })?;
    let each = gateway(
        &upstream,
        &secrets,
        (
            "gateway-uncached",
            EACH,
            "with the cache of verified tokens off",
        ),
        (Port::GatewayUncached, &[("SYNTERA_TOKEN_CACHE", "0")]),
    )?;
    let all = gateway(
        &upstream,
        &secrets,
        ("gateway", ALL, "with everything on"),
        (Port::Gateway, &[]),
    )?;
    let mut contestants: Vec<Box<dyn Contestant + '_>> = vec![
        Box::new(upstream.haproxy()?),
        Box::new(upstream.haproxy_es256()?),
        Box::new(upstream.nginx()?),
        Box::new(each),
        Box::new(all),
    ];
    contest::run(&mut contestants, plan)
}

fn gateway<'a>(
    upstream: &'a Upstream<'a>,
    secrets: &Secrets,
    (process, name, about): (&'static str, &'static str, &'static str),
    (port, own): (Port, &[(&str, &str)]),
) -> Result<Proxy<'a>> {
    let ground = upstream.ground;
    let port = port.of(ground);
    let mut spec = Spec::new(
        process,
        ground.folder.clone(),
        vec![ground.program("gateway"), "serve".into()],
    );
    let settings = Settings::new(ground.workspace, ground.instance, secrets);
    spec.env = environment(upstream, settings.of(Service::Gateway), port);
    for (name, value) in own {
        spec.env.insert((*name).into(), (*value).into());
    }
    let server = Server::start(ground.instance, &spec, &[port, port + 1], || {
        server::answers(port + 1, "/readyz")
    })?;
    Ok(Proxy {
        name,
        about,
        server,
        port,
        refuses: true,
        upstream,
    })
}

/// The settings of an instance, with every service behind it played by the upstream.
fn environment(upstream: &Upstream<'_>, mut env: Env, port: u16) -> Env {
    let url = |port: u16| format!("http://127.0.0.1:{port}");
    let key = |name: &str| upstream.keys.join(name).display().to_string();
    for service in ["AUTH", "AGENT", "CRM", "CHAT", "ANALYTICS"] {
        let behind = Port::Upstream.of(upstream.ground);
        env.insert(format!("SYNTERA_{service}_URL"), url(behind));
    }
    for (name, value) in [
        ("SYNTERA_BIND", format!("127.0.0.1:{port}")),
        ("SYNTERA_INTERNAL_BIND", format!("127.0.0.1:{}", port + 1)),
        ("SYNTERA_PUBLIC_URL", url(port)),
        (
            "SYNTERA_AUTH_INTERNAL_URL",
            url(Port::Auth.of(upstream.ground)),
        ),
        ("SYNTERA_SERVICE_KEY_FILE", key("gateway.pem")),
        ("SYNTERA_SERVICE_JWKS_FILE", key("services.jwks.json")),
    ] {
        env.insert(name.into(), value);
    }
    // Some people ask a hundred times a second here; nobody shall be refused, but each be counted.
    env.insert("SYNTERA_LIMIT_SCALE".into(), "10".into());
    // There is no MongoDB here.
    env.remove("SYNTERA_LOGS_MONGODB_URL");
    env
}
