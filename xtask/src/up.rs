//! `cargo xtask up`: from a bare machine to a working fleet, in one command.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::fleet::{self, Binaries};
use crate::infra::{self, Started};
use crate::place::{Instance, Workspace};
use crate::ports::Service;
use crate::secrets::Secrets;
use crate::settings::Settings;
use crate::supervise::Supervisor;
use crate::{down, install, logs, npm, ports, run, say, supervise};

/// `cargo xtask up`
pub(crate) fn command(workspace: &Workspace, instance: &Instance, detach: bool) -> Result<()> {
    let began = Instant::now();
    let secrets = Secrets::of(instance)?;
    let settings = Settings::new(workspace, instance, &secrets);
    let lock = instance.lock()?;
    let fleet = Supervisor::fleet(instance);
    instance.settle(fleet.is_running() || Supervisor::infra(instance).is_running())?;
    if fleet.is_running() {
        say::line(format!("instance {} runs already", instance.name));
        addresses(instance, &settings);
        return Ok(());
    }
    start(workspace, instance, &settings)?;
    addresses(instance, &settings);
    say::line(format!("ready after {}", say::took(began.elapsed())));
    // From here on `down` in another terminal may stop us.
    drop(lock);
    if detach {
        return Ok(());
    }
    say::line("Ctrl-C stops everything. What the services log from here on:");
    follow(instance, &settings)
}

/// Everything up to a seeded, ready fleet. What it started it stops again when a step fails.
pub(crate) fn start(
    workspace: &Workspace,
    instance: &Instance,
    settings: &Settings<'_>,
) -> Result<Started> {
    let running = Supervisor::infra(instance).is_running();
    ensure_room(instance, settings, running)?;
    install::announce(workspace)?;
    install::debian(&install::INFRA.iter().collect::<Vec<_>>())?;
    npm::build_web(workspace)?;
    let binaries = Binaries::build(workspace, instance)?;
    fleet::models(&binaries, settings)?;
    fleet::keys(&binaries, settings)?;
    let started = (|| {
        let started = infra::ensure(workspace, instance)?;
        fleet::migrate(&binaries, settings)?;
        fleet::start(workspace, instance, &binaries, settings)?;
        fleet::seed(&binaries, settings)?;
        Ok(started)
    })();
    if started.is_err() {
        run::uninterruptible(|| {
            if running {
                down::stop_fleet(instance)
            } else {
                down::stop(instance)
            }
        })?;
    }
    started
}

/// No process of a start before, and no other program on our ports: told before the long build.
fn ensure_room(instance: &Instance, settings: &Settings<'_>, running: bool) -> Result<()> {
    let ports = instance.ports;
    let mut wanted = ports.services(&settings.services());
    if running {
        supervise::sweep_before_start(&instance.folder, Some("fleet"))?;
    } else {
        supervise::sweep_before_start(&instance.folder, None)?;
        wanted.extend(ports.infra());
    }
    ports::ensure_free(&wanted)
}

fn addresses(instance: &Instance, settings: &Settings<'_>) {
    let url = settings.public_url();
    let flag = instance.flag();
    say::line(format!("  start page  {url}/"));
    say::line(format!("  demo shop   {url}/demo"));
    say::line(format!(
        "  API         {url}/api/v1 (document: {url}/api/v1/openapi.json)"
    ));
    if let Some((email, password)) = fleet::demo_login(&settings.demo_file()) {
        say::line(format!("  demo login  {email}  {password}"));
    }
    say::line(format!(
        "  RabbitMQ    http://127.0.0.1:{} (login: cargo xtask env{flag})",
        instance.ports.rabbit_management()
    ));
    say::line(format!(
        "  cargo xtask status{flag} | logs SERVICE{flag} | down{flag}"
    ));
}

/// Shows the logs until Ctrl-C, which stops everything, or until another command did.
fn follow(instance: &Instance, settings: &Settings<'_>) -> Result<()> {
    let fleet = Supervisor::fleet(instance);
    let names: Vec<&str> = settings.services().into_iter().map(Service::name).collect();
    let mut looked = Instant::now();
    logs::follow_all(instance, &names, || {
        if looked.elapsed() < Duration::from_secs(1) {
            return false;
        }
        looked = Instant::now();
        !fleet.is_running()
    });
    run::uninterruptible(|| {
        say::line(format!("stopping instance {}", instance.name));
        let _lock = instance.lock()?;
        down::stop(instance)?;
        say::line("stopped; no process is left");
        Ok(())
    })
}
