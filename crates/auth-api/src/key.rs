//! Keys: publishable ones stand in a page and may only open visitors' sessions; secret ones belong to
//! programs.

use std::{fmt, net::IpAddr};

use chrono::{DateTime, Utc};
use common::tokens::Permission;
use ids::{AgentId, KeyId};
use rest::{Check, Validate};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// Stands in a page: may only open visitors' sessions.
    #[default]
    Publishable,
    /// Belongs to a program: may do what its scopes say.
    Secret,
}

impl KeyKind {
    /// The kind as tables and JSON spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Publishable => "publishable",
            Self::Secret => "secret",
        }
    }
}

/// A key to be created.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateKey {
    /// What it may be used for.
    #[serde(default)]
    pub kind: KeyKind,
    /// What it is for.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// The agent that its visitors talk to; a publishable key needs it, a secret one has none.
    #[serde(default)]
    pub agent_id: Option<AgentId>,
    /// The origins whose pages may use it, such as `https://shop.example`; a publishable key needs one
    /// at least, a secret one has none.
    #[serde(default)]
    #[schema(max_items = 20)]
    pub allowed_origins: Vec<String>,
    /// The permissions that a secret key has, such as `contacts:read`: one at least, and none that its
    /// creator lacks.
    #[serde(default)]
    #[schema(example = json!(["contacts:read"]))]
    pub scopes: Vec<String>,
    /// When a secret key ends, to the second and at most a year ahead. Without it the key is good until
    /// it is revoked.
    #[serde(default)]
    pub expires_at: Option<DateTime<Utc>>,
}

impl Validate for CreateKey {
    fn validate(&self, check: &mut Check) {
        check.line("/name", &self.name, 1..=100);
        match self.kind {
            KeyKind::Publishable => self.validate_publishable(check),
            KeyKind::Secret => self.validate_secret(check),
        }
    }
}

impl CreateKey {
    fn validate_publishable(&self, check: &mut Check) {
        if self.agent_id.is_none() {
            check.fault("/agent_id", "is needed for a publishable key");
        }
        if !(1..=20).contains(&self.allowed_origins.len()) {
            check.fault("/allowed_origins", "must name 1 to 20 origins");
        }
        for (index, origin) in self.allowed_origins.iter().enumerate() {
            if !is_origin(origin) {
                check.fault(
                    &format!("/allowed_origins/{index}"),
                    "must be an origin such as https://shop.example, without a path",
                );
            }
        }
        if !self.scopes.is_empty() {
            check.fault("/scopes", "is for secret keys only");
        }
        if self.expires_at.is_some() {
            check.fault("/expires_at", "is for secret keys only");
        }
    }

    fn validate_secret(&self, check: &mut Check) {
        if self.scopes.is_empty() {
            check.fault("/scopes", "must name at least one permission");
        }
        for (index, scope) in self.scopes.iter().enumerate() {
            let pointer = format!("/scopes/{index}");
            if !Permission::ALL.iter().any(|known| known.as_str() == scope) {
                check.fault(
                    &pointer,
                    "is no permission; GET /auth/permissions lists them",
                );
            } else if self.scopes[..index].contains(scope) {
                check.fault(&pointer, "stands in the list twice");
            }
        }
        if self.agent_id.is_some() {
            check.fault("/agent_id", "is for publishable keys only");
        }
        if !self.allowed_origins.is_empty() {
            check.fault("/allowed_origins", "is for publishable keys only");
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

/// A key as it stands. The secret part is never shown again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Key {
    /// The key's id.
    pub id: KeyId,
    /// What it may be used for.
    pub kind: KeyKind,
    /// What it is for.
    pub name: String,
    /// The agent that its visitors talk to; null for a secret key.
    pub agent_id: Option<AgentId>,
    /// The origins whose pages may use it; none for a secret key.
    pub allowed_origins: Vec<String>,
    /// The permissions that a secret key has; none for a publishable key.
    pub scopes: Vec<String>,
    /// When it ends; null when only revoking ends it.
    pub expires_at: Option<DateTime<Utc>>,
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
    /// The key: `pk_…` for the page, `sk_…` for the program.
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

/// What the gateway sends to `POST /internal/keys/exchange`: a program came with a secret key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExchangeKey {
    /// The secret key: `sk_…`.
    pub key: SecretString,
    /// Where the program's request came from.
    #[serde(default)]
    pub address: Option<IpAddr>,
}

impl Validate for ExchangeKey {
    /// Whatever is no key of ours is just unknown.
    fn validate(&self, _: &mut Check) {}
}

/// What the gateway gets for a secret key.
#[derive(Clone, Serialize, Deserialize)]
pub struct KeyToken {
    /// The program's access token.
    pub access_token: String,
    /// Seconds until it ends: ten minutes, or fewer when the key ends sooner.
    pub expires_in: i64,
}

impl fmt::Debug for KeyToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyToken")
            .field("expires_in", &self.expires_in)
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

    #[test]
    fn a_secret_key_is_never_printed() {
        const SECRET: &str = "sk_s3cret";
        let exchange: ExchangeKey =
            serde_json::from_value(serde_json::json!({ "key": SECRET })).unwrap();
        let token = KeyToken {
            access_token: SECRET.to_owned(),
            expires_in: 600,
        };
        let text = format!("{exchange:?} {token:?}");
        assert!(!text.contains(SECRET) && text.contains("600"), "{text}");
    }
}
