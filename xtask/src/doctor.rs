//! `cargo xtask doctor`: what this machine has, what is missing, and what to do about it.

use std::process::Command;

use anyhow::{Result, bail};

use crate::place::{Instance, Workspace};
use crate::ports::{self, Service};
use crate::supervise::Supervisor;
use crate::{holders, install, npm, run, say};

/// Room for builds, caches and data.
const ROOM_GB: u64 = 15;

pub(crate) fn command(workspace: &Workspace, instance: &Instance) -> Result<()> {
    let mut report = Report { wrong: 0 };
    report.line(
        "Rust",
        version("rustc", &["--version"]),
        "rustup: https://rustup.rs",
    );
    report.line(
        "Go (builds the supervisor)",
        go(),
        "Go 1.26 or newer: https://go.dev/dl",
    );
    let node = npm::node_major()
        .filter(|major| *major >= 20)
        .map(|major| format!("v{major}"));
    report.line(
        "Node.js (builds the web part)",
        node,
        "Node.js 20 or newer: https://nodejs.org",
    );
    for need in install::INFRA.iter().chain(&install::BROWSER) {
        let found = run::on_path(need.program).then(|| need.program.to_owned());
        report.line(
            need.package,
            found,
            "`cargo xtask up` installs it when it may",
        );
    }
    let free = free_gb(workspace);
    let enough = free
        .filter(|gb| *gb >= ROOM_GB)
        .map(|gb| format!("{gb} GB free"));
    report.line(
        "disk",
        enough,
        &format!("less than {ROOM_GB} GB free beside the cache"),
    );
    report.line(
        "ports",
        free_ports(instance),
        "see above; --port-base N moves them all",
    );
    let left = holders::of_instance(&instance.folder, None);
    let supervised =
        Supervisor::infra(instance).is_running() || Supervisor::fleet(instance).is_running();
    let tidy = (supervised || left.is_empty()).then(|| "no stray process".to_owned());
    report.line(
        "processes",
        tidy,
        "left over without a supervisor: `cargo xtask down` ends them",
    );
    if report.wrong > 0 {
        bail!("{} of these need attention", report.wrong);
    }
    Ok(())
}

struct Report {
    wrong: u32,
}

impl Report {
    fn line(&mut self, what: &str, found: Option<String>, advice: &str) {
        match found {
            Some(found) => say::line(format!("  ✓ {what}: {found}")),
            None => {
                self.wrong += 1;
                say::line(format!("  ✗ {what}: {advice}"));
            }
        }
    }
}

fn version(program: &str, arguments: &[&str]) -> Option<String> {
    let text = run::output(Command::new(program).args(arguments)).ok()?;
    text.lines().next().map(str::to_owned)
}

fn go() -> Option<String> {
    let text = version("go", &["env", "GOVERSION"])?;
    let mut numbers = text.trim_start_matches("go").split('.');
    let major: u32 = numbers.next()?.parse().ok()?;
    let minor: u32 = numbers.next()?.parse().ok()?;
    ((major, minor) >= (1, 26)).then_some(text)
}

fn free_gb(workspace: &Workspace) -> Option<u64> {
    let mut df = Command::new("df");
    df.args(["--output=avail", "--block-size=1G"])
        .arg(&workspace.cache);
    run::output(&mut df)
        .ok()?
        .lines()
        .nth(1)?
        .trim()
        .parse()
        .ok()
}

fn free_ports(instance: &Instance) -> Option<String> {
    let base = instance.ports.base();
    let mut wanted = Vec::new();
    if !Supervisor::infra(instance).is_running() {
        wanted.extend(instance.ports.infra());
    }
    if !Supervisor::fleet(instance).is_running() {
        wanted.extend(instance.ports.services(&Service::ALL));
    }
    match ports::ensure_free(&wanted) {
        Ok(()) => Some(format!("from {base} on: free or ours")),
        Err(error) => {
            say::line(format!("    {error}"));
            None
        }
    }
}
