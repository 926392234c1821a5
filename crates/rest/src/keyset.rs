//! Lists in PostgreSQL whose order and filters the caller chooses.

use sqlx::{Encode, Postgres, QueryBuilder, Type};

use crate::Limit;

/// The order of a list: by an expression, then by id, both the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keyset {
    /// What is sorted by, as SQL.
    pub key: &'static str,
    /// Whether the highest comes first.
    pub down: bool,
}

impl Keyset {
    /// Adds the condition that a row comes after the one with this key and id.
    pub fn after<'t, K, I>(self, sql: &mut QueryBuilder<Postgres>, key: K, id: I)
    where
        K: Encode<'t, Postgres> + Type<Postgres>,
        I: Encode<'t, Postgres> + Type<Postgres>,
    {
        let direction = if self.down { "<" } else { ">" };
        sql.push(format_args!(" AND ({}, id) {direction} (", self.key))
            .push_bind(key)
            .push(", ")
            .push_bind(id)
            .push(")");
    }

    /// Adds the order, and the limit: the rows of a page and one more.
    pub fn order(self, sql: &mut QueryBuilder<Postgres>, limit: Limit) {
        let direction = if self.down { "DESC" } else { "ASC" };
        sql.push(format_args!(
            " ORDER BY {} {direction}, id {direction} LIMIT ",
            self.key
        ))
        .push_bind(limit.rows());
    }
}

/// The `LIKE` pattern of whatever contains `text`, in which `LIKE`'s wildcards mean nothing.
#[must_use]
pub fn like_containing(text: &str) -> String {
    let literal = text
        .replace('\\', r"\\")
        .replace('%', r"\%")
        .replace('_', r"\_");
    format!("%{literal}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_lose_their_meaning() {
        assert_eq!(like_containing(r"50%_a\b"), r"%50\%\_a\\b%");
    }
}
