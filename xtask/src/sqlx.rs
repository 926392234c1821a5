//! `cargo xtask sqlx`: the descriptions of all checked queries, for builds without a database.
//!
//! The macros write a file for each query while they compile against a live, migrated database. The
//! migrations go into a scratch database by psql: the services cannot be built yet when a new query
//! has no description.
//!
//! They only run when a crate is compiled, so every crate of the workspace must be: a wrapper for
//! rustc with a new name makes cargo do just that, and leaves the dependencies and what other
//! commands have built alone.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::infra::{self, postgres};
use crate::place::{Instance, Workspace, lock};
use crate::ports::Service;
use crate::secrets::Secrets;
use crate::settings::Settings;
use crate::{cargo, npm, run, say};

/// The database that the queries are checked against.
const SCRATCH: &str = "syntera_sqlx";

/// Writes `.sqlx/`, or with `check` fails where it differs. Needs a running infrastructure or
/// starts one, which the caller stops.
pub(crate) fn command(workspace: &Workspace, instance: &Instance, check: bool) -> Result<()> {
    let _lock = lock(
        &workspace.root.join(".dev/sqlx.lock"),
        "descriptions of queries",
    )?;
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
    infra::ensure(workspace, instance)?;
    migrate(workspace, instance, &secrets)?;
    let scratch = instance.sub("sqlx")?;
    fs::remove_dir_all(&scratch)?;
    let fresh = scratch.join("queries");
    fs::create_dir_all(&fresh)?;
    let wrapper = scratch.join(format!("rustc-{}", inputs(workspace)?));
    fs::write(&wrapper, "#!/bin/sh\nexec \"$@\"\n")?;
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755))?;
    let mut cargo = cargo::command();
    cargo
        .args(["check", "--workspace", "--all-targets"])
        .current_dir(&workspace.root)
        .env(
            "DATABASE_URL",
            postgres::superuser_url(instance, &secrets, SCRATCH),
        )
        .env("SQLX_OFFLINE", "false")
        .env("SQLX_OFFLINE_DIR", &fresh)
        .env("RUSTC_WORKSPACE_WRAPPER", &wrapper)
        .env("CARGO_INCREMENTAL", "0");
    say::line("compiling every query against the database: cargo check --workspace --all-targets");
    run::visibly(&mut cargo)?;
    Ok(fresh)
}

/// Makes the scratch database anew from `migrations/<service>/*.sql`, each as the service's role.
fn migrate(workspace: &Workspace, instance: &Instance, secrets: &Secrets) -> Result<()> {
    let settings = Settings::new(workspace, instance, secrets);
    let superuser = ("postgres", secrets.postgres.as_str());
    let mut drop = postgres::psql(workspace, instance, superuser, "postgres")?;
    let statement = format!("DROP DATABASE IF EXISTS {SCRATCH} WITH (FORCE)");
    run::output(drop.arg("--command").arg(statement))?;
    postgres::initialise(workspace, instance, secrets, SCRATCH)?;
    for service in Service::ALL {
        let Some(password) = settings.database_password(service) else {
            continue;
        };
        for file in migrations(&workspace.root.join("migrations").join(service.name()))? {
            let role = (service.name(), password);
            let mut psql = postgres::psql(workspace, instance, role, SCRATCH)?;
            // The first line with which sqlx, too, leaves the transaction out.
            if !fs::read_to_string(&file)?.starts_with("-- no-transaction") {
                psql.arg("--single-transaction");
            }
            run::output(psql.arg("--file").arg(&file))
                .with_context(|| format!("applying {}", file.display()))?;
        }
    }
    Ok(())
}

/// The migrations of a service, oldest first.
fn migrations(folder: &Path) -> Result<Vec<PathBuf>> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(Vec::new());
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "sql") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
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
