//! `cargo xtask down`: stops an instance in order and proves that no process is left.

use std::fs;

use anyhow::{Context as _, Result};

use crate::place::Instance;
use crate::supervise::{self, Supervisor};
use crate::{holders, infra, run, say};

pub(crate) fn command(instance: &Instance, purge: bool) -> Result<()> {
    let _lock = instance.lock()?;
    let ran = !holders::of_instance(&instance.folder, None).is_empty();
    run::uninterruptible(|| stop(instance))?;
    say::line(if ran {
        format!("instance {} is stopped; no process is left", instance.name)
    } else {
        format!("instance {} was not running", instance.name)
    });
    if purge {
        infra::identity::purge(instance)?;
        fs::remove_dir_all(&instance.folder)
            .with_context(|| format!("deleting {}", instance.folder.display()))?;
        say::line(format!("deleted {}", instance.folder.display()));
    }
    Ok(())
}

/// Stops the services and leaves the infrastructure as it is.
pub(crate) fn stop_fleet(instance: &Instance) -> Result<()> {
    let fleet = Supervisor::fleet(instance);
    if fleet.is_running() {
        say::progress("stopping the services", || fleet.stop())?;
    }
    Ok(())
}

/// First the services, so that they can finish what they hold; then what they work on.
pub(crate) fn stop(instance: &Instance) -> Result<()> {
    stop_fleet(instance)?;
    infra::stop(instance)?;
    for left in supervise::sweep(&instance.folder, None)? {
        say::line(format!("  {left} had to be ended by hand"));
    }
    Ok(())
}
