//! The passwords of one instance: made once, kept where only this user can read them.

use std::fs;
use std::io::Read as _;

use anyhow::{Context as _, Result, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::place::{Instance, write_private};

/// Every password is hex digits, so that it needs no escaping in URLs and configuration files.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Secrets {
    pub(crate) postgres: String,
    pub(crate) postgres_auth: String,
    pub(crate) postgres_agent: String,
    pub(crate) postgres_crm: String,
    pub(crate) postgres_chat: String,
    pub(crate) postgres_analytics: String,
    pub(crate) redis: String,
    pub(crate) rabbitmq: String,
    pub(crate) erlang_cookie: String,
    pub(crate) refresh: String,
    /// The vault's master key.
    pub(crate) vault: String,
    /// The password of the demo account.
    pub(crate) demo: String,
}

impl Secrets {
    /// Those of the instance; new ones for a new instance.
    pub(crate) fn of(instance: &Instance) -> Result<Self> {
        let path = instance.folder.join("secrets.json");
        let kept = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("{} is damaged", path.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Map::new(),
            Err(error) => return Err(error).context(path.display().to_string()),
        };
        // An instance of an earlier version lacks some.
        let Value::Object(mut all) = serde_json::to_value(Self::generate()?)? else {
            bail!("secrets are an object");
        };
        let complete = all.keys().all(|name| kept.contains_key(name));
        all.extend(kept);
        if !complete {
            write_private(&path, &serde_json::to_string_pretty(&all)?)?;
        }
        serde_json::from_value(Value::Object(all))
            .with_context(|| format!("{} is damaged", path.display()))
    }

    fn generate() -> Result<Self> {
        Ok(Self {
            postgres: random()?,
            postgres_auth: random()?,
            postgres_agent: random()?,
            postgres_crm: random()?,
            postgres_chat: random()?,
            postgres_analytics: random()?,
            redis: random()?,
            rabbitmq: random()?,
            erlang_cookie: random()?,
            // An HMAC-SHA-256 key: 256 bits.
            refresh: random()? + &random()?,
            // An AES-256 key, with its name.
            vault: format!("dev:{}", STANDARD.encode(bytes::<32>()?)),
            demo: random()?,
        })
    }
}

/// 128 random bits in hex.
fn random() -> Result<String> {
    Ok(hex(&bytes::<16>()?))
}

fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
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

    #[test]
    fn an_instance_of_an_earlier_version_gets_what_it_lacks() {
        let root = std::env::temp_dir().join(format!("secrets-old-{}", std::process::id()));
        let workspace = Workspace {
            root: root.clone(),
            cache: root.clone(),
        };
        let instance = workspace.instance("one", Some(7100)).unwrap();
        let first = Secrets::of(&instance).unwrap();
        let path = instance.folder.join("secrets.json");
        let mut kept: Map<String, Value> =
            serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        kept.remove("vault").unwrap();
        kept.remove("postgres_chat").unwrap();
        fs::write(&path, serde_json::to_vec(&kept).unwrap()).unwrap();
        let second = Secrets::of(&instance).unwrap();
        assert_eq!(second.redis, first.redis);
        assert_ne!(second.vault, first.vault);
        assert_ne!(second.postgres_chat, first.postgres_chat);
        assert_eq!(Secrets::of(&instance).unwrap().vault, second.vault);
        fs::remove_dir_all(root).unwrap();
    }
}
