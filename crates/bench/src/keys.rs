//! The keys and tokens of one run, in the files that the programs read.

use std::{fs, path::Path};

use anyhow::Context;
use aws_lc_rs::{
    encoding::AsDer,
    signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use clock::Clock;
use common::tokens::Role;
use ids::{UserId, WorkspaceId};
use serde::Serialize;
use testkit::Keys;

use crate::company::Company;

/// Longer than any run takes. Real tokens live for ten minutes, which a long run would outlast.
const SECONDS: i64 = 6 * 60 * 60;

/// The services that take part in benches with keys of their own.
const SERVICES: [&str; 3] = ["gateway", "chat", "agent"];

/// Writes
///
/// - `<service>.pem`, the private keys of those services that take part, and `services.jwks.json`, all
///   services' public ones,
/// - `auth.jwks.json`, the key of the access tokens as auth publishes it, and `auth.pem`, the same as
///   HAProxy reads it,
/// - `tokens.txt`, one access token a line,
/// - `company.json`, a [`Company`] with so many colleagues and rooms.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn write(
    out: &Path,
    people: usize,
    (colleagues, rooms): (usize, usize),
) -> anyhow::Result<()> {
    fs::create_dir_all(out)?;
    let keys = Keys::new(Clock::system());
    let put = |name: &str, text: &[u8]| {
        let path = out.join(name);
        fs::write(&path, text).with_context(|| path.display().to_string())
    };
    for service in SERVICES {
        put(&format!("{service}.pem"), keys.service_pem(service))?;
    }
    put(
        "services.jwks.json",
        &serde_json::to_vec(keys.service_jwks())?,
    )?;
    put("auth.jwks.json", &serde_json::to_vec(keys.jwks())?)?;
    put("auth.pem", public_pem(keys.jwks())?.as_bytes())?;
    let tokens: String = (0..people)
        .map(|_| {
            let mut claims = keys.person_claims(WorkspaceId::new(), UserId::new(), Role::Owner);
            claims.exp = claims.iat + SECONDS;
            keys.sign(&claims) + "\n"
        })
        .collect();
    put("tokens.txt", tokens.as_bytes())?;
    Company::new(&keys, (colleagues, rooms), SECONDS).write(out)
}

/// The only key of a set, as an uncompressed point (SEC 1 §2.3.3).
///
/// # Errors
/// When it is not a P-256 key.
pub(crate) fn point(jwks: &impl Serialize) -> anyhow::Result<Vec<u8>> {
    let set = serde_json::to_value(jwks)?;
    let key = &set["keys"][0];
    let mut point = vec![4];
    for name in ["x", "y"] {
        let text = key[name].as_str().context("a key of a curve")?;
        point.extend(URL_SAFE_NO_PAD.decode(text)?);
    }
    Ok(point)
}

/// The same as a SubjectPublicKeyInfo in PEM (RFC 7468 §13).
fn public_pem(jwks: &impl Serialize) -> anyhow::Result<String> {
    let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point(jwks)?)?;
    let body = STANDARD.encode(key.as_der()?.as_ref());
    let lines: Vec<_> = body
        .as_bytes()
        .chunks(64)
        .map(std::str::from_utf8)
        .collect::<Result<_, _>>()?;
    Ok(format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        lines.join("\n")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_key_in_pem_verifies_what_the_keys_sign() {
        let keys = Keys::new(Clock::system());
        let pem = public_pem(keys.jwks()).unwrap();
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = STANDARD.decode(body).unwrap();
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, der).unwrap();

        let token = keys.person(WorkspaceId::new(), UserId::new(), Role::Viewer);
        let (message, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        key.verify_sig(message.as_bytes(), &signature).unwrap();
        assert!(key.verify_sig(b"another", &signature).is_err());
    }
}
