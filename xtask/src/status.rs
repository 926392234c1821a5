//! `cargo xtask status`: what runs, where, since when, and whether it is ready.

use std::time::Duration;

use anyhow::{Result, bail};
use serde::Serialize;

use crate::place::{Instance, Workspace};
use crate::ports::Service;
use crate::secrets::Secrets;
use crate::settings::Settings;
use crate::supervise::{State, Supervisor};
use crate::{http, infra, say};

/// One line of the table.
#[derive(Serialize)]
struct Row {
    process: String,
    state: String,
    pid: Option<i32>,
    port: Option<u16>,
    restarts: u32,
    uptime_seconds: u64,
    ready: bool,
}

pub(crate) fn command(workspace: &Workspace, instance: &Instance, json: bool) -> Result<()> {
    let secrets = Secrets::of(instance)?;
    let infra = Supervisor::infra(instance).states()?;
    let fleet = Supervisor::fleet(instance).states()?;
    let mut rows = Vec::new();
    for name in ["postgres", "mongo", "redis", "epmd", "rabbitmq"] {
        if let Some(state) = infra.get(name) {
            let ready = infra::is_ready(instance, &secrets, name);
            let port = instance
                .ports
                .infra()
                .into_iter()
                .find(|(of, _)| *of == name);
            rows.push(row(state, port.map(|(_, port)| port), ready));
        }
    }
    for service in Settings::new(workspace, instance, &secrets).services() {
        if let Some(state) = fleet.get(service.name()) {
            let port = instance.ports.public(service);
            rows.push(row(state, Some(port), is_ready(instance, service)));
        }
    }
    if json {
        say::line(serde_json::to_string_pretty(&rows)?);
        return Ok(());
    }
    if rows.is_empty() {
        bail!(
            "instance {} does not run; start it: cargo xtask up{}",
            instance.name,
            instance.flag()
        );
    }
    say::line(table(&rows));
    Ok(())
}

/// Whether a service says that it is ready to work.
pub(crate) fn is_ready(instance: &Instance, service: Service) -> bool {
    http::get(instance.ports.internal(service), "/readyz").is_ok_and(|(status, _)| status == 200)
}

fn row(state: &State, port: Option<u16>, ready: bool) -> Row {
    let age = Duration::from_nanos(u64::try_from(state.age).unwrap_or(0));
    Row {
        process: state.name.clone(),
        state: state.status.to_lowercase(),
        pid: state.is_running.then_some(state.pid),
        port,
        restarts: state.restarts,
        uptime_seconds: age.as_secs(),
        ready,
    }
}

fn table(rows: &[Row]) -> String {
    let dash = || "–".to_owned();
    let mut text = format!(
        "{:<11}{:<13}{:>8}{:>7}{:>10}  {:<13}{}",
        "process", "state", "pid", "port", "restarts", "uptime", "ready"
    );
    for row in rows {
        text += &format!(
            "\n{:<11}{:<13}{:>8}{:>7}{:>10}  {:<13}{}",
            row.process,
            row.state,
            row.pid.map_or_else(dash, |pid| pid.to_string()),
            row.port.map_or_else(dash, |port| port.to_string()),
            row.restarts,
            say::took(Duration::from_secs(row.uptime_seconds)),
            if row.ready { "yes" } else { "no" },
        );
    }
    text
}
