//! How PostgreSQL, which refuses to be root, runs when we are.
//!
//! Best as `nobody` of a user namespace: inside it root's files belong to `nobody`, outside they
//! stay root's, so any folder will do. Where namespaces are forbidden (containers), as `nobody`
//! itself, with programs and data copied to where everybody can go. (Ambient capabilities to pass
//! closed folders were tried: initdb asks access(2), which does not count them.)

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::place::Instance;
use crate::{install, run};

/// Debian's user `nobody`: exists everywhere, owns nothing.
const NOBODY: u32 = 65534;
/// Where programs and data go when the user must really be another one.
const OPEN: &str = "/var/tmp/syntera";

/// Who runs the server, and where its programs and data are.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) identity: Identity,
    pub(super) programs: PathBuf,
    pub(super) data: PathBuf,
}

/// Whom the server runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Identity {
    /// Us: we are not root.
    Own,
    /// Root, seen as `nobody` from inside a user namespace.
    Namespace,
    /// `nobody`.
    Nobody,
}

impl Identity {
    /// The words before a command that make it run so.
    pub(super) fn wrap(self) -> Vec<String> {
        let words: &[&str] = match self {
            Self::Own => &[],
            Self::Namespace => &["unshare", "--user", "--map-user=65534", "--map-group=65534"],
            Self::Nobody => &[
                "setpriv",
                "--reuid=65534",
                "--regid=65534",
                "--clear-groups",
            ],
        };
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    /// Lets the server's user have a file of ours.
    pub(super) fn give(self, path: &Path) -> Result<()> {
        if self == Self::Nobody {
            chown(path, Some(NOBODY), Some(NOBODY))
                .with_context(|| format!("giving {} to nobody", path.display()))?;
        }
        Ok(())
    }

    /// Whether this way can run the server's program and write into the data folder.
    fn works(self, programs: &Path, data: &Path) -> bool {
        let probe = data.join("probe");
        let mut argv = self.wrap();
        argv.extend([
            "sh".into(),
            "-c".into(),
            "\"$0\" --version && touch \"$1\" && rm \"$1\"".into(),
            programs.join("bin/postgres").display().to_string(),
            probe.display().to_string(),
        ]);
        run::output(Command::new(&argv[0]).args(&argv[1..])).is_ok()
    }
}

impl Home {
    /// The first way that works here, for the programs in this folder.
    pub(super) fn find(programs: PathBuf, instance: &Instance) -> Result<Self> {
        let data = instance.sub("postgres")?;
        let identity = if rustix::process::geteuid().is_root() {
            Identity::Namespace
        } else {
            Identity::Own
        };
        if identity == Identity::Own || identity.works(&programs, &data) {
            return Ok(Self {
                identity,
                programs,
                data,
            });
        }
        let (programs, data) = in_the_open(&programs, instance)?;
        let identity = Identity::Nobody;
        if identity.works(&programs, &data) {
            return Ok(Self {
                identity,
                programs,
                data,
            });
        }
        bail!(
            "PostgreSQL does not run as root, and no way to another user works here \
             (user namespace, setpriv): run this command as an ordinary user"
        )
    }
}

/// The folder of the instance under [`OPEN`].
fn open_folder(instance: &Instance) -> PathBuf {
    let folder = instance.folder.as_os_str().as_encoded_bytes();
    Path::new(OPEN).join(install::fingerprint_of(folder))
}

/// Programs and data where `nobody` can reach them.
fn in_the_open(programs: &Path, instance: &Instance) -> Result<(PathBuf, PathBuf)> {
    let folder = open_folder(instance);
    fs::create_dir_all(&folder)?;
    let owner = fs::symlink_metadata(OPEN)?;
    // Anybody may make a folder in /var/tmp; what we run must come from our own.
    if owner.uid() != 0 || !owner.is_dir() || owner.permissions().mode() & 0o022 != 0 {
        bail!("{OPEN} is not root's own folder: remove it");
    }
    // Two levels up: the libraries of the wheel lie beside the folder of the programs.
    let wheel = programs
        .parent()
        .and_then(Path::parent)
        .context("the folder of a wheel")?;
    let name = wheel.file_name().context("the folder of a wheel")?;
    let copy = folder.join("programs").join(name);
    if !copy.is_dir() {
        let new = folder.join("programs.new");
        let _ = fs::remove_dir_all(&new);
        fs::create_dir_all(&new)?;
        run::output(Command::new("cp").arg("-r").arg(wheel).arg(new.join(name)))?;
        let _ = fs::remove_dir_all(folder.join("programs"));
        fs::rename(&new, folder.join("programs"))?;
    }
    let inside = programs
        .strip_prefix(wheel)
        .context("the folder of a wheel")?;
    let data = folder.join("data");
    fs::create_dir_all(&data)?;
    Identity::Nobody.give(&data)?;
    Ok((copy.join(inside), data))
}

/// Deletes what lies outside the instance's own folder.
pub(crate) fn purge(instance: &Instance) -> Result<()> {
    let folder = open_folder(instance);
    if folder.is_dir() {
        fs::remove_dir_all(&folder).with_context(|| format!("deleting {}", folder.display()))?;
    }
    Ok(())
}
