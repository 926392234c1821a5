//! The keys that sign: reading them, and what is published of them.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use jsonwebtoken::{
    Algorithm, EncodingKey,
    jwk::{Jwk, PublicKeyUse, ThumbprintHash},
};

/// The public half of the key in `file`, PKCS#8 in PEM. Its id is `kid`, or else its thumbprint
/// (RFC 7638).
///
/// # Errors
/// When the file cannot be read or holds no EC P-256 key.
pub(crate) fn public_jwk(file: &Path, kid: Option<&str>) -> Result<Jwk> {
    read(file, kid).map(|(_, jwk)| jwk)
}

fn read(file: &Path, kid: Option<&str>) -> Result<(EncodingKey, Jwk)> {
    let pem = fs::read(file).with_context(|| format!("cannot read the key {}", file.display()))?;
    from_pem(&pem, kid).with_context(|| format!("no usable key in {}", file.display()))
}

fn from_pem(pem: &[u8], kid: Option<&str>) -> Result<(EncodingKey, Jwk)> {
    let key = EncodingKey::from_ec_pem(pem)?;
    let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256)?;
    jwk.common.key_id = match kid {
        Some(kid) => Some(kid.to_owned()),
        None => Some(jwk.thumbprint(ThumbprintHash::SHA256)?),
    };
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    Ok((key, jwk))
}
