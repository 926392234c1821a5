//! The linters themselves: built from pinned modules, installed from hashed wheels, or unpacked from
//! Debian packages. All of them lie in the cache; nothing is installed into the machine.

use std::path::PathBuf;

use anyhow::Result;

use crate::place::Workspace;
use crate::python::Python;
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

pub(super) fn python(workspace: &Workspace) -> Result<Python> {
    Python::installed(workspace, "tools/requirements.txt", "lint-python")
}

/// A program out of a Debian package. Only unpacked, because installing `prometheus` would also
/// start a server with every boot of a developer's machine.
fn debian_program(workspace: &Workspace, program: &str, package: &str) -> Result<PathBuf> {
    if run::on_path(program) {
        return Ok(program.into());
    }
    let folder = install::debian_unpacked(workspace, package)?;
    Ok(folder.join("usr/bin").join(program))
}
