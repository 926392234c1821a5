//! Sessions: signing in, renewing, signing out, and seeing where one is signed in.

use std::{fmt, net::IpAddr};

use chrono::{DateTime, Utc};
use common::telemetry::Personal;
use ids::{SessionId, WorkspaceId};
use rest::{Check, Validate};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::password;

/// Signing in.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The e-mail address.
    #[schema(value_type = String, example = "ada@example.com", min_length = 1, max_length = 320)]
    pub email: Personal<String>,
    /// The password.
    #[schema(value_type = String, format = Password, max_length = 1024)]
    pub password: SecretString,
    /// Whether the answer shall carry the refresh token too, for programs that keep no cookies.
    #[serde(default)]
    pub return_refresh_token: bool,
}

impl Validate for Login {
    fn validate(&self, check: &mut Check) {
        // Whether it is well-formed says nothing about an account, so no oracle is made here; only the
        // work for the hash is bounded.
        check.text("/email", self.email.expose(), 1..=320);
        password::present_password(check, "/password", &self.password);
    }
}

/// Renewing the access token. Browsers send the cookie and no body.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// The refresh token, for programs that keep no cookies; the answer then carries its successor.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    pub refresh_token: Option<SecretString>,
}

impl Validate for Refresh {
    fn validate(&self, check: &mut Check) {
        refresh_token(check, self.refresh_token.as_ref());
    }
}

/// Signing out. Browsers send the cookies and no body.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Logout {
    /// The refresh token, for programs that keep no cookies; the access token in the header does too.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    pub refresh_token: Option<SecretString>,
}

impl Validate for Logout {
    fn validate(&self, check: &mut Check) {
        refresh_token(check, self.refresh_token.as_ref());
    }
}

fn refresh_token(check: &mut Check, token: Option<&SecretString>) {
    if let Some(token) = token {
        check.line("/refresh_token", token.expose_secret(), 1..=200);
    }
}

/// An access token. The cookies carry it and its refresh token too.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct TokenResponse {
    /// The access token.
    pub access_token: String,
    /// Always `Bearer`.
    pub token_type: String,
    /// Seconds until it ends.
    pub expires_in: i64,
    /// The refresh token, for programs that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
}

impl fmt::Debug for TokenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenResponse")
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}

/// One of the caller's own sign-ins that is still good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// The session.
    pub id: SessionId,
    /// The workspace that it is for.
    pub workspace_id: WorkspaceId,
    /// Whether it is the one that asks.
    pub current: bool,
    /// What the client called itself.
    pub user_agent: Option<String>,
    /// The address that it signed in from.
    #[schema(value_type = Option<String>, example = "192.0.2.7")]
    pub address: Option<IpAddr>,
    /// How the person proved who they are: `password`, `totp`, `recovery_code`, `passkey`, `issuer`.
    pub methods: Vec<String>,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When it was last renewed.
    pub last_used_at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Key, KeyKind, NewKey, Register, VisitorSession, VisitorTokens};

    const SECRET: &str = "s3cret-value";

    #[test]
    fn nothing_secret_or_personal_is_ever_printed() {
        let register: Register = serde_json::from_value(serde_json::json!({
            "email": format!("{SECRET}@example.com"), "password": SECRET, "name": SECRET, "workspace_name": "Shop",
        }))
        .unwrap();
        let login: Login =
            serde_json::from_value(serde_json::json!({ "email": SECRET, "password": SECRET }))
                .unwrap();
        let refresh: Refresh =
            serde_json::from_value(serde_json::json!({ "refresh_token": SECRET })).unwrap();
        let logout: Logout =
            serde_json::from_value(serde_json::json!({ "refresh_token": SECRET })).unwrap();
        let visitor: VisitorSession =
            serde_json::from_value(serde_json::json!({ "key": SECRET, "visitor_secret": SECRET }))
                .unwrap();
        let tokens = TokenResponse {
            access_token: SECRET.to_owned(),
            token_type: "Bearer".to_owned(),
            expires_in: 600,
            refresh_token: Some(SECRET.to_owned()),
        };
        let visitor_tokens = VisitorTokens {
            visitor_id: ids::VisitorId::new(),
            visitor_secret: SECRET.to_owned(),
            agent_id: ids::AgentId::new(),
            access_token: SECRET.to_owned(),
            token_type: "Bearer".to_owned(),
            expires_in: 3600,
        };
        let key = NewKey {
            key: SECRET.to_owned(),
            details: Key {
                id: ids::KeyId::new(),
                kind: KeyKind::Publishable,
                name: "the shop".to_owned(),
                agent_id: Some(ids::AgentId::new()),
                allowed_origins: Vec::new(),
                scopes: Vec::new(),
                prefix: "pk_abc".to_owned(),
                created_at: DateTime::UNIX_EPOCH,
                expires_at: None,
                last_used_at: None,
            },
        };
        let text = format!(
            "{register:?} {login:?} {refresh:?} {logout:?} {visitor:?} {tokens:?} {visitor_tokens:?} {key:?}"
        );
        assert!(!text.contains(SECRET), "{text}");
        assert!(text.contains("the shop") && text.contains("Shop"), "{text}");
    }
}
