//! `forward`: what forwarding costs before a gateway does anything with a request.

use anyhow::Result;

use super::Bench;
use super::contest::{self, Comparison, Contestant, Entry, Figure, Plan};
use super::ground::Ground;
use super::proxy::Proxy;
use super::server::Server;
use super::upstream::{self, Port, Upstream};
use crate::http;

const PER_CORE: &str = "hyper, per core";

pub(super) const BENCH: Bench = Bench {
    name: "forward",
    about: "Bare forwarders in front of the same service, a small constant JSON: what could carry \
        our gateway (ADR 13).",
    programs: &["bench"],
    needs: &[upstream::HAPROXY, upstream::NGINX, upstream::WRK],
    timed: true,
    comparisons: &[
        against(PER_CORE, "HAProxy"),
        against(PER_CORE, "nginx"),
        against("hyper", "HAProxy"),
        against("axum", "HAProxy"),
    ],
    limits: &[],
    optional: &[],
    run,
};

const fn against(ours: &'static str, theirs: &'static str) -> Comparison {
    Comparison {
        figure: Figure::Cpu,
        ours,
        theirs,
        goal: None,
    }
}

fn run(ground: &Ground<'_>, plan: Plan) -> Result<Vec<Entry>> {
    let upstream = Upstream::start(ground)?;
    let hyper = bare(
        &upstream,
        (
            "hyper",
            "a hyper HTTP/1.1 service and hyper-util's client, one runtime for all cores",
        ),
        ("hyper", Port::Hyper),
    )?;
    let per_core = bare(
        &upstream,
        (
            PER_CORE,
            "the same service, a runtime and a pool of hyper's connections for each core",
        ),
        ("per-core", Port::PerCore),
    )?;
    let axum = bare(
        &upstream,
        ("axum", "an axum router's fallback and hyper-util's client"),
        ("axum", Port::Axum),
    )?;
    let mut contestants: Vec<Box<dyn Contestant + '_>> = vec![
        Box::new(upstream.nginx()?),
        Box::new(upstream.haproxy()?),
        Box::new(hyper),
        Box::new(per_core),
        Box::new(axum),
    ];
    contest::run(&mut contestants, plan)
}

fn bare<'a>(
    upstream: &'a Upstream<'a>,
    (name, about): (&'static str, &'static str),
    (by, port): (&'static str, Port),
) -> Result<Proxy<'a>> {
    let ground = upstream.ground;
    let (port, behind) = (port.of(ground), Port::Upstream.of(ground));
    let (bind, behind) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{behind}"));
    let program = ground.program("bench");
    let argv = [
        &program,
        "forward",
        "--by",
        by,
        "--bind",
        &bind,
        "--upstream",
        &behind,
    ];
    let server = Server::start(ground.instance, &ground.spec(by, &argv), &[port], || {
        http::get(port, "/").is_ok()
    })?;
    Ok(Proxy {
        name,
        about,
        server,
        port,
        refuses: false,
        upstream,
    })
}
