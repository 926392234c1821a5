//! `cargo xtask sqlx`: the descriptions of all checked queries, for builds without a database.
//!
//! The macros write a file for each query while they compile against a live, migrated database.
//! They only run when a crate is compiled, so every crate of the workspace must be: a wrapper for
//! rustc with a new name makes cargo do just that, and leaves the dependencies and what other
//! commands have built alone.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::fleet::{self, Binaries};
use crate::infra::{self, postgres};
use crate::place::{Instance, Workspace};
use crate::secrets::Secrets;
use crate::settings::Settings;
use crate::{npm, run, say};

/// Writes `.sqlx/`, or with `check` fails where it differs. Needs a running infrastructure or
/// starts one, which stays.
pub(crate) fn command(workspace: &Workspace, instance: &Instance, check: bool) -> Result<()> {
    let committed = workspace.root.join(".sqlx");
    let state = workspace.root.join(".dev/sqlx-checked");
    if check && fs::read_to_string(&state).is_ok_and(|s| inputs(workspace).is_ok_and(|i| i == s)) {
        say::line(".sqlx/ was checked with these sources before");
        return Ok(());
    }
    let fresh = describe(workspace, instance)?;
    let (new, old) = (read(&fresh)?, read(&committed)?);
    if new == old {
        fs::write(state, inputs(workspace)?)?;
        say::line(format!(".sqlx/ describes all {} queries", new.len()));
        return Ok(());
    }
    if check {
        let names = |from: &BTreeMap<String, Vec<u8>>, to: &BTreeMap<String, Vec<u8>>| {
            from.iter()
                .filter(|(name, text)| to.get(*name) != Some(text))
                .count()
        };
        bail!(
            ".sqlx/ is stale: {} descriptions are missing or changed, {} are left over or changed.\n\
             Run `cargo xtask sqlx` and commit the result.",
            names(&new, &old),
            names(&old, &new)
        );
    }
    if committed.is_dir() {
        fs::remove_dir_all(&committed)?;
    }
    fs::create_dir_all(&committed)?;
    for (name, text) in &new {
        fs::write(committed.join(name), text)?;
    }
    fs::write(state, inputs(workspace)?)?;
    say::line(format!("wrote .sqlx/: {} queries", new.len()));
    Ok(())
}

/// Everything that decides what the descriptions say.
fn inputs(workspace: &Workspace) -> Result<String> {
    let folders = ["crates", "services", "migrations", ".sqlx"];
    npm::hash_of(&folders.map(|folder| workspace.root.join(folder)))
}

/// Compiles against a migrated database; the folder with what the macros wrote.
fn describe(workspace: &Workspace, instance: &Instance) -> Result<PathBuf> {
    let secrets = Secrets::of(instance)?;
    let settings = Settings::new(workspace, instance, &secrets);
    infra::ensure(workspace, instance)?;
    let binaries = Binaries::build(workspace, instance)?;
    fleet::keys(&binaries, &settings)?;
    fleet::migrate(&binaries, &settings)?;
    let scratch = instance.sub("sqlx")?;
    fs::remove_dir_all(&scratch)?;
    let fresh = scratch.join("queries");
    fs::create_dir_all(&fresh)?;
    let wrapper = scratch.join(format!("rustc-{}", inputs(workspace)?));
    fs::write(&wrapper, "#!/bin/sh\nexec \"$@\"\n")?;
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755))?;
    let mut cargo = Command::new("cargo");
    cargo
        .args(["check", "--workspace", "--all-targets"])
        .current_dir(&workspace.root)
        .env("DATABASE_URL", postgres::superuser_url(instance, &secrets))
        .env("SQLX_OFFLINE", "false")
        .env("SQLX_OFFLINE_DIR", &fresh)
        .env("RUSTC_WORKSPACE_WRAPPER", &wrapper)
        .env("CARGO_INCREMENTAL", "0");
    say::line("compiling every query against the database: cargo check --workspace --all-targets");
    run::visibly(&mut cargo)?;
    Ok(fresh)
}

/// Names and contents of the descriptions in a folder; none when it is missing.
fn read(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(BTreeMap::new());
    };
    let mut files = BTreeMap::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("query-") && name.ends_with(".json") {
            let text = fs::read(entry.path()).with_context(|| name.clone())?;
            files.insert(name, text);
        }
    }
    Ok(files)
}
