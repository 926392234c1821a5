//! Brings what is missing: Debian packages, pinned downloads, tools built from pinned modules.
//!
//! Everything but the Debian packages lands in the cache, in a folder named after its version and
//! hash, and is moved there complete: a folder that exists is a tool that works.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};

use crate::place::{Workspace, lock};
use crate::{run, say, secrets};

/// A program that must be on the machine, and the Debian package that brings it.
pub(crate) struct Need {
    pub(crate) program: &'static str,
    pub(crate) package: &'static str,
}

pub(crate) const fn need(program: &'static str, package: &'static str) -> Need {
    Need { program, package }
}

/// What the native infrastructure needs from Debian.
pub(crate) const INFRA: [Need; 8] = [
    need("redis-server", "redis-server"),
    need("epmd", "erlang-base"),
    need("rabbitmqctl", "rabbitmq-server"),
    need("javac", "openjdk-17-jdk-headless"),
    need("mvn", "maven"),
    need("pip3", "python3-pip"),
    need("unshare", "util-linux"),
    need("setpriv", "util-linux"),
];

/// What building and the browser tests need on top.
pub(crate) const BROWSER: [Need; 1] = [need("chromium", "chromium")];

/// Installs the Debian packages whose programs are missing, or tells the command that would.
pub(crate) fn debian(needs: &[&Need]) -> Result<()> {
    let missing = missing(needs);
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !run::on_path("apt-get") {
        bail!("these are missing, and this is no Debian: install what corresponds to {list}");
    }
    let Some(rights) = rights() else {
        let mut advice = format!(
            "run this, then try again:\n  sudo apt-get update\n  \
             sudo apt-get install -y --no-install-recommends {list}"
        );
        let units = units(&missing).join(" ");
        if !units.is_empty() {
            advice += "\nThese packages run servers of their own, which nobody here needs:\n  ";
            advice += &format!("sudo systemctl disable --now {units}");
        }
        bail!(advice);
    };
    say::line(format!("installing Debian packages: {list}"));
    update_lists()?;
    let mut arguments = vec!["install", "-y", "--no-install-recommends"];
    arguments.extend(&missing);
    apt(rights, &format!("installing {list}"), &arguments)?;
    let units = units(&missing);
    if units.is_empty() || !Path::new("/run/systemd/system").is_dir() {
        return Ok(());
    }
    // Only where these packages came just now: a server that ran before is somebody's.
    let mut systemctl = rights.command();
    systemctl
        .args(["systemctl", "disable", "--now"])
        .args(units);
    run::quietly("stopping the packages' own servers", &mut systemctl)
}

/// The units by which packages run servers of their own, system-wide.
fn units(packages: &[&str]) -> Vec<&'static str> {
    let of = |package: &&str| match *package {
        "redis-server" => &["redis-server.service"][..],
        "rabbitmq-server" => &["rabbitmq-server.service"][..],
        "haproxy" => &["haproxy.service"][..],
        "nginx" => &["nginx.service"][..],
        "erlang-base" => &["epmd.service", "epmd.socket"][..],
        _ => &[],
    };
    packages.iter().flat_map(of).copied().collect()
}

/// How we may call apt.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rights {
    Root,
    /// sudo that asks for no password.
    Sudo,
}

impl Rights {
    /// What runs its arguments with these rights.
    fn command(self) -> Command {
        match self {
            Self::Root => Command::new("env"),
            Self::Sudo => {
                let mut sudo = Command::new("sudo");
                sudo.args(["-n", "env"]);
                sudo
            }
        }
    }
}

fn rights() -> Option<Rights> {
    if rustix::process::geteuid().is_root() {
        return Some(Rights::Root);
    }
    let sudo =
        run::on_path("sudo") && run::output(Command::new("sudo").args(["-n", "true"])).is_ok();
    sudo.then_some(Rights::Sudo)
}

/// Lets apt learn which packages there are.
pub(crate) fn update_lists() -> Result<()> {
    let rights = rights().context("updating the package lists needs root: sudo apt-get update")?;
    apt(rights, "updating the package lists", &["update"])
}

/// Says what is about to be brought onto this machine, before anything is.
pub(crate) fn announce(workspace: &Workspace) -> Result<()> {
    let mut plan = Vec::new();
    let packages = missing(&INFRA.iter().collect::<Vec<_>>());
    if !packages.is_empty() {
        plan.push(format!("from Debian: {}", packages.join(", ")));
    }
    for (folder, what) in [
        ("postgres", "PostgreSQL 18 with pgvector (12 MB)"),
        ("mongo", "the MongoDB stand-in (5 MB)"),
        (
            "go",
            "the supervisor process-compose, built from source (about a minute)",
        ),
        ("models", "the models of the inference service"),
    ] {
        if !workspace.cache.join(folder).is_dir() {
            plan.push(what.to_owned());
        }
    }
    if !workspace.root.join("web/node_modules").is_dir() {
        plan.push("the npm packages of web/".into());
    }
    if !plan.is_empty() {
        say::line(format!(
            "to install (once; downloads go to {}):",
            workspace.cache.display()
        ));
        plan.iter().for_each(|item| say::line(format!("  {item}")));
    }
    Ok(())
}

fn missing(needs: &[&Need]) -> Vec<&'static str> {
    let mut missing: Vec<_> = needs
        .iter()
        .filter(|need| !run::on_path(need.program))
        .map(|need| need.package)
        .collect();
    missing.sort_unstable();
    missing.dedup();
    missing
}

fn apt(rights: Rights, what: &str, arguments: &[&str]) -> Result<()> {
    let mut command = rights.command();
    // RUNLEVEL=1 keeps the packages from starting their own system-wide servers, except under systemd.
    command
        .args(["DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get"])
        .args(arguments);
    run::quietly(what, &mut command)
}

/// The folder of a tool in the cache; `make` fills an empty one when it is not there yet.
pub(crate) fn cached(
    workspace: &Workspace,
    name: &str,
    make: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let folder = workspace.cache.join(name);
    if folder.is_dir() {
        return Ok(folder);
    }
    let tool = name.replace('/', "-");
    let _lock = lock(
        &workspace.cache.join(format!("{tool}.lock")),
        &format!("cache for {tool}"),
    )?;
    if folder.is_dir() {
        return Ok(folder);
    }
    let new = workspace.cache.join(format!("{tool}.new"));
    if new.exists() {
        fs::remove_dir_all(&new)?;
    }
    fs::create_dir_all(&new)?;
    make(&new)?;
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::rename(&new, &folder).with_context(|| folder.display().to_string())?;
    Ok(folder)
}

/// The first 16 hex digits of the hash over files, for folder names.
pub(crate) fn fingerprint(files: &[PathBuf]) -> Result<String> {
    let mut hash = Sha256::new();
    for file in files {
        let bytes = fs::read(file).with_context(|| file.display().to_string())?;
        hash.update(bytes.len().to_le_bytes());
        hash.update(bytes);
    }
    Ok(secrets::hex(&hash.finalize()[..8]))
}

/// The same for bytes at hand.
pub(crate) fn fingerprint_of(bytes: &[u8]) -> String {
    secrets::hex(&Sha256::digest(bytes)[..8])
}

/// # Errors
/// When the file is not the one that was pinned.
pub(crate) fn check_sha256(path: &Path, pinned: &str) -> Result<()> {
    let mut hash = Sha256::new();
    let mut file = File::open(path).with_context(|| path.display().to_string())?;
    let mut buffer = [0; 64 * 1024];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
    }
    let found = secrets::hex(&hash.finalize());
    if found != pinned {
        bail!(
            "{} has sha256 {found}, but {pinned} is pinned: refusing it",
            path.display()
        );
    }
    Ok(())
}

/// Builds a program from the pinned module `tools/<tool>/go.mod`.
pub(crate) fn go_tool(workspace: &Workspace, tool: &str, package: &str) -> Result<PathBuf> {
    let module = workspace.root.join("tools").join(tool);
    go_program(workspace, tool, (&module, package))
}

/// Builds a program from a package of a pinned module.
pub(crate) fn go_program(
    workspace: &Workspace,
    name: &str,
    (module, package): (&Path, &str),
) -> Result<PathBuf> {
    let mut sources = vec![module.join("go.mod"), module.join("go.sum")];
    // A program of our own.
    sources.extend(
        [module.join("main.go")]
            .into_iter()
            .filter(|file| file.is_file()),
    );
    let hash = fingerprint(&sources)?;
    let folder = cached(workspace, &format!("go/{name}-{hash}"), |new| {
        if !run::on_path("go") {
            bail!(
                "{name} is built with Go 1.26 or newer, and `go` is missing: see https://go.dev/dl"
            );
        }
        let mut build = Command::new("go");
        build
            .args(["build", "-trimpath", "-mod=readonly", "-o"])
            .arg(new.join(name))
            .arg(package)
            .current_dir(module);
        run::quietly(&format!("building {name} (once)"), &mut build)
    })?;
    Ok(folder.join(name))
}

/// The folder of a Debian package that is only unpacked: installing it would do more than we want.
pub(crate) fn debian_unpacked(workspace: &Workspace, package: &str) -> Result<PathBuf> {
    cached(workspace, &format!("debian-{package}"), |new| {
        if !run::on_path("apt-get") {
            bail!("{package} is missing, and this is no Debian: install what corresponds to it");
        }
        let mut download = Command::new("apt-get");
        download.args(["download", package]).current_dir(new);
        let what = format!("downloading {package} (once)");
        // A machine that never asked has no package lists.
        if run::quietly(&what, &mut download).is_err() {
            update_lists()?;
            run::quietly(&what, &mut download)?;
        }
        let archive = fs::read_dir(new)?
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
        Ok(fs::remove_file(archive)?)
    })
}

pub(crate) fn process_compose(workspace: &Workspace) -> Result<PathBuf> {
    go_tool(
        workspace,
        "process-compose",
        "github.com/f1bonacc1/process-compose",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_file_than_the_pinned_one_is_refused() {
        let path = std::env::temp_dir().join(format!("pinned-{}", std::process::id()));
        fs::write(&path, "abc").unwrap();
        // The test vector of FIPS 180-4.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        check_sha256(&path, abc).unwrap();
        fs::write(&path, "abd").unwrap();
        let error = check_sha256(&path, abc).unwrap_err().to_string();
        assert!(error.contains("refusing"), "{error}");
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_failed_install_leaves_nothing_that_looks_installed() {
        let root = std::env::temp_dir().join(format!("cached-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        let workspace = Workspace {
            root: root.clone(),
            cache: root.clone(),
        };
        let failed = cached(&workspace, "t/1", |new| {
            fs::write(new.join("half"), "")?;
            bail!("no network")
        });
        assert!(failed.is_err());
        assert!(!root.join("t/1").exists());
        let made = cached(&workspace, "t/1", |new| {
            Ok(fs::write(new.join("whole"), "")?)
        })
        .unwrap();
        assert!(made.join("whole").exists() && !made.join("half").exists());
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_fingerprint_follows_the_content() {
        let folder = std::env::temp_dir().join(format!("print-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("a");
        fs::write(&file, "1").unwrap();
        let one = fingerprint(std::slice::from_ref(&file)).unwrap();
        fs::write(&file, "2").unwrap();
        assert_ne!(one, fingerprint(&[file]).unwrap());
        fs::remove_dir_all(folder).unwrap();
    }
}
