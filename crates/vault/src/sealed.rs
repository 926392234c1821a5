//! What is stored: sealed values and blind indexes, and what they are bound to.

use std::fmt;

use ids::{DataKeyId, WorkspaceId};
use secrecy::SecretSlice;
use uuid::Uuid;

use crate::{
    VaultError,
    key::{Key, length},
};

/// The first byte of a sealed value. Another layout takes another number.
const VERSION: u8 = 1;
/// The version and the id of the data key.
const HEAD_LEN: usize = 17;

/// Whose keys are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, sqlx::Type)]
#[sqlx(transparent)]
pub struct Scope(Uuid);

impl Scope {
    /// The fleet itself: for people, who stand outside the workspaces. Stored as the nil UUID.
    pub const FLEET: Self = Self(Uuid::nil());

    /// A workspace, which must exist: its first use makes keys.
    #[must_use]
    pub const fn workspace(id: WorkspaceId) -> Self {
        Self(id.as_uuid())
    }

    /// The workspace; none for [`Scope::FLEET`].
    #[must_use]
    pub fn as_workspace(self) -> Option<WorkspaceId> {
        (self != Self::FLEET).then(|| WorkspaceId::from_uuid(self.0))
    }

    /// As the store has it.
    #[must_use]
    pub const fn as_uuid(&self) -> Uuid {
        self.0
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_workspace() {
            Some(id) => write!(f, "workspace {id}"),
            None => f.write_str("the fleet"),
        }
    }
}

/// Where a value stands. It is authenticated with the value, which therefore opens nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// The schema, table and column: `auth.users.email`. A column that is renamed keeps this name.
    pub field: &'static str,
    /// The id of the row.
    pub row: Uuid,
}

impl Context {
    /// A field without a row: for a blind index, and for what a scope has once.
    #[must_use]
    pub const fn field(field: &'static str) -> Self {
        let row = Uuid::nil();
        Self { field, row }
    }
}

/// A value that only its scope's key opens, and only where it stands:
/// version (1 byte), id of the data key (16), nonce (12), ciphertext, tag (16). A `bytea` to PostgreSQL.
#[derive(Clone, PartialEq, Eq, sqlx::Type)]
#[sqlx(transparent)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// The bytes, for a store.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn seal(
        (id, key): (DataKeyId, &Key),
        scope: Scope,
        context: &Context,
        plain: &[u8],
    ) -> Self {
        let mut head = Vec::with_capacity(HEAD_LEN);
        head.push(VERSION);
        head.extend(id.as_uuid().as_bytes());
        Self(key.seal(head, &bound(scope, context), plain))
    }

    /// The data key that it was sealed under.
    pub(crate) fn data_key(&self) -> Result<DataKeyId, VaultError> {
        match self.0.split_at_checked(HEAD_LEN) {
            Some(([VERSION, id @ ..], _)) => Uuid::from_slice(id)
                .map(DataKeyId::from_uuid)
                .map_err(|_| VaultError::Tampered("a sealed value")),
            _ => Err(VaultError::Tampered("a sealed value")),
        }
    }

    pub(crate) fn open(
        &self,
        key: &Key,
        scope: Scope,
        context: &Context,
    ) -> Result<SecretSlice<u8>, VaultError> {
        key.open(HEAD_LEN, &bound(scope, context), &self.0)
            .ok_or(VaultError::Tampered(context.field))
    }
}

/// What is authenticated after the head. The name has its length before it and the rest is of fixed
/// length, so no two places read the same.
fn bound(scope: Scope, context: &Context) -> Vec<u8> {
    [
        scope.as_uuid().as_bytes().as_slice(),
        &length(context.field),
        context.field.as_bytes(),
        context.row.as_bytes(),
    ]
    .concat()
}

/// What finds the rows of an equal text: HMAC-SHA-256 under a key of the scope, 32 bytes. It tells
/// that two rows of one field and scope are equal, and nothing else. A `bytea` to PostgreSQL.
#[derive(Clone, PartialEq, Eq, Hash, sqlx::Type)]
#[sqlx(transparent)]
pub struct BlindIndex(Vec<u8>);

impl BlindIndex {
    /// The bytes, for a store.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn of(key: &Key, context: &Context, plain: &str) -> Self {
        Self(key.mac(context.field, plain))
    }
}

macro_rules! stored_bytes {
    ($($name:ident = $shown:literal,)+) => {$(
        impl From<Vec<u8>> for $name {
            fn from(stored: Vec<u8>) -> Self {
                Self(stored)
            }
        }

        impl From<$name> for Vec<u8> {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($shown)
            }
        }
    )+};
}

stored_bytes! {
    Sealed = "[sealed]",
    BlindIndex = "[blind index]",
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use secrecy::ExposeSecret;

    use super::*;

    const PLAIN: &str = "ada@example.com";

    fn key() -> Key {
        let bytes: Vec<u8> = (0..32).collect();
        Key::read(&bytes).unwrap()
    }

    fn id<T: std::str::FromStr<Err = ids::ParseIdError>>(last: char) -> T {
        format!("01890a5d-ac96-774b-bcce-b302099a805{last}")
            .parse()
            .unwrap()
    }

    fn scope() -> Scope {
        Scope::workspace(id('8'))
    }

    fn context() -> Context {
        Context {
            field: "auth.users.email",
            row: id::<DataKeyId>('9').as_uuid(),
        }
    }

    /// The values were made by another implementation (Python's `cryptography` and `hmac`), after the
    /// layouts that are documented here.
    #[test]
    fn what_earlier_versions_wrote_opens_and_is_found() {
        let sealed =
            "AQGJCl2slndLvM6zAgmagFcAAQIDBAUGBwgJCgsmZrdboJ2jdv0t8qXShhWFMmdfYqGYGHjeKuCSQkGr";
        let sealed = Sealed::from(STANDARD.decode(sealed).unwrap());
        assert_eq!(sealed.data_key().unwrap(), id('7'));
        let plain = sealed.open(&key(), scope(), &context()).unwrap();
        assert_eq!(plain.expose_secret(), PLAIN.as_bytes());
        assert_eq!(
            STANDARD.encode(BlindIndex::of(&key(), &context(), PLAIN).as_bytes()),
            "zjDPYUalcJNB7uaCAsXKYShPojBkA26Ha32SACjesNA="
        );
    }

    #[test]
    fn a_value_opens_only_where_it_was_sealed_for() {
        let sealed = Sealed::seal((id('7'), &key()), scope(), &context(), PLAIN.as_bytes());
        assert!(sealed.open(&key(), scope(), &context()).is_ok());
        let moved = [
            (Scope::FLEET, context()),
            (Scope::workspace(id('9')), context()),
            (
                scope(),
                Context {
                    field: "auth.users.name",
                    ..context()
                },
            ),
            (
                scope(),
                Context {
                    row: id::<DataKeyId>('8').as_uuid(),
                    ..context()
                },
            ),
            (scope(), Context::field(context().field)),
        ];
        for (scope, context) in moved {
            let error = sealed.open(&key(), scope, &context).unwrap_err();
            assert!(matches!(error, VaultError::Tampered(_)), "{error}");
        }
    }

    #[test]
    fn no_byte_of_a_value_may_change() {
        let sealed = Sealed::seal((id('7'), &key()), scope(), &context(), PLAIN.as_bytes());
        for at in 0..sealed.0.len() {
            let mut changed = sealed.clone();
            changed.0[at] ^= 1;
            // The id of the data key is authenticated: another key of the same bytes does not open it.
            assert!(changed.open(&key(), scope(), &context()).is_err(), "{at}");
        }
    }

    #[test]
    fn what_is_none_of_ours_names_no_key() {
        for bytes in [vec![], vec![VERSION; 16], vec![VERSION + 1; 64]] {
            assert!(Sealed::from(bytes).data_key().is_err());
        }
    }

    #[test]
    fn nothing_is_printed() {
        let sealed = Sealed::from(b"ciphertext".to_vec());
        let index = BlindIndex::from(b"hash".to_vec());
        assert_eq!(format!("{sealed:?} {index:?}"), "[sealed] [blind index]");
    }

    #[test]
    fn the_fleet_is_no_workspace() {
        assert_eq!(Scope::FLEET.as_workspace(), None);
        assert_eq!(scope().as_workspace(), Some(id('8')));
        assert_eq!(
            [Scope::FLEET, scope()].map(|scope| scope.to_string()),
            [
                "the fleet",
                "workspace 01890a5d-ac96-774b-bcce-b302099a8058"
            ]
        );
    }
}
