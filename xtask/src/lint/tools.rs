//! The linters themselves: built from pinned modules, installed from hashed wheels, or unpacked from
//! Debian packages. All of them lie in the cache; nothing is installed into the machine.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::place::Workspace;
use crate::{install, run};

pub(super) fn actionlint(workspace: &Workspace) -> Result<PathBuf> {
    install::go_tool(
        workspace,
        "actionlint",
        "github.com/rhysd/actionlint/cmd/actionlint",
    )
}

pub(super) fn compose_lint(workspace: &Workspace) -> Result<PathBuf> {
    install::go_tool(workspace, "compose-lint", ".")
}

pub(super) fn gitleaks(workspace: &Workspace) -> Result<PathBuf> {
    install::go_tool(workspace, "gitleaks", "github.com/zricethezav/gitleaks/v8")
}

pub(super) fn kube_score(workspace: &Workspace) -> Result<PathBuf> {
    install::go_tool(
        workspace,
        "kube-score",
        "github.com/zegl/kube-score/cmd/kube-score",
    )
}

pub(super) fn kustomize(workspace: &Workspace) -> Result<PathBuf> {
    install::go_tool(workspace, "kustomize", "sigs.k8s.io/kustomize/kustomize/v5")
}

pub(super) fn promtool(workspace: &Workspace) -> Result<PathBuf> {
    debian_program(workspace, "promtool", "prometheus")
}

pub(super) fn shellcheck(workspace: &Workspace) -> Result<PathBuf> {
    debian_program(workspace, "shellcheck", "shellcheck")
}

/// What tools/requirements.txt pins, in a folder of its own.
pub(super) struct Python(PathBuf);

pub(super) fn python(workspace: &Workspace) -> Result<Python> {
    let pinned = workspace.root.join("tools/requirements.txt");
    let hash = install::fingerprint(std::slice::from_ref(&pinned))?;
    // A folder rather than a virtual environment: that needs one more package on Debian, and could
    // not be moved into place once it is complete.
    let folder = install::cached(workspace, &format!("lint-python-{hash}"), |new| {
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
            "installing the linters of tools/requirements.txt (once)",
            &mut pip,
        )
    })?;
    Ok(Python(folder))
}

impl Python {
    /// A tool that came as a binary.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.0.join("bin").join(name)
    }

    /// A tool that is a Python program.
    pub(super) fn script(&self, name: &str) -> Command {
        let mut command = self.interpreter();
        command.arg(self.program(name));
        command
    }

    /// Python, with those packages at hand.
    pub(super) fn interpreter(&self) -> Command {
        let mut command = Command::new("python3");
        command
            .env("PYTHONPATH", &self.0)
            .env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }
}

/// A program out of a Debian package. Only unpacked, because installing `prometheus` would also
/// start a server with every boot of a developer's machine.
fn debian_program(workspace: &Workspace, program: &str, package: &str) -> Result<PathBuf> {
    if run::on_path(program) {
        return Ok(program.into());
    }
    let folder = install::cached(workspace, &format!("debian-{package}"), |new| {
        if !run::on_path("apt-get") {
            bail!("{program} is missing, and this is no Debian: install what brings it");
        }
        let mut download = Command::new("apt-get");
        download.args(["download", package]).current_dir(new);
        let what = format!("downloading {package} (once)");
        // A machine that never asked has no package lists.
        if run::quietly(&what, &mut download).is_err() {
            install::update_lists()?;
            run::quietly(&what, &mut download)?;
        }
        let archive = std::fs::read_dir(new)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.extension().is_some_and(|ending| ending == "deb"))
            .context("apt-get download left no package")?;
        run::quietly(
            &format!("unpacking {package}"),
            Command::new("dpkg-deb")
                .arg("--extract")
                .arg(&archive)
                .arg(new),
        )?;
        Ok(std::fs::remove_file(archive)?)
    })?;
    Ok(folder.join("usr/bin").join(program))
}
