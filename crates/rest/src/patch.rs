//! JSON merge patches (RFC 7396): a member that is absent stays, null clears, anything else sets.

use serde::{Deserialize, Deserializer};

/// One member of a merge patch. Mark it `#[serde(default)]`, and give its schema as
/// `#[schema(value_type = Option<…>)]`; as that of the value itself where null is refused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Field<T> {
    /// Not in the patch: leave as it is.
    #[default]
    Absent,
    /// Null: clear.
    Null,
    /// Set to this.
    Value(T),
}

impl<T> Field<T> {
    /// The value after the patch, where the field may be empty.
    pub fn apply(self, current: Option<T>) -> Option<T> {
        match self {
            Self::Absent => current,
            Self::Null => None,
            Self::Value(value) => Some(value),
        }
    }

    /// The value that the patch sets, if it sets one.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// Whether the patch clears the field.
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<T>::deserialize(deserializer)?.map_or(Self::Null, Self::Value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Patch {
        #[serde(default)]
        name: Field<String>,
    }

    #[test]
    fn absent_null_and_value_differ() {
        let read = |text| serde_json::from_str::<Patch>(text).unwrap().name;
        assert_eq!(read("{}"), Field::Absent);
        assert_eq!(read(r#"{"name":null}"#), Field::Null);
        assert_eq!(read(r#"{"name":"x"}"#), Field::Value("x".to_owned()));
        assert_eq!(Field::Absent.apply(Some(1)), Some(1));
        assert_eq!(Field::Null.apply(Some(1)), None);
    }
}
