//! `cargo xtask openapi`: the services' API documents, written by the services themselves.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::place::Workspace;
use crate::ports::Service;
use crate::{fleet, run, say};

/// Writes `openapi/<service>.json`, or with `check` fails where one differs.
pub(crate) fn command(workspace: &Workspace, check: bool) -> Result<()> {
    let programs = fleet::build(workspace)?;
    let folder = workspace.root.join("openapi");
    fs::create_dir_all(&folder)?;
    let mut differing = Vec::new();
    // The gateway has no operations of its own: it merges the others' documents.
    let documented = |service: &Service| *service != Service::Gateway;
    for service in Service::ALL.into_iter().filter(documented) {
        let mut command = Command::new(programs.join(service.name()));
        let text = run::output(command.arg("openapi"))
            .with_context(|| format!("the API document of {}", service.name()))?;
        serde_json::from_str::<serde_json::Value>(&text)
            .with_context(|| format!("`{} openapi` prints no JSON", service.name()))?;
        let path = folder.join(format!("{}.json", service.name()));
        let before = fs::read_to_string(&path).unwrap_or_default();
        if before == text {
            continue;
        }
        differing.push(service.name());
        if !check {
            fs::write(&path, text)?;
            say::line(format!("wrote openapi/{}.json", service.name()));
        }
    }
    match (check, differing.is_empty()) {
        (true, false) => bail!(
            "openapi/ differs from what these services print: {}.\n\
             Run `cargo xtask openapi`, read the difference, commit it.",
            differing.join(", ")
        ),
        (_, true) => say::line("openapi/ is what the services print"),
        (false, false) => {}
    }
    Ok(())
}
