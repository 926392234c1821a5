//! Where benches run: an instance of their own with its ports, the programs, and the files that a run
//! makes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::place::{Instance, Workspace};
use crate::supervise::Spec;
use crate::{cargo, install, run, say};

/// The first port of what belongs to a bench and not to an instance; those lie below and at 100 above.
const OWN_PORTS: u16 = 40;

/// What all benches of one command share.
pub(super) struct Ground<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) instance: &'a Instance,
    /// What the run writes.
    pub(super) folder: PathBuf,
    /// Our programs, in release builds.
    programs: PathBuf,
    /// The load generator for fixed rates.
    pub(super) vegeta: PathBuf,
}

impl<'a> Ground<'a> {
    /// Builds what is missing.
    pub(super) fn prepare(
        workspace: &'a Workspace,
        instance: &'a Instance,
        programs: &[&str],
    ) -> Result<Self> {
        let vegeta = install::go_tool(workspace, "vegeta", "github.com/tsenart/vegeta/v12")?;
        Ok(Self {
            workspace,
            instance,
            folder: instance.sub("bench")?,
            programs: build(workspace, instance, programs)?,
            vegeta,
        })
    }

    /// One of our programs.
    pub(super) fn program(&self, name: &str) -> String {
        self.programs.join(name).display().to_string()
    }

    /// A port of the benches' own.
    pub(super) fn port(&self, number: u16) -> u16 {
        self.instance.ports.base() + OWN_PORTS + number
    }

    /// A file of the folder `bench` of the checkout.
    pub(super) fn source(&self, path: &str) -> PathBuf {
        self.workspace.root.join("bench").join(path)
    }

    /// A program that runs in the folder of the run.
    pub(super) fn spec(&self, name: &'static str, argv: &[&str]) -> Spec {
        let words = argv.iter().map(|word| (*word).to_owned()).collect();
        Spec::new(name, self.folder.clone(), words)
    }

    /// Writes a configuration from its template, where `@name@` stands for a value.
    pub(super) fn configure(&self, template: &str, values: &[(&str, String)]) -> Result<PathBuf> {
        let source = self.source(template);
        let text = fs::read_to_string(&source).with_context(|| source.display().to_string())?;
        let name = Path::new(template)
            .file_name()
            .with_context(|| format!("{template} is no file"))?;
        let path = self.folder.join(name);
        fs::write(
            &path,
            filled(&text, values).with_context(|| template.to_owned())?,
        )?;
        Ok(path)
    }
}

/// Only the programs named, with the features that they have in a build of everything.
fn build(workspace: &Workspace, instance: &Instance, programs: &[&str]) -> Result<PathBuf> {
    if programs.is_empty() {
        return instance.sub("bin");
    }
    let mut cargo = cargo::command();
    cargo
        .args(["build", "--workspace", "--release"])
        .args(programs.iter().flat_map(|name| ["--bin", name]))
        .current_dir(&workspace.root);
    say::line(format!(
        "building release programs; the first time takes many minutes: {}",
        run::shown(&cargo)
    ));
    run::visibly(&mut cargo)?;
    // In a folder of their own, so that a later build does not change what is running.
    let (release, folder) = (workspace.target()?.join("release"), instance.sub("bin")?);
    for name in programs {
        let (from, to) = (release.join(name), folder.join(name));
        let _ = fs::remove_file(&to);
        fs::copy(&from, &to).with_context(|| format!("copying {}", from.display()))?;
    }
    Ok(folder)
}

fn filled(template: &str, values: &[(&str, String)]) -> Result<String> {
    let mut text = template.to_owned();
    for (name, value) in values {
        let mark = format!("@{name}@");
        if !text.contains(&mark) {
            bail!("the template does not name {mark}");
        }
        text = text.replace(&mark, value);
    }
    Ok(text)
}

/// What a command prints as JSON.
pub(super) fn json<T: serde::de::DeserializeOwned>(command: &mut Command) -> Result<T> {
    let text = run::output(command)?;
    // Some say more before it.
    let last = run::last_lines(&text, 1);
    serde_json::from_str(&last).with_context(|| format!("`{}`: {last}", run::shown(command)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_put_where_its_name_stands() {
        let values = [("port", "1".to_owned()), ("key", "a@b".to_owned())];
        let text = filled("bind @port@; key @key@; again @port@", &values).unwrap();
        assert_eq!(text, "bind 1; key a@b; again 1");
        assert!(filled("bind @prot@; key @key@", &values).is_err());
    }
}
