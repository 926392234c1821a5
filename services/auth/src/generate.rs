//! `auth keys generate`: the key pairs of a fleet, as files.
//!
//! Every service gets a private key that it signs its calls with. The public halves go into one JWK set
//! that all of them read. What exists is kept, so the command may run at every start, and by two starts
//! at once. The keys of people's and visitors' tokens are not here: [`crate::signing`] keeps them.

use std::{
    fs::{self, Permissions},
    io::{ErrorKind, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use jsonwebtoken::jwk::JwkSet;
use tempfile::NamedTempFile;

use crate::signing;

/// Whoever calls another service over HTTP, or is called.
const SERVICES: [&str; 6] = ["gateway", "auth", "agent", "crm", "chat", "analytics"];

/// Makes the keys that are missing under `out`, and the public set of those that are there.
///
/// # Errors
/// When a file cannot be read or written, or an existing key is not an EC P-256 key.
pub fn key_files(out: &Path) -> Result<()> {
    let mut set = JwkSet { keys: Vec::new() };
    for service in SERVICES {
        let folder = out.join(service);
        private_folder(&folder)?;
        let file = folder.join("key.pem");
        make_key(&file)?;
        set.keys.push(signing::public_jwk(&file, service)?);
    }
    publish(&out.join("public").join("services.jwks.json"), &set)
}

/// Writes a new key, readable by its owner only, unless the file exists.
fn make_key(file: &Path) -> Result<()> {
    if file.exists() {
        return Ok(());
    }
    let pkcs8 = signing::random_pkcs8().context("the system gave no key")?;
    // A name that nobody reads first: a crash leaves no half key, and a temporary file is 0600.
    let mut temporary = temporary_beside(file)?;
    temporary.write_all(pem(pkcs8.as_ref()).as_bytes())?;
    temporary.as_file().sync_all()?;
    match temporary.persist_noclobber(file) {
        Ok(_) => Ok(()),
        // Another start was faster; its key is as good.
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot write {}", file.display())),
    }
}

/// Writes the set where everybody may read it, unless it is there as it should be.
fn publish(file: &Path, set: &JwkSet) -> Result<()> {
    let text = serde_json::to_vec_pretty(set)?;
    if fs::read(file).is_ok_and(|kept| kept == text) {
        return Ok(());
    }
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut temporary = temporary_beside(file)?;
    temporary.write_all(&text)?;
    temporary
        .as_file()
        .set_permissions(Permissions::from_mode(0o644))?;
    temporary
        .persist(file)
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(())
}

fn private_folder(folder: &Path) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder)
        .and_then(|()| fs::set_permissions(folder, Permissions::from_mode(0o700)))
        .with_context(|| format!("cannot make {}", folder.display()))
}

fn temporary_beside(file: &Path) -> Result<NamedTempFile> {
    let folder = file.parent().unwrap_or(Path::new("."));
    NamedTempFile::new_in(folder).with_context(|| format!("cannot write into {}", folder.display()))
}

/// A PKCS#8 private key in PEM (RFC 7468 §10): base64 in lines of 64.
fn pem(der: &[u8]) -> String {
    let mut text = String::from("-----BEGIN PRIVATE KEY-----\n");
    let encoded = STANDARD.encode(der);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = more;
    }
    text.push_str("-----END PRIVATE KEY-----\n");
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn contents(folder: &Path) -> BTreeMap<String, (Vec<u8>, u32)> {
        let mut all = BTreeMap::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                all.extend(contents(&path));
            } else {
                let mode = path.metadata().unwrap().permissions().mode() & 0o777;
                all.insert(path.display().to_string(), (fs::read(&path).unwrap(), mode));
            }
        }
        all
    }

    #[test]
    fn a_second_run_keeps_every_file_and_restores_a_missing_one() {
        let out = tempfile::tempdir().unwrap();
        key_files(out.path()).unwrap();
        let first = contents(out.path());
        assert_eq!(
            first.len(),
            7,
            "six services, one public set: {:?}",
            first.keys()
        );
        for (name, (_, mode)) in &first {
            assert_eq!(
                *mode,
                if name.ends_with(".pem") { 0o600 } else { 0o644 },
                "{name}"
            );
        }
        key_files(out.path()).unwrap();
        assert_eq!(contents(out.path()), first);

        fs::remove_file(out.path().join("crm/key.pem")).unwrap();
        key_files(out.path()).unwrap();
        let third = contents(out.path());
        let changed: Vec<_> = first
            .keys()
            .filter(|name| first[*name] != third[*name])
            .collect();
        assert_eq!(
            changed.len(),
            2,
            "the new key and the public set: {changed:?}"
        );
    }

    #[test]
    fn each_service_can_call_every_other_with_its_key() {
        let out = tempfile::tempdir().unwrap();
        key_files(out.path()).unwrap();
        let text = fs::read(out.path().join("public/services.jwks.json")).unwrap();
        let set: JwkSet = serde_json::from_slice(&text).unwrap();
        let clock = clock::Clock::system();
        for service in SERVICES {
            let file = out.path().join(service).join("key.pem");
            let signer =
                common::tokens::ServiceSigner::read(service, &file, clock.clone()).unwrap();
            let token = signer.token_for("crm").unwrap();
            let jwk = set.find(service).unwrap();
            let key = jsonwebtoken::DecodingKey::from_jwk(jwk).unwrap();
            let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
            validation.set_audience(&["crm"]);
            jsonwebtoken::decode::<serde_json::Value>(&token, &key, &validation).unwrap();
            assert_eq!(
                jwk.common.public_key_use,
                Some(jsonwebtoken::jwk::PublicKeyUse::Signature)
            );
        }
    }
}
