//! The web part and the browser tests: installed and built when their inputs changed, not else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::place::{Workspace, lock};
use crate::{install, run};

/// Folders that hold results, not inputs.
const RESULTS: [&str; 5] = [
    "node_modules",
    "dist",
    "test-results",
    "playwright-report",
    "coverage",
];

/// Has `web/dist` as its sources say. Skipped when it is so already.
pub(crate) fn build_web(workspace: &Workspace) -> Result<()> {
    let web = workspace.root.join("web");
    if !web.join("package.json").is_file() {
        bail!("{} has no package.json", web.display());
    }
    let _lock = lock(&workspace.root.join(".dev/web.lock"), "web build")?;
    install_folder(workspace, &web)?;
    let outside = ["openapi", "docs/errors"].map(|folder| workspace.root.join(folder));
    let inputs = [vec![web.clone()], outside.to_vec()].concat();
    let record = workspace.root.join(".dev/web-built-from");
    let now = hash_of(&inputs)?;
    let dist = web.join("dist");
    if dist.is_dir() && fs::read_to_string(&record).is_ok_and(|before| before == now) {
        return Ok(());
    }
    // A build that fails half-way must not pass for the one before.
    let _ = fs::remove_file(&record);
    run::quietly("building the web part", npm(&web).args(["run", "build"]))?;
    fs::write(record, hash_of(&inputs)?)?;
    Ok(())
}

/// `npm ci`, unless what is installed is what the lock file says.
pub(crate) fn install_folder(workspace: &Workspace, folder: &Path) -> Result<()> {
    let major = node_major().unwrap_or(0);
    if major < 20 {
        bail!("Node.js 20 or newer is needed: see https://nodejs.org/en/download");
    }
    let lock_file = folder.join("package-lock.json");
    let now = install::fingerprint(&[lock_file, folder.join("package.json")])?;
    let record = folder.join("node_modules/.installed-from");
    if fs::read_to_string(&record).is_ok_and(|before| before == now) {
        return Ok(());
    }
    let name = folder
        .strip_prefix(&workspace.root)
        .unwrap_or(folder)
        .display();
    let mut command = npm(folder);
    // The browser is Debian's; nothing is downloaded past the registry.
    command
        .args(["ci", "--no-audit", "--no-fund"])
        .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
    run::quietly(
        &format!("installing the npm packages of {name}"),
        &mut command,
    )?;
    // npm makes no folder for a package without dependencies.
    fs::create_dir_all(folder.join("node_modules"))?;
    fs::write(&record, now).with_context(|| record.display().to_string())
}

pub(crate) fn npm(folder: &Path) -> Command {
    let mut command = Command::new("npm");
    command.current_dir(folder);
    command
}

pub(crate) fn node_major() -> Option<u32> {
    let version = run::output(Command::new("node").arg("--version")).ok()?;
    version
        .trim()
        .trim_start_matches('v')
        .split('.')
        .next()?
        .parse()
        .ok()
}

/// A hash over names and contents of everything below the folders, results left out.
pub(crate) fn hash_of(folders: &[PathBuf]) -> Result<String> {
    let mut files = Vec::new();
    for folder in folders {
        collect(folder, &mut files)?;
    }
    files.sort();
    let names: Vec<u8> = files
        .iter()
        .flat_map(|file| {
            file.as_os_str()
                .as_encoded_bytes()
                .iter()
                .copied()
                .chain([0])
        })
        .collect();
    let contents = install::fingerprint(&files)?;
    Ok(install::fingerprint_of(
        &[names, contents.into_bytes()].concat(),
    ))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries {
        let entry = entry?;
        let (kind, name) = (entry.file_type()?, entry.file_name());
        if kind.is_dir() && !RESULTS.iter().any(|result| name == *result) {
            collect(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_follows_sources_and_ignores_results() {
        let root = std::env::temp_dir().join(format!("hash-{}", std::process::id()));
        fs::create_dir_all(root.join("src/deep")).unwrap();
        fs::create_dir_all(root.join("node_modules/x")).unwrap();
        fs::write(root.join("src/deep/a.ts"), "1").unwrap();
        let hash = || hash_of(std::slice::from_ref(&root)).unwrap();
        let first = hash();
        fs::write(root.join("node_modules/x/index.js"), "1").unwrap();
        assert_eq!(first, hash(), "results do not count");
        fs::write(root.join("src/deep/a.ts"), "2").unwrap();
        let second = hash();
        assert_ne!(first, second, "contents count");
        fs::rename(root.join("src/deep/a.ts"), root.join("src/deep/b.ts")).unwrap();
        assert_ne!(second, hash(), "names count");
        fs::remove_dir_all(root).unwrap();
    }
}
