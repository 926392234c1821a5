//! Python packages that are pinned by hash, in folders of the cache: nothing is installed into the
//! machine.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::place::Workspace;
use crate::{install, run};

/// The packages of one list, in a folder of their own.
pub(crate) struct Python(PathBuf);

impl Python {
    /// What `requirements` pins, installed where it is not yet. `name` is what its folders are called.
    pub(crate) fn installed(workspace: &Workspace, requirements: &str, name: &str) -> Result<Self> {
        let pinned = workspace.root.join(requirements);
        let hash = install::fingerprint(std::slice::from_ref(&pinned))?;
        // A folder rather than a virtual environment: that needs one more package on Debian, and could
        // not be moved into place once it is complete.
        let folder = install::cached(workspace, &format!("{name}-{hash}"), |new| {
            let mut pip = Command::new("python3");
            pip.args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-compile",
                "--disable-pip-version-check",
            ])
            .args([
                "--root-user-action=ignore",
                "--require-hashes",
                "--only-binary=:all:",
            ])
            .arg("--target")
            .arg(new)
            .arg("--requirement")
            .arg(&pinned);
            run::quietly(
                &format!("installing what {requirements} pins (once)"),
                &mut pip,
            )
        })?;
        Ok(Self(folder))
    }

    /// A tool that came as a binary.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.0.join("bin").join(name)
    }

    /// A tool that is a Python program.
    pub(crate) fn script(&self, name: &str) -> Command {
        let mut command = self.interpreter();
        command.arg(self.program(name));
        command
    }

    /// Python, with those packages at hand.
    pub(crate) fn interpreter(&self) -> Command {
        let mut command = Command::new("python3");
        command
            .env("PYTHONPATH", &self.0)
            .env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }
}
