//! Visitors of the widget.

use std::fmt;

use common::telemetry::Personal;
use ids::{AgentId, VisitorId};
use rest::{Check, Validate};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Opens a visitor's session, or renews it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VisitorSession {
    /// The publishable key of the page: `pk_…`.
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    pub key: SecretString,
    /// What an earlier answer gave, to stay the same visitor.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    pub visitor_secret: Option<SecretString>,
    /// Who the visitor is, as the company's own server says it: a JWT (RFC 7519) that it signed by
    /// HS256 with the workspace's identity secret. `sub` is the company's id of the person (1 to 200
    /// characters), `exp` at most a day ahead; `email` and `name` are optional.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 4096)]
    pub identity: Option<SecretString>,
}

impl Validate for VisitorSession {
    fn validate(&self, check: &mut Check) {
        check.line("/key", self.key.expose_secret(), 1..=200);
        if let Some(secret) = &self.visitor_secret {
            check.line("/visitor_secret", secret.expose_secret(), 1..=200);
        }
        if let Some(identity) = &self.identity {
            check.line("/identity", identity.expose_secret(), 1..=4096);
        }
    }
}

/// A visitor's session.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct VisitorTokens {
    /// The visitor.
    pub visitor_id: VisitorId,
    /// Keep it to stay the same visitor.
    pub visitor_secret: String,
    /// The agent to talk to.
    pub agent_id: AgentId,
    /// The access token.
    pub access_token: String,
    /// Always `Bearer`.
    pub token_type: String,
    /// Seconds until it ends.
    pub expires_in: i64,
}

impl fmt::Debug for VisitorTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VisitorTokens")
            .field("visitor_id", &self.visitor_id)
            .field("agent_id", &self.agent_id)
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}

/// The secret that a company's own server signs its visitors' identities with: the only time that it is
/// shown.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct IdentitySecret {
    /// The key of HS256: these characters as they are, `is_` included.
    pub secret: String,
}

impl fmt::Debug for IdentitySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentitySecret").finish_non_exhaustive()
    }
}

/// Who an identified visitor is: what the company's server signed last. Other services ask for it by
/// `GET /internal/workspaces/{workspace_id}/visitors/{visitor_id}/identity`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisitorIdentity {
    /// The company's id of the person.
    pub external_id: Personal<String>,
    /// The e-mail address, if the company told it.
    pub email: Option<Personal<String>>,
    /// The name, if the company told it.
    pub name: Option<Personal<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_a_visitor_is_and_what_proves_it_are_never_printed() {
        const SECRET: &str = "s3cret-value";
        let session: VisitorSession = serde_json::from_value(serde_json::json!({
            "key": SECRET, "visitor_secret": SECRET, "identity": SECRET,
        }))
        .unwrap();
        let secret = IdentitySecret {
            secret: SECRET.to_owned(),
        };
        let identity: VisitorIdentity = serde_json::from_value(serde_json::json!({
            "external_id": SECRET, "email": SECRET, "name": SECRET,
        }))
        .unwrap();
        let text = format!("{session:?} {secret:?} {identity:?}");
        assert!(!text.contains(SECRET), "{text}");
    }
}
