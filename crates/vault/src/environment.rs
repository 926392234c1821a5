//! Master keys from the environment.
//!
//! A wrapped data key is: version (1 byte), length of the master key's name (1), the name, nonce (12),
//! the encrypted key (32), tag (16). The head, and which data key it is, are authenticated.

use std::{collections::HashSet, fmt, ops::RangeInclusive};

use anyhow::{Context as _, ensure};
use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretSlice, SecretString, zeroize::Zeroizing};

use crate::{KeyContext, KeyWrapper, VaultError, key::Key};

/// The first byte of a wrapped key. Another layout takes another number.
const VERSION: u8 = 1;
const NAME_LENGTHS: RangeInclusive<usize> = 1..=32;
/// What messages call a wrapped key that does not unwrap.
const WRAPPED: &str = "a data key";

/// The master keys.
#[derive(Debug, Clone, clap::Args)]
pub struct VaultConfig {
    /// The master keys, name:key separated by commas; a key is 32 bytes in base64, as
    /// `openssl rand -base64 32` makes it. The first wraps the data keys, all unwrap them. To change it, put the new one last
    /// and restart every replica, put it first and restart every replica, wrap the data keys again, and
    /// take the old one out.
    #[arg(long, env = "SYNTERA_VAULT_KEYS", hide_env_values = true)]
    pub vault_keys: SecretString,
}

/// Wraps data keys by AES-256-GCM under the master keys of [`VaultConfig`].
#[derive(Debug)]
pub struct EnvKeys(Vec<MasterKey>);

struct MasterKey {
    name: String,
    key: Key,
}

impl EnvKeys {
    /// Reads the setting.
    ///
    /// # Errors
    /// When an entry is not a name and 32 bytes, or a name comes twice. Says which entry, never what
    /// stands in it.
    pub fn read(config: &VaultConfig) -> anyhow::Result<Self> {
        let entries = config.vault_keys.expose_secret().split(',').enumerate();
        let keys: Vec<MasterKey> = entries
            .map(|(at, entry)| {
                MasterKey::read(entry.trim()).with_context(|| {
                    format!(
                        "entry {} of SYNTERA_VAULT_KEYS is not name:key, with a name of up to 32 letters, digits, - and _ and a key of 32 bytes in base64",
                        at + 1
                    )
                })
            })
            .collect::<anyhow::Result<_>>()?;
        let names: HashSet<&str> = keys.iter().map(|key| key.name.as_str()).collect();
        ensure!(
            names.len() == keys.len(),
            "SYNTERA_VAULT_KEYS has a name twice"
        );
        Ok(Self(keys))
    }

    fn first(&self) -> &MasterKey {
        self.0.first().expect("a split text has a first part")
    }
}

impl MasterKey {
    fn read(entry: &str) -> Option<Self> {
        let (name, key) = entry.split_once(':')?;
        let key = Zeroizing::new(STANDARD.decode(key).ok()?);
        is_name(name.as_bytes()).then_some(())?;
        Some(Self {
            name: name.to_owned(),
            key: Key::read(&key)?,
        })
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[async_trait]
impl KeyWrapper for EnvKeys {
    async fn wrap(&self, key: &[u8], context: &KeyContext) -> Result<Vec<u8>, VaultError> {
        let master = self.first();
        let length = u8::try_from(master.name.len()).expect("a name is short");
        let mut head = vec![VERSION, length];
        head.extend(master.name.as_bytes());
        Ok(master.key.seal(head, &bound(context), key))
    }

    async fn unwrap(
        &self,
        wrapped: &[u8],
        context: &KeyContext,
    ) -> Result<SecretSlice<u8>, VaultError> {
        let name = name_in(wrapped).ok_or(VaultError::Tampered(WRAPPED))?;
        let master = self
            .0
            .iter()
            .find(|master| master.name == name)
            .ok_or_else(|| VaultError::UnknownMasterKey(name.to_owned()))?;
        master
            .key
            .open(2 + name.len(), &bound(context), wrapped)
            .ok_or(VaultError::Tampered(WRAPPED))
    }

    fn is_current(&self, wrapped: &[u8]) -> bool {
        name_in(wrapped) == Some(self.first().name.as_str())
    }
}

/// The name of the master key that wrapped this; none when it is no wrapped key of ours.
fn name_in(wrapped: &[u8]) -> Option<&str> {
    let [VERSION, length, rest @ ..] = wrapped else {
        return None;
    };
    let name = rest.get(..usize::from(*length))?;
    is_name(name).then(|| str::from_utf8(name).ok()).flatten()
}

fn is_name(name: &[u8]) -> bool {
    NAME_LENGTHS.contains(&name.len())
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
}

/// What is authenticated after the head: two parts of fixed length, then the rest.
fn bound(context: &KeyContext) -> Vec<u8> {
    [
        context.scope.as_uuid().as_bytes().as_slice(),
        context.id.as_uuid().as_bytes(),
        context.purpose.as_str().as_bytes(),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use ids::{DataKeyId, WorkspaceId};

    use super::*;
    use crate::{Purpose, Scope};

    const OLD: &str = "2026:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    const NEW: &str = "2027:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

    fn read(setting: &str) -> anyhow::Result<EnvKeys> {
        EnvKeys::read(&VaultConfig {
            vault_keys: setting.into(),
        })
    }

    fn context() -> KeyContext {
        KeyContext {
            scope: Scope::workspace(WorkspaceId::new()),
            id: DataKeyId::new(),
            purpose: Purpose::Seal,
        }
    }

    #[tokio::test]
    async fn the_first_wraps_and_all_unwrap() {
        let (old, both, new) = (
            read(OLD).unwrap(),
            read(&format!("{NEW}, {OLD}")).unwrap(),
            read(NEW).unwrap(),
        );
        let context = context();
        let wrapped = old.wrap(&[5; 32], &context).await.unwrap();
        assert!(old.is_current(&wrapped) && !both.is_current(&wrapped));
        for keys in [&old, &both] {
            let key = keys.unwrap(&wrapped, &context).await.unwrap();
            assert_eq!(key.expose_secret(), [5; 32]);
        }
        let error = new.unwrap(&wrapped, &context).await.unwrap_err();
        assert!(matches!(error, VaultError::UnknownMasterKey(name) if name == "2026"));

        let again = both.wrap(&[5; 32], &context).await.unwrap();
        assert!(new.is_current(&again) && both.is_current(&again));
        assert!(new.unwrap(&again, &context).await.is_ok());
    }

    /// The wrapped key was made by another implementation (Python's `cryptography`), after the layout
    /// at the top of this file.
    #[tokio::test]
    async fn what_earlier_versions_wrapped_unwraps() {
        let wrapped = STANDARD
            .decode("AQQyMDI2AAECAwQFBgcICQoLjc42VwX4ivzHfVfg+AbbCVFprZ+6mIrzys7hDogwCmpVt2iykKU4T9po7Tfdm8Ol")
            .unwrap();
        let workspace: WorkspaceId = "01890a5d-ac96-774b-bcce-b302099a8058".parse().unwrap();
        let context = KeyContext {
            scope: Scope::workspace(workspace),
            id: "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap(),
            purpose: Purpose::Seal,
        };
        let key = read(OLD).unwrap().unwrap(&wrapped, &context).await.unwrap();
        assert_eq!(key.expose_secret(), [5; 32]);
    }

    #[tokio::test]
    async fn a_key_that_was_changed_or_moved_does_not_unwrap() {
        let keys = read(OLD).unwrap();
        let right = context();
        let wrapped = keys.wrap(&[5; 32], &right).await.unwrap();
        for at in 0..wrapped.len() {
            let mut changed = wrapped.clone();
            changed[at] ^= 1;
            assert!(keys.unwrap(&changed, &right).await.is_err(), "byte {at}");
            assert!(
                keys.unwrap(&wrapped[..at], &right).await.is_err(),
                "cut at {at}"
            );
        }
        for moved in [
            KeyContext {
                scope: Scope::FLEET,
                ..right
            },
            KeyContext {
                id: DataKeyId::new(),
                ..right
            },
            KeyContext {
                purpose: Purpose::Index,
                ..right
            },
        ] {
            assert!(matches!(
                keys.unwrap(&wrapped, &moved).await,
                Err(VaultError::Tampered(_))
            ));
        }
    }

    #[test]
    fn a_wrong_setting_is_refused_without_being_shown() {
        let secret = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let cases = [
            String::new(),
            OLD.replace("2026", ""),
            OLD.replace("2026", "a name"),
            OLD.replace("2026", &"n".repeat(33)),
            OLD.replace(':', ""),
            OLD.replace('=', ""),
            format!("2026:{secret}"),
            format!("{OLD},"),
            format!("{OLD},{OLD}"),
        ];
        for setting in cases {
            let error = format!("{:?}", read(&setting).expect_err(&setting));
            assert!(error.contains("SYNTERA_VAULT_KEYS"), "{error}");
            assert!(!error.contains(secret), "{error}");
        }
    }

    #[test]
    fn only_names_are_printed() {
        let keys = read(&format!("{NEW},{OLD}")).unwrap();
        assert_eq!(format!("{keys:?}"), "EnvKeys([2027, 2026])");
    }
}
