//! The linters of all that is neither Rust nor TypeScript: dependencies, workflows, images,
//! manifests, alerts, dashboards, secrets. None needs a network once its tool is in the cache.

mod tools;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Result, bail};

use crate::place::{Workspace, private_folder};
use crate::{run, say};

/// One thing that is checked.
pub(crate) struct Lint {
    /// What a summary calls it.
    pub(crate) name: &'static str,
    pub(crate) check: fn(&Workspace) -> Result<()>,
}

/// All of them, the quick ones first.
pub(crate) const ALL: [Lint; 10] = [
    Lint {
        name: "dependencies (cargo-deny)",
        check: dependencies,
    },
    Lint {
        name: "workflows (actionlint, zizmor)",
        check: workflows,
    },
    Lint {
        name: "shell scripts (shellcheck)",
        check: scripts,
    },
    Lint {
        name: "settings that deployments name",
        check: settings,
    },
    Lint {
        name: "Dockerfile (hadolint)",
        check: dockerfile,
    },
    Lint {
        name: "docker-compose.yml (compose-lint)",
        check: compose,
    },
    Lint {
        name: "Kubernetes (kustomize, kubernetes-validate, kube-score)",
        check: kubernetes,
    },
    Lint {
        name: "alerts (promtool)",
        check: alerts,
    },
    Lint {
        name: "dashboards (dashboard_lint)",
        check: dashboards,
    },
    Lint {
        name: "secrets in the history (gitleaks)",
        check: secrets,
    },
];

/// Runs all, also after one failed: people want to see every fault at once.
pub(crate) fn command(workspace: &Workspace) -> Result<()> {
    let mut failed = 0;
    for lint in &ALL {
        let start = Instant::now();
        let verdict = (lint.check)(workspace);
        let took = say::took(start.elapsed());
        match verdict {
            Ok(()) => say::line(format!("ok      {} ({took})", lint.name)),
            Err(error) => {
                run::check()?;
                failed += 1;
                say::line(format!("FAILED  {} ({took})\n{error:#}", lint.name));
            }
        }
    }
    if failed > 0 {
        bail!("{failed} of {} linters found something", ALL.len());
    }
    Ok(())
}

/// Who may depend on what, licences, sources. Advisories need a fresh database from outside: their
/// workflow checks them.
fn dependencies(workspace: &Workspace) -> Result<()> {
    let mut deny = Command::new(tools::python(workspace)?.program("cargo-deny"));
    deny.args([
        "--log-level=error",
        "--locked",
        "check",
        "bans",
        "licenses",
        "sources",
    ]);
    quietly(workspace, "cargo-deny", &mut deny)
}

fn workflows(workspace: &Workspace) -> Result<()> {
    let mut actionlint = Command::new(tools::actionlint(workspace)?);
    actionlint
        .arg("-shellcheck")
        .arg(tools::shellcheck(workspace)?);
    quietly(workspace, "actionlint", &mut actionlint)?;
    let mut zizmor = Command::new(tools::python(workspace)?.program("zizmor"));
    zizmor.args(["--offline", "--no-progress", "--quiet", ".github/workflows"]);
    quietly(workspace, "zizmor", &mut zizmor)
}

/// Every tracked file that a shell runs.
fn scripts(workspace: &Workspace) -> Result<()> {
    let mut grep = Command::new("git");
    // Only a first line can begin with #!, so the number must be 1.
    grep.args(["grep", "--no-color", "-nE", r"^#!.*\b(ba|da)?sh\b"])
        .current_dir(&workspace.root);
    let found = run::output(&mut grep).unwrap_or_default();
    let scripts: Vec<&str> = found
        .lines()
        .filter_map(|line| Some(line.split_once(":1:")?.0))
        .collect();
    if scripts.is_empty() {
        return Ok(());
    }
    let mut shellcheck = Command::new(tools::shellcheck(workspace)?);
    shellcheck.args(["--external-sources", "--"]).args(scripts);
    quietly(workspace, "shellcheck", &mut shellcheck)
}

/// A setting that no program reads is ignored in silence, so each that a deployment sets must be one
/// that the code names.
fn settings(workspace: &Workspace) -> Result<()> {
    const SETTING: &str = "SYNTERA_[A-Z_]+";
    let words = |pattern: &str, paths: &[&str]| -> Result<BTreeSet<String>> {
        let mut grep = Command::new("git");
        grep.args(["grep", "--no-color", "--untracked", "-hoE", pattern, "--"])
            .args(paths);
        let found = run::output(grep.current_dir(&workspace.root))?;
        let word = |line: &str| line.rsplit(' ').next().map(str::to_owned);
        Ok(found.lines().filter_map(word).collect())
    };
    let known = words(SETTING, &["crates", "services", "deploy/postgres"])?;
    // As the key of a map, or as the name of an entry.
    let set = format!("^ *(- *(\\{{ *)?name: )?{SETTING}");
    let used = words(&set, &["docker-compose.yml", "deploy/k8s"])?;
    let unknown: Vec<&str> = used.difference(&known).map(String::as_str).collect();
    if !unknown.is_empty() {
        bail!("no service reads {}", unknown.join(", "));
    }
    Ok(())
}

fn dockerfile(workspace: &Workspace) -> Result<()> {
    let mut hadolint = Command::new(tools::python(workspace)?.program("hadolint"));
    quietly(
        workspace,
        "hadolint",
        hadolint.args(["--no-color", "Dockerfile"]),
    )
}

fn compose(workspace: &Workspace) -> Result<()> {
    let mut lint = Command::new(tools::compose_lint(workspace)?);
    quietly(workspace, "compose-lint", lint.arg("docker-compose.yml"))
}

/// The base and each overlay: they build, fit the API's schema, and follow good practice.
fn kubernetes(workspace: &Workspace) -> Result<()> {
    let built = workspace.root.join(".dev/lint");
    private_folder(&built)?;
    for folder in ["base", "overlays/example"] {
        let source = Path::new("deploy/k8s").join(folder);
        let file = built.join(folder.replace('/', "-")).with_extension("yaml");
        manifests(workspace, &source, &file)?;
    }
    Ok(())
}

fn manifests(workspace: &Workspace, source: &Path, file: &PathBuf) -> Result<()> {
    let mut kustomize = Command::new(tools::kustomize(workspace)?);
    kustomize.arg("build").arg(source).arg("--output").arg(file);
    quietly(workspace, "kustomize", &mut kustomize)?;

    let python = tools::python(workspace)?;
    let mut validate = python.script("kubernetes-validate");
    validate.args(["--strict", "--quiet"]).arg(file);
    quietly(workspace, "kubernetes-validate", &mut validate)?;

    let mut score = Command::new(tools::kube_score(workspace)?);
    score.args([
        "score",
        "--output-format=human",
        "--color=never",
        "--exit-one-on-warning",
    ]);
    // A CPU limit only throttles: requests share the node fairly, and the autoscaler adds pods.
    score.arg("--ignore-container-cpu-limit");
    // Tags are versions and never move, so a pull each time only adds a way to fail.
    score.arg("--ignore-test=container-image-pull-policy");
    quietly(workspace, "kube-score", score.arg(file))
}

fn alerts(workspace: &Workspace) -> Result<()> {
    let promtool = tools::promtool(workspace)?;
    let mut config = Command::new(&promtool);
    quietly(
        workspace,
        "promtool",
        config.args(["check", "config", "deploy/prometheus/prometheus.yml"]),
    )?;
    let mut test = Command::new(&promtool);
    quietly(
        workspace,
        "promtool",
        test.args(["test", "rules", "deploy/prometheus/rules_test.yml"]),
    )
}

fn dashboards(workspace: &Workspace) -> Result<()> {
    let mut lint = tools::python(workspace)?.interpreter();
    quietly(
        workspace,
        "dashboard_lint",
        lint.args(["tools/dashboard_lint.py", "."]),
    )
}

fn secrets(workspace: &Workspace) -> Result<()> {
    let mut gitleaks = Command::new(tools::gitleaks(workspace)?);
    gitleaks.args([
        "git",
        "--no-banner",
        "--no-color",
        "--redact",
        "--verbose",
        "--log-level=error",
        ".",
    ]);
    quietly(workspace, "gitleaks", &mut gitleaks)
}

/// One tool, silent when it is content. Its whole report is worth reading otherwise, so it runs again
/// for people to see: none takes longer than seconds.
fn quietly(workspace: &Workspace, what: &str, command: &mut Command) -> Result<()> {
    command.current_dir(&workspace.root);
    if run::quietly(what, command).is_ok() {
        return Ok(());
    }
    run::visibly(command.stdout(Stdio::inherit()).stderr(Stdio::inherit()))
}
