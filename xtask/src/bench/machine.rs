//! The machine of a run, so that a reader knows what the figures are worth.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::run;

/// What ran, on what, and how busy it was with other things.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Machine {
    pub(super) cores: usize,
    pub(super) processor: String,
    pub(super) memory_mib: u64,
    pub(super) kernel: String,
    /// The load averages of 1, 5 and 15 minutes before the first round. Those after it have our own
    /// load in them.
    pub(super) load_before: [f64; 3],
    pub(super) load_after: [f64; 3],
    /// The commit; `+` behind it when files were changed since.
    pub(super) commit: String,
    /// Compiler and peers.
    pub(super) versions: Vec<(String, String)>,
}

impl Machine {
    /// The machine now. `packages` are the Debian packages of the peers.
    pub(super) fn look(root: &Path, packages: &[&str]) -> Result<Self> {
        let load = load()?;
        let mut versions = vec![("rustc".to_owned(), version(&["rustc", "--version"])?)];
        for package in packages {
            let query = ["dpkg-query", "--show", "--showformat=${Version}", package];
            let found = version(&query).unwrap_or_else(|_| "not from Debian".to_owned());
            versions.push(((*package).to_owned(), found));
        }
        Ok(Self {
            cores: thread::available_parallelism()?.get(),
            processor: field("/proc/cpuinfo", "model name")?,
            memory_mib: kib(&field("/proc/meminfo", "MemTotal")?)? / 1024,
            kernel: release(&fs::read_to_string("/proc/sys/kernel/osrelease")?),
            load_before: load,
            load_after: load,
            commit: commit(root)?,
            versions,
        })
    }

    /// Takes in the load at the end.
    pub(super) fn end(&mut self) -> Result<()> {
        self.load_after = load()?;
        Ok(())
    }
}

fn version(words: &[&str]) -> Result<String> {
    let text = run::output(Command::new(words[0]).args(&words[1..]))?;
    Ok(text.trim().to_owned())
}

fn commit(root: &Path) -> Result<String> {
    let git =
        |arguments: &[&str]| run::output(Command::new("git").args(arguments).current_dir(root));
    let mut commit = git(&["rev-parse", "--short", "HEAD"])?.trim().to_owned();
    if !git(&["status", "--porcelain"])?.is_empty() {
        commit.push('+');
    }
    Ok(commit)
}

/// The version of a kernel, without what its builder hung on.
fn release(text: &str) -> String {
    let version = text.trim().split('-').next();
    version.unwrap_or_default().to_owned()
}

/// The first value of a name in a file of lines `name : value`.
fn field(path: &str, name: &str) -> Result<String> {
    let text = fs::read_to_string(path)?;
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    let mut values = lines.filter(|(key, _)| key.trim() == name);
    let (_, value) = values
        .next()
        .with_context(|| format!("{path} has no {name}"))?;
    Ok(value.trim().to_owned())
}

fn kib(text: &str) -> Result<u64> {
    let number = text.split(' ').next().context("an empty size")?;
    Ok(number.parse()?)
}

fn load() -> Result<[f64; 3]> {
    parse_load(&fs::read_to_string("/proc/loadavg")?).context("/proc/loadavg")
}

fn parse_load(text: &str) -> Option<[f64; 3]> {
    let mut numbers = text.split(' ').map(|word| word.parse().ok());
    Some([numbers.next()??, numbers.next()??, numbers.next()??])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_averages_are_the_first_three_words() {
        let load = parse_load("0.20 0.18 12.5 1/80 11206\n").unwrap();
        assert!((load[2] - 12.5).abs() < 1e-9);
        assert_eq!(parse_load("0.20 x 0.12"), None);
    }

    #[test]
    fn a_kernel_is_told_by_its_version() {
        assert_eq!(release("6.1.0-18-amd64\n"), "6.1.0");
        assert_eq!(release("6.12.1\n"), "6.12.1");
    }

    #[test]
    fn this_machine_can_be_described() {
        let machine = Machine::look(Path::new("."), &["dpkg"]).unwrap();
        assert!(machine.cores > 0 && machine.memory_mib > 0);
        assert_eq!(machine.versions[1].0, "dpkg");
        assert!(!machine.versions[1].1.is_empty());
    }
}
