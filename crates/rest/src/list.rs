//! Lists: `?limit=&cursor=` in, `{items, next_cursor}` out, by keyset and never by offset.

use axum::extract::FromRequestParts;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use common::{ErrorCode, Problem, problem::FieldError};
use http::request::Parts;
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use url::form_urlencoded;
use utoipa::{IntoParams, ToSchema};

use crate::extract::parameters;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// Pass it as `cursor` for the next page; null on the last one.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Cuts `rows`, which were asked for with one more than `limit`, into a page. `key` says where a
    /// row stands in the order.
    pub fn cut<K: Serialize>(mut rows: Vec<T>, limit: Limit, key: impl FnOnce(&T) -> K) -> Self {
        let size = usize::from(limit.0);
        let more = rows.len() > size;
        rows.truncate(size);
        let next_cursor = if more {
            rows.last().map(|last| Cursor::of(&key(last)).0)
        } else {
            None
        };
        Self {
            items: rows,
            next_cursor,
        }
    }

    /// The same page of other items.
    pub fn map<U>(self, item: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(item).collect(),
            next_cursor: self.next_cursor,
        }
    }
}

/// Which page of a list: all that the query of a list without filters says.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many at most.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100)]
    pub limit: Limit,
    /// `next_cursor` of the page before.
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
}

impl PageQuery {
    /// The key that the page begins behind; none on the first one.
    ///
    /// # Errors
    /// 400 when the cursor was not made by this list.
    pub fn after<K: DeserializeOwned>(&self) -> Result<Option<K>, Problem> {
        self.cursor.as_ref().map(Cursor::read).transpose()
    }
}

/// The query of a list with filters: `limit` and `cursor` are the page's, everything else is the
/// filters'. What does not fit answers as [`Query`](crate::Query) does, also where `F` denies unknown
/// fields: serde's `flatten` cannot.
#[derive(Debug, Clone)]
pub struct ListQuery<F> {
    /// Which items.
    pub filters: F,
    /// Which page of them.
    pub page: PageQuery,
}

impl<F: DeserializeOwned> ListQuery<F> {
    fn read(text: &str) -> Result<Self, Problem> {
        let mut page = form_urlencoded::Serializer::new(String::new());
        let mut filters = form_urlencoded::Serializer::new(String::new());
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            let side = match &*name {
                "limit" | "cursor" => &mut page,
                _ => &mut filters,
            };
            side.append_pair(&name, &value);
        }
        Ok(Self {
            filters: parameters(&filters.finish())?,
            page: parameters(&page.finish())?,
        })
    }
}

impl<F, S> FromRequestParts<S> for ListQuery<F>
where
    F: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::read(parts.uri.query().unwrap_or_default())
    }
}

/// How many items a page has: 1 to 100, 25 by default. In `IntoParams` give it as
/// `#[param(value_type = Option<u8>, minimum = 1, maximum = 100)]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(u8);

impl Limit {
    /// The number of rows to ask the store for: one more than the page, to see whether there is a next.
    #[must_use]
    pub const fn rows(self) -> i64 {
        self.0 as i64 + 1
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(25)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u8::deserialize(deserializer)
            .ok()
            .filter(|number| (1..=100).contains(number))
            .ok_or_else(|| serde::de::Error::custom("a number from 1 to 100"))?;
        Ok(Self(number))
    }
}

/// A time in a query, as RFC 3339 has it: years of four digits, which PostgreSQL can hold. In
/// `IntoParams` give it as `#[param(value_type = Option<String>, format = DateTime)]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(DateTime<Utc>);

impl Timestamp {
    /// The time.
    #[must_use]
    pub const fn time(self) -> DateTime<Utc> {
        self.0
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        DateTime::parse_from_rfc3339(&text)
            .map(|time| Self(time.to_utc()))
            .map_err(|_| serde::de::Error::custom("a time such as 2026-11-23T10:00:00Z"))
    }
}

/// Where a page begins: opaque to clients, a JSON value inside. In `IntoParams` give it as
/// `#[param(value_type = Option<String>)]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Cursor(String);

impl Cursor {
    /// The cursor behind a row that stands at `key`.
    pub fn of<K: Serialize>(key: &K) -> Self {
        Self(
            URL_SAFE_NO_PAD
                .encode(serde_json::to_vec(key).expect("a key is ids, times and strings")),
        )
    }

    /// The key inside.
    ///
    /// # Errors
    /// 400 when it was not made by this list.
    pub fn read<K: DeserializeOwned>(&self) -> Result<K, Problem> {
        URL_SAFE_NO_PAD.decode(&self.0).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or_else(|| {
            Problem::new(ErrorCode::InvalidCursor)
                .detail("use `next_cursor` of the previous page as it is, or start again without a cursor")
                .field(FieldError::parameter("cursor", "not made by this list"))
        })
    }

    /// The answer to a cursor that this list made for another `sort`.
    pub fn of_another_order() -> Problem {
        Problem::new(ErrorCode::InvalidCursor)
            .detail("the cursor was made for another order; pass the same `sort`, or start again without a cursor")
            .field(FieldError::parameter("cursor", "not made for this order"))
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        cursor.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_tells_of_the_next_only_when_there_is_one() {
        let limit: Limit = serde_json::from_str("2").unwrap();
        let full = Page::cut(vec![1, 2, 3], limit, |last| *last);
        assert_eq!(full.items, [1, 2]);
        assert_eq!(Cursor(full.next_cursor.unwrap()).read::<i32>().unwrap(), 2);
        assert_eq!(Page::cut(vec![1, 2], limit, |last| *last).next_cursor, None);
    }

    #[test]
    fn cursors_of_others_are_refused() {
        let error = Cursor("not a cursor".to_owned()).read::<i32>().unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidCursor);
        assert!(
            serde_json::from_str::<Limit>("0").is_err()
                && serde_json::from_str::<Limit>("101").is_err()
        );
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Filters {
        kind: Option<String>,
    }

    #[test]
    fn a_list_has_filters_and_a_page() {
        let cursor = Cursor::of(&7).0;
        let text = format!("limit=2&kind=a%26b&cursor={cursor}");
        let query = ListQuery::<Filters>::read(&text).unwrap();
        assert_eq!(query.filters.kind.as_deref(), Some("a&b"));
        assert_eq!(query.page.limit.rows(), 3);
        assert_eq!(query.page.after().unwrap(), Some(7));
        let neither = ListQuery::<Filters>::read("").unwrap();
        assert_eq!(neither.filters.kind, None);
        assert_eq!(neither.page.after::<i32>().unwrap(), None);
        assert_eq!(neither.page.limit, Limit::default());
    }

    #[test]
    fn a_parameter_that_does_not_fit_is_named() {
        for (text, name) in [
            ("limit=0", "limit"),
            ("limit=1&limit=2", "limit"),
            ("kind=a&kind=b", "kind"),
            ("limit=1&colour=red", "colour"),
        ] {
            let problem = ListQuery::<Filters>::read(text).unwrap_err();
            assert_eq!(problem.code(), ErrorCode::InvalidQuery, "{text}");
            let errors = problem.document().errors;
            assert_eq!(errors[0].parameter.as_deref(), Some(name), "{text}");
        }
        assert!(parameters::<PageQuery>("kind=a").is_err());
    }

    #[test]
    fn times_are_rfc_3339_and_nothing_wider() {
        let read =
            |text: &str| serde_json::from_value::<Timestamp>(text.into()).map(Timestamp::time);
        assert_eq!(
            read("1970-01-01T01:00:00+01:00").unwrap(),
            DateTime::UNIX_EPOCH
        );
        for wrong in [
            "2026-11-23",
            "2026-11-23T10:00:00",
            "+262142-01-01T00:00:00Z",
            "yesterday",
            "",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
