//! The passwords of one instance: made once, kept where only this user can read them.

use std::fs;
use std::io::Read as _;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::place::{Instance, write_private};

/// Every password is 32 hex digits, so that it needs no escaping in URLs and configuration files.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Secrets {
    pub(crate) postgres: String,
    pub(crate) postgres_auth: String,
    pub(crate) postgres_agent: String,
    pub(crate) postgres_crm: String,
    pub(crate) postgres_analytics: String,
    pub(crate) redis: String,
    pub(crate) rabbitmq: String,
    pub(crate) erlang_cookie: String,
    pub(crate) refresh: String,
}

impl Secrets {
    /// Those of the instance; new ones for a new instance.
    pub(crate) fn of(instance: &Instance) -> Result<Self> {
        let path = instance.folder.join("secrets.json");
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("{} is damaged", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let secrets = Self::generate()?;
                write_private(&path, &serde_json::to_string_pretty(&secrets)?)?;
                Ok(secrets)
            }
            Err(error) => Err(error).context(path.display().to_string()),
        }
    }

    fn generate() -> Result<Self> {
        Ok(Self {
            postgres: random()?,
            postgres_auth: random()?,
            postgres_agent: random()?,
            postgres_crm: random()?,
            postgres_analytics: random()?,
            redis: random()?,
            rabbitmq: random()?,
            erlang_cookie: random()?,
            // An HMAC-SHA-256 key: 256 bits.
            refresh: random()? + &random()?,
        })
    }
}

/// 128 random bits in hex.
fn random() -> Result<String> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(hex(&bytes))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::place::Workspace;

    #[test]
    fn made_once_and_private() {
        let root = std::env::temp_dir().join(format!("secrets-{}", std::process::id()));
        let workspace = Workspace {
            root: root.clone(),
            cache: root.clone(),
        };
        let instance = workspace.instance("one", Some(7000)).unwrap();
        let first = Secrets::of(&instance).unwrap();
        let again = Secrets::of(&instance).unwrap();
        assert_eq!(first.postgres, again.postgres);
        assert_ne!(first.postgres, first.redis);
        assert_eq!(first.refresh.len(), 64);
        let path = instance.folder.join("secrets.json");
        assert_eq!(
            fs::metadata(path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        fs::remove_dir_all(root).unwrap();
    }
}
