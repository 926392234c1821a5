//! Where things lie: the checkout, the cache, an instance and its ports.

use std::fs::{self, File};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, io::Write as _};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::cargo;
use crate::ports::{DEFAULT_BASE, Ports, TEST_OFFSET};
use crate::run;

/// Between two looks at a lock that somebody else has.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The checkout and the folders that outlive it.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    /// The checkout. Looked up at run time: checkouts may share one compiled xtask.
    pub(crate) root: PathBuf,
    /// Downloads and built tools, by version and hash; shared by all checkouts.
    pub(crate) cache: PathBuf,
}

impl Workspace {
    /// # Errors
    /// Outside a checkout, or without a home folder.
    pub(crate) fn find() -> Result<Self> {
        let here = env::current_dir()?;
        let root = here
            .ancestors()
            .find(|folder| folder.join("xtask/Cargo.toml").is_file())
            .context("not inside a checkout of this project")?
            .canonicalize()?;
        let cache = match (env::var_os("SYNTERA_CACHE"), env::var_os("HOME")) {
            (Some(cache), _) => PathBuf::from(cache),
            (None, Some(home)) => Path::new(&home).join(".cache/syntera"),
            (None, None) => bail!("set HOME or SYNTERA_CACHE: downloads need a folder"),
        };
        fs::create_dir_all(&cache).with_context(|| format!("creating {}", cache.display()))?;
        Ok(Self { root, cache })
    }

    /// Where cargo puts what it builds.
    pub(crate) fn target(&self) -> Result<PathBuf> {
        let mut cargo = cargo::command();
        cargo
            .args(["metadata", "--no-deps", "--format-version=1"])
            .current_dir(&self.root);
        let metadata: serde_json::Value = serde_json::from_str(&run::output(&mut cargo)?)?;
        let target = metadata["target_directory"].as_str();
        Ok(target
            .context("cargo metadata names no target folder")?
            .into())
    }

    pub(crate) fn instance(&self, name: &str, base: Option<u16>) -> Result<Instance> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > 32 || !name.chars().all(fits) {
            bail!("{name:?} is no instance name: up to 32 of a–z, 0–9 and -");
        }
        let folder = self.root.join(".dev").join(name);
        private_folder(&self.root.join(".dev"))?;
        private_folder(&folder)?;
        let recorded = Recorded::read(&folder)?;
        let base = match (base, recorded) {
            (Some(base), _) => base,
            (None, Some(recorded)) => recorded.port_base,
            (None, None) => default_base(name, env::var("SYNTERA_PORT_BASE").ok().as_deref())?,
        };
        Ok(Instance {
            name: name.to_owned(),
            ports: Ports::new(base)?,
            folder,
        })
    }
}

/// The base for an instance that has none yet. `test` stays clear of `up` wherever that lies.
fn default_base(name: &str, configured: Option<&str>) -> Result<u16> {
    let base = match configured {
        Some(text) => text
            .parse()
            .with_context(|| format!("SYNTERA_PORT_BASE is {text:?}, which is no port"))?,
        None => DEFAULT_BASE,
    };
    if name != "test" {
        return Ok(base);
    }
    base.checked_add(TEST_OFFSET)
        .with_context(|| format!("no room for the test instance {TEST_OFFSET} ports above {base}"))
}

/// One private fleet: its folder, its ports. `up` and `test` are two of them.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) ports: Ports,
}

/// What later commands (`down`, `status`) need to know of a start.
#[derive(Serialize, Deserialize)]
struct Recorded {
    port_base: u16,
}

impl Recorded {
    fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join("instance.json");
        match fs::read(&path) {
            Ok(bytes) => {
                Ok(Some(serde_json::from_slice(&bytes).with_context(|| {
                    format!("{} is damaged: delete it", path.display())
                })?))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).context(path.display().to_string()),
        }
    }
}

impl Instance {
    /// Remembers the ports, so that later commands need no flag. They stay while it runs.
    pub(crate) fn settle(&self, running: bool) -> Result<()> {
        let port_base = self.ports.base();
        match Recorded::read(&self.folder)? {
            Some(recorded) if recorded.port_base == port_base => return Ok(()),
            Some(recorded) if running => bail!(
                "instance {} runs on the ports from {} on; to move it, stop it first: \
                 cargo xtask down{}",
                self.name,
                recorded.port_base,
                self.flag()
            ),
            _ => {}
        }
        let text = serde_json::to_string(&Recorded { port_base })?;
        write_private(&self.folder.join("instance.json"), &text)
    }

    /// A private folder inside the instance, made when missing.
    pub(crate) fn sub(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join(name);
        private_folder(&folder)?;
        Ok(folder)
    }

    pub(crate) fn log(&self, process: &str) -> PathBuf {
        self.folder.join("logs").join(format!("{process}.log"))
    }

    /// Holds the instance for one command; a second one waits. Released on drop, or by death.
    pub(crate) fn lock(&self) -> Result<File> {
        lock(
            &self.folder.join("lock"),
            &format!("instance {}", self.name),
        )
    }

    /// ` --instance NAME` for hints, empty for the default one.
    pub(crate) fn flag(&self) -> String {
        if self.name == "up" {
            String::new()
        } else {
            format!(" --instance {}", self.name)
        }
    }
}

/// Takes an advisory lock, telling when somebody else has it.
pub(crate) fn lock(path: &Path, what: &str) -> Result<File> {
    let file = File::create(path).with_context(|| format!("creating {}", path.display()))?;
    if file.try_lock().is_err() {
        crate::say::progress(
            &format!("waiting for another command on the {what}"),
            || loop {
                // Blocking in the kernel would not hear of Ctrl-C.
                crate::run::pause(LOOK_AGAIN)?;
                if file.try_lock().is_ok() {
                    return anyhow::Ok(());
                }
            },
        )?;
    }
    Ok(file)
}

/// A folder that only this user can enter: it holds data, logs or secrets.
pub(crate) fn private_folder(path: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("creating {}", path.display()))
}

/// Replaces a file that only this user can read; never half written.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<()> {
    let new = path.with_extension("new");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)
        .with_context(|| format!("writing {}", new.display()))?;
    file.write_all(text.as_bytes())?;
    fs::rename(&new, path).with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_stays_clear_of_up() {
        assert_eq!(default_base("up", None).unwrap(), 4000);
        assert_eq!(default_base("test", None).unwrap(), 14_000);
        assert_eq!(default_base("up", Some("5000")).unwrap(), 5000);
        assert_eq!(default_base("test", Some("5000")).unwrap(), 15_000);
        assert!(default_base("test", Some("60000")).is_err());
        assert!(default_base("up", Some("x")).is_err());
    }

    #[test]
    fn an_instance_keeps_its_ports_and_refuses_odd_names() {
        let root = std::env::temp_dir().join(format!("place-{}", std::process::id()));
        let workspace = Workspace {
            root: root.clone(),
            cache: root.clone(),
        };
        let instance = workspace.instance("mine", Some(7000)).unwrap();
        instance.settle(false).unwrap();
        let again = workspace.instance("mine", None).unwrap();
        assert_eq!(again.ports.base(), 7000);
        let moved = workspace.instance("mine", Some(8000)).unwrap();
        assert!(moved.settle(true).unwrap_err().to_string().contains("7000"));
        moved.settle(false).unwrap();
        assert_eq!(workspace.instance("mine", None).unwrap().ports.base(), 8000);
        assert!(workspace.instance("../up", None).is_err());
        assert!(workspace.instance("", None).is_err());
        fs::remove_dir_all(root).unwrap();
    }
}
