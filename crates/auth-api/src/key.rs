//! Publishable keys: they name an agent, are bound to origins, and may only open visitor sessions.

use std::fmt;

use chrono::{DateTime, Utc};
use ids::{AgentId, KeyId};
use rest::{Check, Validate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A publishable key to be created.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateKey {
    /// What it is for.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// The agent that its visitors talk to.
    pub agent_id: AgentId,
    /// The origins whose pages may use it, such as `https://shop.example`.
    #[schema(min_items = 1, max_items = 20)]
    pub allowed_origins: Vec<String>,
}

impl Validate for CreateKey {
    fn validate(&self, check: &mut Check) {
        check.line("/name", &self.name, 1..=100);
        if !(1..=20).contains(&self.allowed_origins.len()) {
            check.fault("/allowed_origins", "must name 1 to 20 origins");
        }
        for (index, origin) in self.allowed_origins.iter().enumerate() {
            if !is_origin(origin) {
                let pointer = format!("/allowed_origins/{index}");
                check.fault(
                    &pointer,
                    "must be an origin such as https://shop.example, without a path",
                );
            }
        }
    }
}

/// Whether the text is a web origin exactly as browsers send it (RFC 6454 §6.2): no path, no default
/// port, the host in lower case.
fn is_origin(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == text
    })
}

/// What a key may be used for. More kinds will come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// Stands in a page: may only open visitors' sessions.
    Publishable,
}

/// A key as it stands. The secret part is never shown again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Key {
    /// The key's id.
    pub id: KeyId,
    /// What it may be used for.
    pub kind: KeyKind,
    /// What it is for.
    pub name: String,
    /// The agent that its visitors talk to.
    pub agent_id: AgentId,
    /// The origins whose pages may use it.
    pub allowed_origins: Vec<String>,
    /// The first characters, to tell keys apart.
    pub prefix: String,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// A key that was just created: the only time that it is shown whole.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct NewKey {
    /// The key to put on the page: `pk_…`.
    pub key: String,
    /// What is kept of it.
    #[serde(flatten)]
    pub details: Key,
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewKey")
            .field("details", &self.details)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_as_browsers_send_them() {
        for good in [
            "https://shop.example",
            "http://127.0.0.1:4000",
            "http://[::1]:4000",
        ] {
            assert!(is_origin(good), "{good}");
        }
        for bad in [
            "shop.example",
            "https://shop.example/",
            "https://Shop.example",
            "ftp://shop.example",
            "https://",
            "*",
            "null",
            "https://shop.example:443",
            "https://a:b",
            "https://me@shop.example",
            "https://shop.example?q",
        ] {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}
