//! Values that hide themselves: a name or an address is never printed by accident.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something about a person. It is stored and sent as it is, but `Debug` and `Display` hide it, so
/// that a whole request can be logged without a name in the line. [`Personal::expose`] shows it.
/// In `ToSchema` give it as `#[schema(value_type = …)]`.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Personal<T>(T);

impl<T> Personal<T> {
    /// Hides `value` from logs.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself, for storing, sending and comparing; never for logs.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// The value itself, taken out.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> From<T> for Personal<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> fmt::Debug for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[personal]")
    }
}

impl<T> fmt::Display for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[personal]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printing_hides_and_json_keeps() {
        #[derive(Debug, Serialize)]
        struct Contact {
            email: Personal<String>,
        }
        let contact = Contact {
            email: Personal::new("ada@example.com".to_owned()),
        };
        assert!(!format!("{contact:?} {}", contact.email).contains("ada"));
        assert_eq!(
            serde_json::to_string(&contact).unwrap(),
            r#"{"email":"ada@example.com"}"#
        );
    }
}
