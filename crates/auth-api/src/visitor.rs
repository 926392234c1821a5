//! Visitors of the widget.

use std::fmt;

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
}

impl Validate for VisitorSession {
    fn validate(&self, check: &mut Check) {
        check.line("/key", self.key.expose_secret(), 1..=200);
        if let Some(secret) = &self.visitor_secret {
            check.line("/visitor_secret", secret.expose_secret(), 1..=200);
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
